// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/registry.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "allocators/percpu/registry.h"
#include "allocators/slab/slab.h"
#include "allocators/slub/locked_cpu_slabs/locked_cpu_slabs.h"
#include "allocators/slub/slub.h"
#include "allocators/slubq/slubq.h"
#include "allocators/switches.h"
#include "base/names.h"
#include "fmt/format.h"

namespace slablab {
namespace {

using Settings = absl::Span<const std::string>;

struct Entry {
  AllocatorInfo info;
  ModelSwitches (*switches)(Settings policies);
  // Null, these three: it has no policy.
  std::vector<PolicyInfo> (*policies)(Settings policies) = nullptr;
  // Each by itself, and all together.
  absl::Status (*check_each)(Settings policies) = nullptr;
  absl::Status (*check)(Settings policies) = nullptr;
  // REQUIRES: check() is OK with the options' policies.
  std::unique_ptr<Allocator> (*make)(Machine& machine, const AllocatorOptions& options);
  // What the kernel would not survive, of options that are valid each by itself.
  absl::Status (*check_boot)(const MachineConfig& machine,
                             const AllocatorOptions& options) = nullptr;
};

// Each has to be one of the model's, with a value that it takes.
absl::Status CheckBootParameters(std::string_view model, const ModelSwitches& switches,
                                 const AllocatorOptions& options) {
  for (const BootParameter& parameter : options.boot_parameters) {
    const absl::Status status =
        CheckTunable(model, switches, options.statistics, parameter.name, parameter.value);
    if (!status.ok()) return status;
    if (!IsBootParameter(model, parameter.name)) {
      return absl::InvalidArgumentError(
          fmt::format("{} is no boot parameter of {}", parameter.name, model));
    }
  }
  return absl::OkStatus();
}

constexpr ModelKernel kLinux612 = {.version = 6, .patchlevel = 12};
constexpr ModelKernel kLinux618 = {.version = 6, .patchlevel = 18};
// The last before the per-CPU arrays of SLAB came from the percpu allocator.
constexpr ModelKernel kLinux317 = {.version = 3, .patchlevel = 17};

constexpr ModelKernel kLinux70 = {.version = 7, .patchlevel = 0};
constexpr ModelKernel kLinux71 = {.version = 7, .patchlevel = 1};
constexpr ModelKernel kLinux72 = {.version = 7, .patchlevel = 2};
constexpr ModelKernel kLinux73 = {.version = 7, .patchlevel = 3};

// For a model that has none, percpu allocators among them.
absl::Status NoPolicies(std::string_view model, Settings policies) {
  for (const std::string& text : policies) {
    const absl::StatusOr<PolicySetting> setting = ParsePolicy(text);
    if (!setting.ok()) return setting.status();
    if (!setting->allocator.empty() && setting->allocator != model) {
      return ForeignPolicy(model, *setting);
    }
    return UnknownPolicy(model, setting->name, {});
  }
  return absl::OkStatus();
}

constexpr ModelKernel Patched(ModelKernel kernel, std::string_view patches) {
  kernel.patches = patches;
  return kernel;
}

// A model as a policy says: what can be switched of it, and how it is made of what comes of that.
template <typename Policy>
struct Family {
  const PolicyTable<Policy>& table;
  ModelSwitches (*switches)(const Policy& policy);
  std::unique_ptr<Allocator> (*make)(Machine& machine, const AllocatorOptions& options,
                                     const Policy& policy);
  absl::Status (*check_boot)(const MachineConfig& machine, const AllocatorOptions& options,
                             const Policy& policy);
};

template <typename Model, typename Policy>
std::unique_ptr<Allocator> Make(Machine& machine, const AllocatorOptions& options,
                                const Policy& policy) {
  return std::make_unique<Model>(machine, options, policy);
}

// SLAB survives whatever it is booted with.
absl::Status CheckNothing(const MachineConfig&, const AllocatorOptions&, const SlabPolicy&) {
  return absl::OkStatus();
}
// SLUB+Q survives what its elder does.
absl::Status CheckSlubQBoot(const MachineConfig& machine, const AllocatorOptions& options,
                            const QueuePolicy& policy) {
  SlubPolicy elder = kSlub2010;
  elder.lives = policy.lives;
  return CheckSlubBoot(machine, options, elder);
}
ModelSwitches SwitchesOfSlub(const SlubPolicy& policy) { return policy.switches(policy); }

constexpr Family<SlubPolicy> kSlub = {kSlubPolicies, SwitchesOfSlub, MakeSlub, CheckSlubBoot};
constexpr Family<SlabPolicy> kSlab = {kSlabPolicies, SlabSwitches, Make<SlabAllocator, SlabPolicy>,
                                      CheckNothing};
constexpr Family<QueuePolicy> kSlubQ = {kQueuePolicies, SlubQSwitches, Make<SlubQ, QueuePolicy>,
                                        CheckSlubQBoot};

template <const auto& kFamily, const auto& kPolicy>
constexpr Entry ModelOf(const AllocatorInfo& info) {
  return {
      .info = info,
      .switches =
          [](Settings policies) {
            const auto policy = WithPolicies(kFamily.table, kPolicy, policies);
            return kFamily.switches(policy.ok() ? *policy : kPolicy);
          },
      .policies =
          [](Settings policies) {
            const auto policy = WithPolicies(kFamily.table, kPolicy, policies);
            return ListPolicies(kFamily.table, policy.ok() ? *policy : kPolicy);
          },
      .check_each =
          [](Settings policies) { return WithoutCheck(kFamily.table, kPolicy, policies).status(); },
      .check =
          [](Settings policies) { return WithPolicies(kFamily.table, kPolicy, policies).status(); },
      .make =
          [](Machine& machine, const AllocatorOptions& options) {
            return kFamily.make(machine, options,
                                WithPolicies(kFamily.table, kPolicy, options.policies).value());
          },
      .check_boot =
          [](const MachineConfig& machine, const AllocatorOptions& options) {
            return kFamily.check_boot(
                machine, options, WithPolicies(kFamily.table, kPolicy, options.policies).value());
          }};
}

// The table. A further model is one more line here.
constexpr Entry kEntries[] = {
    ModelOf<kSlub, kSlub61>(
        {"slub-6.1", kLinux61,
         "SLUB as of Linux 6.1: per-CPU slabs, lockless fast paths, partial lists.", "slub"}),
    ModelOf<kSlub, kSlub612>({"slub-6.12", kLinux612,
                              "SLUB as of Linux 6.12: slabs on CPUs' partial lists are not frozen.",
                              "slub"}),
    ModelOf<kSlub, kSlub618>({"slub-6.18", kLinux618,
                              "SLUB as of Linux 6.18: sheaves for caches that ask, over CPU slabs.",
                              "slub"}),
    ModelOf<kSlub, kSlub70>(
        {"slub-7.0", kLinux70, "SLUB as of Linux 7.0: sheaves and barns, no CPU slabs.", "slub"}),
    ModelOf<kSlub, kSlub71>({"slub-7.1", kLinux71,
                             "SLUB as of Linux 7.1: sheaves for nodes without memory too.",
                             "slub"}),
    ModelOf<kSlub, kSlub72>({"slub-7.2", kLinux72,
                             "SLUB as of Linux 7.2: sheaves are filled in the order of slabs.",
                             "slub"}),
    ModelOf<kSlub, kSlub73>({"slub-7.3", kLinux73,
                             "SLUB as of Linux 7.3: bulk frees part remote objects in place.",
                             "slub"}),
    ModelOf<kSlab, kSlabPolicy61>({"slab", kLinux61,
                                   "SLAB as of Linux 6.1: per-CPU, shared and alien arrays of "
                                   "objects.",
                                   "slab"}),
    ModelOf<kSlab, kSlabPolicy2014>(
        {"slab-2014", kLinux317, "SLAB before its per-CPU arrays came from the percpu allocator.",
         "slab"}),
    ModelOf<kSlab, kSlabPolicy2014Percpu>({"slab-2014-percpu",
                                           Patched(kLinux317, "per-CPU arrays from percpu"),
                                           "slab-2014 with that change alone."}),
    ModelOf<kSlub, kSlub2010>(
        {"slub-2010", kLinux2636,
         "SLUB as of Linux 2.6.36: a slab per CPU, interrupts off, slab locks.", "slub"}),
    ModelOf<kSlubQ, kQueuePolicyV2>(
        {"slubq-v2", Patched(kLinux2636, "SLUB+Q V2"),
         "SLUB+Q V2 (July 2010): one queue per CPU, of objects from any node."}),
    ModelOf<kSlubQ, kQueuePolicyV3>(
        {"slubq", Patched(kLinux2636, "SLUB+Q V3"),
         "SLUB+Q V3 (August 2010): queues and bitmaps over slabs with locks."}),
    ModelOf<kSlubQ, kQueuePolicyV4>(
        {"slubq-v4", Patched(kLinux2636, "SLUB+Q Unified V4"),
         "SLUB+Q as Unified V4 (October 2010): one lock per node instead of slabs'."}),
};

// Percpu allocators have a registry of their own; what a kernel is, is known here.
struct PercpuKernel {
  std::string_view name;
  ModelKernel kernel;
};
constexpr PercpuKernel kPercpuKernels[] = {{"percpu", kLinux61},
                                           {"percpu-km", kLinux61},
                                           {"percpu-2010", kLinux2636},
                                           {"percpu-2010-km", kLinux2636}};

// Tests' own.
std::vector<Entry>& Further() {
  static auto* const kFurther = new std::vector<Entry>;
  return *kFurther;
}

const Entry* Find(std::string_view name) {
  for (const Entry& entry : kEntries) {
    if (entry.info.name == name) return &entry;
  }
  for (const Entry& entry : Further()) {
    if (entry.info.name == name) return &entry;
  }
  return nullptr;
}

bool HasPolicies(const Entry* entry) { return entry != nullptr && entry->policies != nullptr; }

// Those of per-CPU memory are named too, though they are no slab allocators and made elsewhere.
absl::Status UnknownAllocator(std::string_view name) {
  return UnknownName("allocator", name, AllocatorNames());
}

// Of a model with these switches of its policy.
absl::Status CheckBootOf(std::string_view name, std::string_view boot, Settings policies) {
  const absl::Span<const std::string_view> boots = SwitchesOf(name, policies).boots;
  if (boot.empty() || std::find(boots.begin(), boots.end(), boot) != boots.end()) {
    return absl::OkStatus();
  }
  return UnknownName(fmt::format("boot of {}", name), boot, NameList(boots));
}

}  // namespace

std::vector<AllocatorInfo> ListAllocators() {
  std::vector<AllocatorInfo> infos;
  for (const Entry& entry : kEntries) infos.push_back(entry.info);
  for (const Entry& entry : Further()) infos.push_back(entry.info);
  return infos;
}

std::vector<std::string> AllocatorNames() {
  std::vector<std::string> names = {std::string(kSlubOfKernel)};
  for (std::string& model : NamesOf(ListAllocators())) names.push_back(std::move(model));
  for (std::string& percpu : NamesOf(ListPercpuAllocators())) names.push_back(std::move(percpu));
  return names;
}

std::string_view SlubOfKernel(std::string_view release) {
  const std::optional<ModelKernel> recorded = KernelOfRelease(release);
  const AllocatorInfo* oldest = nullptr;
  const AllocatorInfo* chosen = nullptr;
  for (const Entry& entry : kEntries) {
    const AllocatorInfo& info = entry.info;
    if (info.design != "slub") continue;
    if (oldest == nullptr || IsEarlier(info.kernel, oldest->kernel)) oldest = &info;
    if (recorded.has_value() && IsEarlier(*recorded, info.kernel)) continue;
    if (chosen == nullptr || IsEarlier(chosen->kernel, info.kernel)) chosen = &info;
  }
  return chosen == nullptr ? oldest->name : chosen->name;
}

void RegisterForTests(const AllocatorInfo& info, ModelSwitches (*switches)(Settings policies),
                      std::unique_ptr<Allocator> (*make)(Machine& machine,
                                                         const AllocatorOptions& options)) {
  if (Find(info.name) != nullptr) return;
  Further().push_back({.info = info, .switches = switches, .make = make});
}

absl::StatusOr<ModelKernel> KernelOf(std::string_view name) {
  if (const Entry* const entry = Find(name); entry != nullptr) return entry->info.kernel;
  for (const PercpuKernel& percpu : kPercpuKernels) {
    if (percpu.name == name) return percpu.kernel;
  }
  return UnknownAllocator(name);
}

absl::StatusOr<std::string_view> ModelOfKernel(std::string_view design, std::string_view release) {
  std::string kernels;
  for (const Entry& entry : kEntries) {
    if (entry.info.design.empty() || entry.info.design != design) continue;
    if (IsOfSeries(entry.info.kernel, release)) return entry.info.name;
    if (!kernels.empty()) kernels += ", ";
    kernels += KernelName(entry.info.kernel);
  }
  if (kernels.empty()) return absl::NotFoundError(fmt::format("there is no model of '{}'", design));
  return absl::NotFoundError(fmt::format("there is no model of '{}' as of Linux {}, only of {}",
                                         design, release, kernels));
}

ModelSwitches SwitchesOf(std::string_view name, absl::Span<const std::string> policies) {
  if (const Entry* const entry = Find(name); entry != nullptr) return entry->switches(policies);
  return {.quirks = PercpuQuirkInfos(name)};
}

std::vector<PolicyInfo> PoliciesOf(std::string_view name, absl::Span<const std::string> policies) {
  const Entry* const entry = Find(name);
  return HasPolicies(entry) ? entry->policies(policies) : std::vector<PolicyInfo>();
}

std::vector<PolicyChange> PolicyChanges(std::string_view name,
                                        absl::Span<const std::string> policies) {
  std::vector<PolicyChange> changes;
  for (const PolicyInfo& info : PoliciesOf(name)) {
    PolicyChange change{.name = std::string(info.name), .value = {}, .own = info.value};
    bool is_set = false;
    for (const std::string& text : policies) {
      const absl::StatusOr<PolicySetting> setting = ParsePolicy(text);
      if (!setting.ok() || setting->name != info.name) continue;
      is_set = true;
      change.value = setting->value;
    }
    if (is_set) changes.push_back(std::move(change));
  }
  return changes;
}

absl::Status CheckPolicy(std::string_view name, const std::string& policy) {
  const Entry* const entry = Find(name);
  return HasPolicies(entry) ? entry->check_each({policy}) : NoPolicies(name, {policy});
}

absl::Status CheckPolicies(std::string_view name, absl::Span<const std::string> policies) {
  const Entry* const entry = Find(name);
  return HasPolicies(entry) ? entry->check(policies) : NoPolicies(name, policies);
}

absl::Status CheckQuirk(std::string_view name, std::string_view quirk) {
  const std::vector<std::string> names = NamesOf(SwitchesOf(name).quirks);
  if (std::find(names.begin(), names.end(), quirk) != names.end()) return absl::OkStatus();
  return UnknownName(fmt::format("quirk of {}", name), quirk, names);
}

absl::Status CheckBoot(std::string_view name, std::string_view boot) {
  return CheckBootOf(name, boot, {});
}

bool IsBootParameter(std::string_view name, std::string_view key) {
  for (const TunableInfo& tunable : SwitchesOf(name).tunables) {
    if (tunable.name == key) return tunable.at_boot;
  }
  return false;
}

absl::Status CheckAllocator(std::string_view name, const MachineConfig& machine,
                            const AllocatorOptions& options) {
  const bool is_percpu = IsPercpuAllocator(name);
  if (!is_percpu && Find(name) == nullptr) return UnknownAllocator(name);
  for (const std::string& quirk : options.quirks) {
    if (absl::Status status = CheckQuirk(name, quirk); !status.ok()) return status;
  }
  if (absl::Status status = CheckPolicies(name, options.policies); !status.ok()) return status;
  const absl::Status boot = CheckBootOf(name, options.boot, options.policies);
  if (!boot.ok()) return boot;
  const absl::Status parameters =
      CheckBootParameters(name, SwitchesOf(name, options.policies), options);
  if (!parameters.ok()) return parameters;
  if (const Entry* const entry = Find(name); entry != nullptr && entry->check_boot != nullptr) {
    if (absl::Status status = entry->check_boot(machine, options); !status.ok()) return status;
  }
  if (!is_percpu) return CheckPercpu(machine, PercpuOptionsOf(options));
  return CheckPercpu(machine, {.name = std::string(name), .quirks = options.quirks});
}

absl::StatusOr<std::unique_ptr<Allocator>> MakeAllocator(std::string_view name, Machine& machine,
                                                         const AllocatorOptions& options) {
  const Entry* const entry = Find(name);
  if (entry == nullptr) return UnknownAllocator(name);
  absl::Status checked = CheckAllocator(name, machine.config(), options);
  if (!checked.ok()) return checked;
  return entry->make(machine, options);
}

}  // namespace slablab
