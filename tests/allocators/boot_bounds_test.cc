// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Every boot parameter at its extremes on machines with next to no memory: a model refuses it, or
// does not boot and says so as its kernel would, or boots, and then has objects or says that there
// is no memory.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "allocators/registry.h"
#include "allocators/switches.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {
namespace {

constexpr uint64_t kPages[] = {0, 1, 8, 40, 150, 400, 1100, 3000};

// So many pages on each node that the kernel does not keep from boot on.
MachineConfig Tiny(int cpus, int nodes, uint64_t pages) {
  MachineConfig config = ReferenceMachine(
      {.cpus = cpus, .nodes = nodes, .cpus_per_node = cpus / nodes, .mib_per_node = 64});
  for (NodeMemory& node : config.memory) {
    uint64_t left = pages;
    for (ZoneSpan& zone : node.zones) {
      const uint64_t managed = std::min(left, zone.frames);
      zone.reserved_frames = zone.frames - managed;
      left -= managed;
    }
  }
  return config;
}

bool IsExhausted(const absl::Status& status) { return absl::IsResourceExhausted(status); }

// What can be done with a model that has booted.
Task<void> Use(Cpu& cpu, Allocator& allocator) {
  std::vector<PhysAddr> objects;
  for (const uint32_t size : {64u, 4096u}) {
    const CacheSpec spec{.name = fmt::format("tiny-{}", size),
                         .object_size = size,
                         .no_merge = true,
                         .sheaf_capacity = 32};
    const absl::StatusOr<CacheId> cache = co_await allocator.CreateCache(cpu, spec);
    if (!cache.ok()) {
      EXPECT_TRUE(IsExhausted(cache.status())) << cache.status();
      continue;
    }
    for (int i = 0; i < 70; ++i) {
      const Placement got = co_await allocator.Alloc(cpu, *cache, kGfpKernel, kAnyNode);
      if (!got.object.is_null()) objects.push_back(got.object);
    }
  }
  for (const uint64_t bytes : {8u, 5000u, 100000u}) {
    const Placement got = co_await allocator.Kmalloc(cpu, bytes, kGfpKernel, kAnyNode);
    if (!got.object.is_null()) objects.push_back(got.object);
  }
  for (const PhysAddr object : objects) co_await allocator.Kfree(cpu, object);
}

enum class End { kRefused, kPanicked, kBooted };

End BootAndUse(const std::string& model, const MachineConfig& config,
               const std::vector<BootParameter>& parameters) {
  AllocatorOptions options;
  options.boot_parameters = parameters;
  if (const absl::Status status = CheckAllocator(model, config, options); !status.ok()) {
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return End::kRefused;
  }
  Machine machine(config);
  const std::unique_ptr<Allocator> allocator =
      std::move(MakeAllocator(model, machine, options).value());
  bool booted = false;
  machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
    co_await allocator->Boot(cpu);
    booted = allocator->boot_status().ok();
    if (booted) co_await Use(cpu, *allocator);
  });
  if (booted) {
    allocator->CheckInvariants();
    return End::kBooted;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(allocator->boot_status())) << allocator->boot_status();
  EXPECT_TRUE(std::string(allocator->boot_status().message()).starts_with("the kernel "));
  return End::kPanicked;
}

class BootBoundsTest : public ::testing::TestWithParam<std::string> {};

TEST_P(BootBoundsTest, TinyMachinesBootOrSayWhyNot) {
  std::vector<std::vector<BootParameter>> all = {{}};
  for (const TunableInfo& tunable : SwitchesOf(GetParam()).tunables) {
    if (!tunable.at_boot) continue;
    for (const int64_t value : {tunable.least, (tunable.least + tunable.most) / 2, tunable.most}) {
      all.push_back({{.name = std::string(tunable.name), .value = value}});
    }
  }
  int panicked = 0;
  int booted = 0;
  for (const auto& parameters : all) {
    for (const uint64_t pages : kPages) {
      for (const int nodes : {1, 2}) {
        SCOPED_TRACE(parameters.empty()
                         ? fmt::format("{} pages, {} nodes", pages, nodes)
                         : fmt::format("{}={}, {} pages, {} nodes", parameters[0].name,
                                       parameters[0].value, pages, nodes));
        const End end = BootAndUse(GetParam(), Tiny(2, nodes, pages), parameters);
        panicked += end == End::kPanicked;
        booted += end == End::kBooted;
      }
    }
  }
  EXPECT_GT(panicked, 0);
  EXPECT_GT(booted, 0);
}

// Of Linux 3 and later.
std::vector<std::string> Models() {
  std::vector<std::string> models;
  for (const AllocatorInfo& info : ListAllocators()) {
    if (info.kernel.version >= 3) models.emplace_back(info.name);
  }
  return models;
}

INSTANTIATE_TEST_SUITE_P(Models, BootBoundsTest, ::testing::ValuesIn(Models()),
                         [](const auto& info) { return TestName(info.param); });

}  // namespace
}  // namespace slablab
