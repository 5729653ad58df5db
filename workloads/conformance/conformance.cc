// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/conformance/conformance.h"

#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "fmt/format.h"
#include "sim/machine.h"
#include "workloads/conformance/reference_replay.h"

namespace slablab {
namespace {

// "linux-6.1.192" -> "6.1.192".
std::string_view ReleaseOf(std::string_view kernel) {
  constexpr std::string_view kPrefix = "linux-";
  return kernel.starts_with(kPrefix) ? kernel.substr(kPrefix.size()) : kernel;
}

}  // namespace

Conformance& Conformance::operator+=(const Conformance& other) {
  placements.agreeing += other.placements.agreeing;
  placements.total += other.placements.total;
  figures.agreeing += other.figures.agreeing;
  figures.total += other.figures.total;
  Note(other.first_disagreement);
  return *this;
}

absl::StatusOr<Conformance> ReplayReference(const ReferenceRun& run) {
  const absl::StatusOr<std::string_view> model = ModelOfKernel(run.design, ReleaseOf(run.kernel));
  if (!model.ok()) {
    return absl::NotFoundError(
        fmt::format("{}: {}", run.path, std::string(model.status().message())));
  }
  Machine machine(ReferenceMachine(run.machine));
  AllocatorOptions options;
  options.quirks = RecordedQuirks(SwitchesOf(*model));
  const absl::StatusOr<std::unique_ptr<Allocator>> allocator =
      MakeAllocator(*model, machine, options);
  if (!allocator.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {}", run.path, std::string(allocator.status().message())));
  }
  return ReferenceReplay(run, machine, **allocator).Run();
}

}  // namespace slablab
