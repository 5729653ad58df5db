// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_SLAB_MACHINE_H_
#define SLABLAB_TESTS_ALLOCATORS_SLAB_MACHINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "allocators/slab.h"
#include "gtest/gtest.h"
#include "sim/machine.h"

namespace slablab {

// A booted machine with SLAB on it, driven one operation at a time.
class SlabMachine {
 public:
  struct Options {
    int cpus = 2;
    int nodes = 1;
    const SlabPolicy* policy = &kSlabPolicy61;
    AllocatorOptions allocator = {};
    uint64_t mib_per_node = 64;
  };
  SlabMachine() : SlabMachine(Options{}) {}
  explicit SlabMachine(const Options& options)
      : machine_(Config(options)), slab_(machine_, WithQuirks(options.allocator), *options.policy) {
    Run(0, [this](Cpu& cpu) { return slab_.Boot(cpu); });
  }

  Machine& machine() { return machine_; }
  SlabAllocator& slab() { return slab_; }
  std::string Path(PathId path) { return std::string(slab_.paths()[path]); }

  template <typename Start>
  void Run(int cpu, Start start) {
    machine_.scheduler().RunOn(CpuId(cpu), start);
  }

  // Four objects to a slab, and arrays short enough to draw: four objects a CPU, moved two at a
  // time, and four shared by a node.
  CacheId MakeCache(std::string_view name) {
    const CacheId cache =
        Create({.name = std::string(name), .object_size = 1024, .no_merge = true}).value();
    EXPECT_TRUE(Tune(cache, {4, 2, 2}).ok());
    return cache;
  }
  absl::StatusOr<CacheId> Create(const CacheSpec& spec) {
    absl::StatusOr<CacheId> created;
    Run(0, [&](Cpu& cpu) -> Task<void> { created = co_await slab_.CreateCache(cpu, spec); });
    return created;
  }
  void Destroy(CacheId cache) {
    Run(0, [&](Cpu& cpu) { return slab_.DestroyCache(cpu, cache); });
  }
  // Writes limit, batchcount and shared, as one line of /proc/slabinfo.
  absl::Status Tune(CacheId cache, const std::vector<int64_t>& triple) {
    const std::vector<Allocator::Tunable> tunables = {
        {"limit", triple[0]}, {"batchcount", triple[1]}, {"shared", triple[2]}};
    absl::Status status;
    Run(0, [&](Cpu& cpu) -> Task<void> {
      status = co_await slab_.TuneTogether(cpu, cache, tunables);
    });
    return status;
  }

  Placement AllocWithPath(int cpu, CacheId cache, NodeId node = kAnyNode, Gfp gfp = kGfpKernel) {
    Placement placement;
    Run(cpu,
        [&](Cpu& on) -> Task<void> { placement = co_await slab_.Alloc(on, cache, gfp, node); });
    return placement;
  }
  PhysAddr Alloc(int cpu, CacheId cache, NodeId node = kAnyNode) {
    return AllocWithPath(cpu, cache, node).object;
  }
  std::vector<PhysAddr> AllocMany(int cpu, CacheId cache, int count) {
    std::vector<PhysAddr> objects;
    for (int i = 0; i < count; ++i) objects.push_back(Alloc(cpu, cache));
    return objects;
  }
  std::string Free(int cpu, CacheId cache, PhysAddr object) {
    PathId path = 0;
    Run(cpu, [&](Cpu& on) -> Task<void> { path = co_await slab_.Free(on, cache, object); });
    return Path(path);
  }
  void FreeAll(int cpu, CacheId cache, const std::vector<PhysAddr>& objects) {
    for (PhysAddr object : objects) Free(cpu, cache, object);
  }
  std::string Kfree(int cpu, PhysAddr object) {
    PathId path = 0;
    Run(cpu, [&](Cpu& on) -> Task<void> { path = co_await slab_.Kfree(on, object); });
    return Path(path);
  }
  Placement Kmalloc(int cpu, uint64_t bytes, Gfp gfp = kGfpKernel) {
    Placement placement;
    Run(cpu, [&](Cpu& on) -> Task<void> {
      placement = co_await slab_.Kmalloc(on, bytes, gfp, kAnyNode);
    });
    return placement;
  }
  void Shrink(int cpu, CacheId cache) {
    Run(cpu, [&](Cpu& on) { return slab_.Shrink(on, cache); });
  }
  void TakeOffLine(int cpu) {
    machine_.scheduler().SetOnline(CpuId(cpu), false);
    Run(0, [&](Cpu& on) { return slab_.CpuDead(on, CpuId(cpu)); });
  }
  void BringOnLine(int cpu) {
    Run(0, [&](Cpu& on) { return slab_.CpuComing(on, CpuId(cpu)); });
    machine_.scheduler().SetOnline(CpuId(cpu), true);
  }

  // A counter or a state.
  uint64_t Count(CacheId cache, std::string_view name) const {
    for (const auto& figures : {slab_.Counters(cache), slab_.State(cache)}) {
      for (const Figure& figure : figures) {
        if (figure.name == name) return figure.value;
      }
    }
    ADD_FAILURE() << "no figure " << name;
    return 0;
  }
  uint64_t SlabOf(PhysAddr object) const { return slab_.Locate(object).serial; }
  // An object's place in its slab: bytes from the slab's start.
  uint64_t OffsetOf(PhysAddr object) const { return object - slab_.Locate(object).slab; }

 private:
  static MachineConfig Config(const Options& options) {
    MachineConfig config = ReferenceMachine({.cpus = options.cpus,
                                             .nodes = options.nodes,
                                             .cpus_per_node = options.cpus / options.nodes,
                                             .mib_per_node = options.mib_per_node});
    config.llc = {.size_bytes = 256 << 10, .ways = 16};
    config.l2 = {.size_bytes = 64 << 10, .ways = 8};
    return config;
  }
  static AllocatorOptions WithQuirks(AllocatorOptions options) {
    options.quirks.insert(options.quirks.end(), {"memcg-off", "zone-dma-off"});
    return options;
  }

  Machine machine_;
  SlabAllocator slab_;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_SLAB_MACHINE_H_
