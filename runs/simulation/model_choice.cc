// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/model_choice.h"

#include <memory>

#include "absl/status/statusor.h"
#include "allocators/registry.h"
#include "traces/slt/trace.h"

namespace slablab {

void ChooseModel(std::string_view release, SimulationOptions* options) {
  if (options->run.allocator() != kSlubOfKernel) return;
  options->run.set_allocator(std::string(SlubOfKernel(release)));
  options->allocator_of_kernel = true;
}

void ModelChooser::Choose(SimulationOptions* options) {
  if (options->run.allocator() != kSlubOfKernel) return;
  const auto [entry, added] = releases_.try_emplace(options->run.trace());
  if (added && !options->run.trace().empty()) {
    const absl::StatusOr<std::unique_ptr<TraceReader>> reader =
        TraceReader::Open(options->run.trace(), TraceReader::Options());
    if (reader.ok()) entry->second = (*reader)->header().kernel_release;
  }
  ChooseModel(entry->second, options);
}

std::string_view DigestedName(std::string_view allocator) {
  return allocator == "slub-6.1" ? "slub" : allocator;
}

}  // namespace slablab
