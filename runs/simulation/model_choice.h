// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_MODEL_CHOICE_H_
#define SLABLAB_RUNS_SIMULATION_MODEL_CHOICE_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "runs/simulation/simulation_options.h"

// What "slub" is in a run: the model of the recorded kernel's SLUB (allocators/registry.h). It is
// made out where a run's options meet its trace; what follows knows models alone.

namespace slablab {

// Makes the options' allocator a model, if it is "slub". `release`: the recorded kernel's; empty:
// nothing was recorded, or the recording does not say.
void ChooseModel(std::string_view release, SimulationOptions* options);

// ChooseModel() for runs that are looked at before they begin; opens each trace once. One that
// cannot be read says nothing: the error is for who reads it next.
class ModelChooser {
 public:
  void Choose(SimulationOptions* options);

 private:
  std::map<std::string, std::string, std::less<>> releases_;  // by trace
};

// The name that digests have of a model. That of Linux 6.1 was "slub" when baselines and stored
// points were made, and what is the same run keeps its digest.
std::string_view DigestedName(std::string_view allocator);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_MODEL_CHOICE_H_
