// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SWITCHES_H_
#define SLABLAB_ALLOCATORS_SWITCHES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "allocators/meanings.h"
#include "allocators/policies.h"

// What can be switched and set on a model, as tables: the model asks them, and so does whoever
// lists them or looks at a run before it begins.

namespace slablab {

struct AllocatorOptions;
struct MachineConfig;
struct QueuePolicy;
struct SlabPolicy;
struct SlubPolicy;

// A named deviation, off by default.
struct QuirkInfo {
  std::string_view name;
  std::string_view meaning;  // a sentence or two
  // It leaves out what few tests of the model want: caches, or what it does by chance alone.
  bool is_plain = false;
  // The kernels of the reference runs were built, booted or set so.
  bool is_recorded = false;
};

// What a cache's sysfs or proc file takes. Within the range, how values meet may still refuse one.
struct TunableInfo {
  std::string_view name;
  int64_t least = 0;
  int64_t most = 0;
  std::string_view initial;  // what a cache begins with, in words; empty: it is no value but an act
  std::string_view meaning;
  // A boot parameter: of all caches, and set before the kernel boots.
  bool at_boot = false;
};

struct ModelSwitches {
  absl::Span<const QuirkInfo> quirks = {};
  absl::Span<const std::string_view> boots = {};  // the first is the default; empty: one way only
  absl::Span<const TunableInfo> tunables = {};
  // Counters, each a file that takes 0 and clears it, where statistics are on.
  absl::Span<const FigureInfo> counters = {};
};

// Of a model's quirks those that make it plain, and those that the reference runs were recorded
// with.
std::vector<std::string> PlainQuirks(const ModelSwitches& switches);
std::vector<std::string> RecordedQuirks(const ModelSwitches& switches);

// The models' own.
ModelSwitches SlubSwitches(const SlubPolicy& policy);
// InvalidArgument if the kernel would boot with slabs of more objects than it can count.
absl::Status CheckSlubBoot(const MachineConfig& machine, const AllocatorOptions& options,
                           const SlubPolicy& policy);
ModelSwitches SlabSwitches(const SlabPolicy& policy);
ModelSwitches Slub2010Switches(const SlubPolicy& policy);
ModelSwitches SlubQSwitches(const QueuePolicy& policy);
// The quirks of a percpu allocator; none for an unknown one.
absl::Span<const QuirkInfo> PercpuQuirkInfos(std::string_view name);

// What can be switched and set on the model `name`, of slab or of per-CPU memory, with these
// switches of its policy, as far as they can be; nothing for an unknown one.
ModelSwitches SwitchesOf(std::string_view name, absl::Span<const std::string> policies = {});

// The switches of the policy of the model `name`, with these of them set, or without if they cannot
// be so; none for one that has no policy, or is unknown.
std::vector<PolicyInfo> PoliciesOf(std::string_view name,
                                   absl::Span<const std::string> policies = {});
// What `policies` set of them, in the order of the table. REQUIRES: CheckPolicies() is OK.
std::vector<PolicyChange> PolicyChanges(std::string_view name,
                                        absl::Span<const std::string> policies);

// InvalidArgument, with what there is, for a quirk or a boot that the model `name` has not. Every
// model has the empty boot.
absl::Status CheckQuirk(std::string_view name, std::string_view quirk);
absl::Status CheckBoot(std::string_view name, std::string_view boot);
// The same for one switch of the policy, "NAME=VALUE", whatever goes with it; and for all of a run
// together, where the reason is said why they cannot be.
absl::Status CheckPolicy(std::string_view name, const std::string& policy);
absl::Status CheckPolicies(std::string_view name, absl::Span<const std::string> policies);

// Whether the model `name` has a boot parameter `key`.
bool IsBootParameter(std::string_view name, std::string_view key);

// What MakeAllocator, and the percpu models' MakePercpuAreas, would refuse: InvalidArgument, with
// what is valid where something is unknown.
absl::Status CheckAllocator(std::string_view name, const MachineConfig& machine,
                            const AllocatorOptions& options);

// "cpu_partial cannot be set to -1".
absl::Status TunableRefused(std::string_view name, int64_t value, std::string_view why = "");

// Whether `model` has a tunable `name`, or with `statistics` such a counter, that takes `value` as
// far as its range says. InvalidArgument otherwise, with what there is or what is taken.
absl::Status CheckTunable(std::string_view model, const ModelSwitches& switches, bool statistics,
                          std::string_view name, int64_t value);
// The same while the kernel runs: a boot parameter comes too late.
absl::Status CheckTuning(std::string_view model, const ModelSwitches& switches, bool statistics,
                         std::string_view name, int64_t value);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SWITCHES_H_
