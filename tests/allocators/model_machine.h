// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_MODEL_MACHINE_H_
#define SLABLAB_TESTS_ALLOCATORS_MODEL_MACHINE_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/allocator.h"
#include "allocators/options.h"
#include "gtest/gtest.h"
#include "sim/machine.h"

namespace slablab {

struct ModelMachineOptions {
  int cpus = 2;
  int nodes = 1;
  int cpus_per_domain = 0;  // that share a last-level cache; 0: those of a node
  AllocatorOptions allocator = {};
};

// A booted machine with a model on it, driven one operation at a time.
template <typename Model>
class ModelMachine {
 public:
  using Options = ModelMachineOptions;
  ModelMachine() : ModelMachine(Options{}) {}
  explicit ModelMachine(const Options& options)
      : machine_(Config(options)), slub_(machine_, options.allocator) {
    Run(0, [this](Cpu& cpu) { return slub_.Boot(cpu); });
  }

  Machine& machine() { return machine_; }
  Model& slub() { return slub_; }
  std::string Path(PathId path) { return std::string(slub_.paths()[path]); }

  template <typename Start>
  void Run(int cpu, Start start) {
    // One after another: what another CPU did last is over for this one too.
    const Cycles now = machine_.scheduler().now();
    machine_.scheduler().RunOn(CpuId(cpu), [&](Cpu& on) {
      if (on.now() < now) on.Execute(now - on.now());
      return start(on);
    });
  }

  absl::StatusOr<CacheId> Create(const CacheSpec& spec) {
    absl::StatusOr<CacheId> created;
    Run(0, [&](Cpu& cpu) -> Task<void> { created = co_await slub_.CreateCache(cpu, spec); });
    return created;
  }
  void Destroy(CacheId cache) {
    Run(0, [&](Cpu& cpu) { return slub_.DestroyCache(cpu, cache); });
  }
  absl::Status Tune(CacheId cache, std::string_view key, int64_t value) {
    absl::Status status;
    Run(0, [&](Cpu& cpu) -> Task<void> { status = co_await slub_.Tune(cpu, cache, key, value); });
    return status;
  }

  Placement AllocWithPath(int cpu, CacheId cache, NodeId node = kAnyNode, Gfp gfp = kGfpKernel) {
    Placement placement;
    Run(cpu,
        [&](Cpu& on) -> Task<void> { placement = co_await slub_.Alloc(on, cache, gfp, node); });
    return placement;
  }
  PhysAddr Alloc(int cpu, CacheId cache, NodeId node = kAnyNode) {
    return AllocWithPath(cpu, cache, node).object;
  }
  std::string Free(int cpu, CacheId cache, PhysAddr object) {
    PathId path = 0;
    Run(cpu, [&](Cpu& on) -> Task<void> { path = co_await slub_.Free(on, cache, object); });
    return Path(path);
  }
  std::string Kfree(int cpu, PhysAddr object) {
    PathId path = 0;
    Run(cpu, [&](Cpu& on) -> Task<void> { path = co_await slub_.Kfree(on, object); });
    return Path(path);
  }
  Placement Kmalloc(int cpu, uint64_t bytes, Gfp gfp = kGfpKernel) {
    Placement placement;
    Run(cpu, [&](Cpu& on) -> Task<void> {
      placement = co_await slub_.Kmalloc(on, bytes, gfp, kAnyNode);
    });
    return placement;
  }
  void Shrink(int cpu, CacheId cache) {
    Run(cpu, [&](Cpu& on) { return slub_.Shrink(on, cache); });
  }

  // A whole slab's objects, in the order that CPU `cpu` is given them.
  std::vector<PhysAddr> AllocSlab(int cpu, CacheId cache) {
    std::vector<PhysAddr> objects;
    for (uint32_t i = 0; i < slub_.Layout(cache).objects_per_slab; ++i) {
      objects.push_back(Alloc(cpu, cache));
    }
    return objects;
  }

  uint64_t Count(CacheId cache, std::string_view name) const { return FigureOf(cache, name).value; }
  std::string State(CacheId cache, std::string_view name) const {
    return FigureOf(cache, name).ToString();
  }
  uint64_t SlabOf(PhysAddr object) const { return slub_.Locate(object).serial; }

 private:
  static MachineConfig Config(const Options& options) {
    MachineConfig config = ReferenceMachine({.cpus = options.cpus,
                                             .nodes = options.nodes,
                                             .cpus_per_node = options.cpus / options.nodes,
                                             .mib_per_node = 64});
    config.llc = {.size_bytes = 256 << 10, .ways = 16};
    config.l2 = {.size_bytes = 64 << 10, .ways = 8};
    if (options.cpus_per_domain > 0) {
      for (int i = 0; i < options.cpus; ++i) {
        config.cpus[static_cast<size_t>(i)].domain = DomainId(i / options.cpus_per_domain);
      }
      config.domain_count = (options.cpus + options.cpus_per_domain - 1) / options.cpus_per_domain;
    }
    return config;
  }
  Figure FigureOf(CacheId cache, std::string_view name) const {
    for (const Figure& figure : slub_.Counters(cache)) {
      if (figure.name == name) return figure;
    }
    for (const Figure& figure : slub_.State(cache)) {
      if (figure.name == name) return figure;
    }
    ADD_FAILURE() << "no figure " << name;
    return {};
  }

  Machine machine_;
  Model slub_;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_MODEL_MACHINE_H_
