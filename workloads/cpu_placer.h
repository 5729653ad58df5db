// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CPU_PLACER_H_
#define SLABLAB_WORKLOADS_CPU_PLACER_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "sim/machine/machine_config.h"
#include "traces/slt/trace.h"
#include "workloads/recorded_places.h"

namespace slablab {

enum class CpuPlacement : uint8_t {
  kRecorded,  // on the CPU that stands for the recorded one (workloads/recorded_places.h)
  kSpread,    // tasks one after another on the machine's CPUs, in order of first sight
  kPack,      // tasks on as few nodes as there are CPUs for; in closed order only
};

// On which of the machine's CPUs an event of a trace runs, in recorded order.
class CpuPlacer {
 public:
  // `cpu_count`: recorded CPUs are below.
  CpuPlacer(const RecordedPlaces& places, int32_t cpu_count, CpuPlacement placement);

  CpuId Place(const Event& event) {
    if (placement_ == CpuPlacement::kRecorded) return places_.CpuFor(event.cpu);
    LastTask& last = last_task_[event.cpu];
    if (last.pid != event.pid || last.cpu.value() < 0) last = {event.pid, CpuOfTask(event.pid)};
    return last.cpu;
  }

 private:
  // The task that each recorded CPU ran last, and where it is.
  struct LastTask {
    int32_t pid = -1;
    CpuId cpu{-1};
  };
  CpuId CpuOfTask(int32_t pid);

  const RecordedPlaces& places_;
  const CpuPlacement placement_;
  const int cpus_;
  absl::flat_hash_map<int32_t, CpuId> cpu_of_task_;
  std::vector<LastTask> last_task_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CPU_PLACER_H_
