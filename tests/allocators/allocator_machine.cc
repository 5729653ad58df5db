// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/allocators/allocator_machine.h"

#include <algorithm>
#include <utility>

#include "allocators/example/example.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "base/names.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

MachineConfig Config(const AllocatorMachineOptions& options) {
  MachineConfig config = ReferenceMachine({.cpus = options.cpus,
                                           .nodes = options.nodes,
                                           .cpus_per_node = options.cpus / options.nodes,
                                           .mib_per_node = options.mib_per_node});
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

AllocatorMachine::Make Registered(std::string_view name) {
  return [name](Machine& machine, const AllocatorOptions& options) {
    return MakeAllocator(name, machine, options).value();
  };
}

}  // namespace

AllocatorMachineOptions Plain(std::string_view name, AllocatorMachineOptions options) {
  for (std::string& quirk : PlainQuirks(SwitchesOf(name))) {
    options.allocator.quirks.push_back(std::move(quirk));
  }
  return options;
}

AllocatorMachine::AllocatorMachine(std::string_view name, const Options& options)
    : AllocatorMachine(Plain(name, options), Registered(name)) {}

AllocatorMachine::AllocatorMachine(const Options& options, const Make& make)
    : AllocatorMachine(Config(options), options.allocator, make) {
}

AllocatorMachine::AllocatorMachine(std::string_view name, const MachineConfig& config,
                                   const AllocatorOptions& options)
    : AllocatorMachine(config, options, Registered(name)) {}

AllocatorMachine::AllocatorMachine(const MachineConfig& config, const AllocatorOptions& options,
                                   const Make& make)
    : machine_(config), allocator_(make(machine_, options)) {
  Run(0, [this](Cpu& cpu) { return allocator_->Boot(cpu); });
}

absl::StatusOr<CacheId> AllocatorMachine::Create(const CacheSpec& spec) {
  absl::StatusOr<CacheId> created;
  Run(0, [&](Cpu& cpu) -> Task<void> { created = co_await allocator_->CreateCache(cpu, spec); });
  return created;
}

void AllocatorMachine::Destroy(CacheId cache) {
  Run(0, [&](Cpu& cpu) { return allocator_->DestroyCache(cpu, cache); });
}

absl::Status AllocatorMachine::Tune(CacheId cache, std::string_view key, int64_t value) {
  absl::Status status;
  Run(0,
      [&](Cpu& cpu) -> Task<void> { status = co_await allocator_->Tune(cpu, cache, key, value); });
  return status;
}

absl::Status AllocatorMachine::TuneTogether(CacheId cache,
                                            absl::Span<const Allocator::Tunable> tunables) {
  absl::Status status;
  Run(0, [&](Cpu& cpu) -> Task<void> {
    status = co_await allocator_->TuneTogether(cpu, cache, tunables);
  });
  return status;
}

void AllocatorMachine::Shrink(int cpu, CacheId cache) {
  Run(cpu, [&](Cpu& on) { return allocator_->Shrink(on, cache); });
}

Footprint AllocatorMachine::ShrinkAll() {
  // Again while it helps: what belongs to a slab of one cache may be an object of another.
  for (uint64_t before = 0; before != allocator_->TotalFootprint().slab_bytes;) {
    before = allocator_->TotalFootprint().slab_bytes;
    for (int i = 0; i < allocator_->cache_count(); ++i) {
      const bool is_there = !allocator_->State(CacheId(i)).empty();
      if (is_there) Shrink(0, CacheId(i));
    }
  }
  return allocator_->TotalFootprint();
}

Placement AllocatorMachine::AllocWithPath(int cpu, CacheId cache, NodeId node, Gfp gfp) {
  Placement placement;
  Run(cpu,
      [&](Cpu& on) -> Task<void> { placement = co_await allocator_->Alloc(on, cache, gfp, node); });
  return placement;
}

PhysAddr AllocatorMachine::Alloc(int cpu, CacheId cache, NodeId node) {
  return AllocWithPath(cpu, cache, node).object;
}

std::vector<PhysAddr> AllocatorMachine::AllocMany(int cpu, CacheId cache, int count) {
  std::vector<PhysAddr> objects;
  for (int i = 0; i < count; ++i) objects.push_back(Alloc(cpu, cache));
  return objects;
}

std::vector<PhysAddr> AllocatorMachine::AllocSlab(int cpu, CacheId cache) {
  return AllocMany(cpu, cache, static_cast<int>(allocator_->Layout(cache).objects_per_slab));
}

std::string AllocatorMachine::Free(int cpu, CacheId cache, PhysAddr object) {
  PathId path = 0;
  Run(cpu, [&](Cpu& on) -> Task<void> { path = co_await allocator_->Free(on, cache, object); });
  return Path(path);
}

void AllocatorMachine::FreeAll(int cpu, CacheId cache, const std::vector<PhysAddr>& objects) {
  for (PhysAddr object : objects) Free(cpu, cache, object);
}

Placement AllocatorMachine::Kmalloc(int cpu, uint64_t bytes, Gfp gfp) {
  Placement placement;
  Run(cpu, [&](Cpu& on) -> Task<void> {
    placement = co_await allocator_->Kmalloc(on, bytes, gfp, kAnyNode);
  });
  return placement;
}

std::string AllocatorMachine::Kfree(int cpu, PhysAddr object) {
  PathId path = 0;
  Run(cpu, [&](Cpu& on) -> Task<void> { path = co_await allocator_->Kfree(on, object); });
  return Path(path);
}

void AllocatorMachine::TakeOffLine(int cpu) {
  machine_.scheduler().SetOnline(CpuId(cpu), false);
  Run(0, [&](Cpu& on) { return allocator_->CpuDead(on, CpuId(cpu)); });
}

void AllocatorMachine::BringOnLine(int cpu) {
  Run(0, [&](Cpu& on) -> Task<void> { co_await allocator_->CpuComing(on, CpuId(cpu)); });
  machine_.scheduler().SetOnline(CpuId(cpu), true);
}

Figure AllocatorMachine::FigureOf(CacheId cache, std::string_view name) const {
  for (const auto& figures : {allocator_->Counters(cache), allocator_->State(cache)}) {
    for (const Figure& figure : figures) {
      if (figure.name == name) return figure;
    }
  }
  ADD_FAILURE() << "no figure " << name;
  return {};
}

std::vector<std::string> TestedModels() {
  RegisterExample();
  return NamesOf(ListAllocators());
}

std::string TestName(std::string_view allocator) {
  std::string name(allocator);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}

}  // namespace slablab
