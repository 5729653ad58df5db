// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_ALLOCATOR_MACHINE_H_
#define SLABLAB_TESTS_ALLOCATORS_ALLOCATOR_MACHINE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "allocators/allocator.h"
#include "allocators/options.h"
#include "sim/machine.h"

namespace slablab {

struct AllocatorMachineOptions {
  int cpus = 2;
  int nodes = 1;
  int cpus_per_domain = 0;  // that share a last-level cache; 0: those of a node
  uint64_t mib_per_node = 64;
  AllocatorOptions allocator = {};
};

// The options with the quirks that keep a model of that name from making the caches that few tests
// want, and from what it does by chance alone.
AllocatorMachineOptions Plain(std::string_view name, AllocatorMachineOptions options);

// A booted machine with an allocator on it, driven one operation at a time.
class AllocatorMachine {
 public:
  using Options = AllocatorMachineOptions;
  using Make =
      std::function<std::unique_ptr<Allocator>(Machine& machine, const AllocatorOptions& options)>;

  // A model of the registry's, plain.
  explicit AllocatorMachine(std::string_view name, const Options& options = {});
  AllocatorMachine(const Options& options, const Make& make);
  // A model of the registry's on a machine of its own, nothing left out.
  AllocatorMachine(std::string_view name, const MachineConfig& config,
                   const AllocatorOptions& options);

  Machine& machine() { return machine_; }
  Allocator& allocator() { return *allocator_; }
  const Allocator& allocator() const { return *allocator_; }
  std::string Path(PathId path) const { return std::string(allocator_->paths()[path].name); }

  // Begins when whatever another CPU did last is over.
  template <typename Start>
  void Run(int cpu, Start start) {
    const Cycles now = machine_.scheduler().now();
    machine_.scheduler().RunOn(CpuId(cpu), [&](Cpu& on) {
      if (on.now() < now) on.Execute(now - on.now());
      return start(on);
    });
  }

  absl::StatusOr<CacheId> Create(const CacheSpec& spec);
  void Destroy(CacheId cache);
  absl::Status Tune(CacheId cache, std::string_view key, int64_t value);
  // Several in one write.
  absl::Status TuneTogether(CacheId cache, absl::Span<const Allocator::Tunable> tunables);
  void Shrink(int cpu, CacheId cache);
  // Shrinks every cache, so that no page is held but for live objects; answers what is held then.
  Footprint ShrinkAll();

  Placement AllocWithPath(int cpu, CacheId cache, NodeId node = kAnyNode, Gfp gfp = kGfpKernel);
  PhysAddr Alloc(int cpu, CacheId cache, NodeId node = kAnyNode);
  std::vector<PhysAddr> AllocMany(int cpu, CacheId cache, int count);
  // A whole slab's objects, in the order that CPU `cpu` is given them.
  std::vector<PhysAddr> AllocSlab(int cpu, CacheId cache);
  // Answers which way the free went.
  std::string Free(int cpu, CacheId cache, PhysAddr object);
  void FreeAll(int cpu, CacheId cache, const std::vector<PhysAddr>& objects);
  Placement Kmalloc(int cpu, uint64_t bytes, Gfp gfp = kGfpKernel);
  std::string Kfree(int cpu, PhysAddr object);

  void TakeOffLine(int cpu);
  void BringOnLine(int cpu);

  // A counter or a state.
  uint64_t Count(CacheId cache, std::string_view name) const { return FigureOf(cache, name).value; }
  std::string State(CacheId cache, std::string_view name) const {
    return FigureOf(cache, name).ToString();
  }
  uint64_t SlabOf(PhysAddr object) const { return allocator_->Locate(object).serial; }

 private:
  AllocatorMachine(const MachineConfig& config, const AllocatorOptions& options, const Make& make);
  Figure FigureOf(CacheId cache, std::string_view name) const;

  Machine machine_;
  std::unique_ptr<Allocator> allocator_;
};

// The names of all models in the registry, and of the example, for tests of what holds for every
// one of them; and such a name as gtest wants it.
std::vector<std::string> TestedModels();
std::string TestName(std::string_view allocator);

// The same, for tests of one model that see more of it than an Allocator shows.
template <typename Model>
class ModelMachine : public AllocatorMachine {
 public:
  // `more`: what the model wants to be told besides.
  template <typename... More>
  explicit ModelMachine(const Options& options = {}, const More&... more)
      : AllocatorMachine(
            options,
            [&](Machine& machine, const AllocatorOptions& allocator) -> std::unique_ptr<Allocator> {
              return std::make_unique<Model>(machine, allocator, more...);
            }) {}

  Model& model() { return static_cast<Model&>(allocator()); }
  const Model& model() const { return static_cast<const Model&>(allocator()); }
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_ALLOCATOR_MACHINE_H_
