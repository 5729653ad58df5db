// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/replay/warm_start.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "allocators/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "sim/machine/machine_loader.h"
#include "traces/sidecar/kernel_counters.h"
#include "traces/sidecar/sidecar.h"
#include "traces/slt/trace.h"
#include "workloads/caches.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;

// A recording's trace and sidecar, before a machine on which SLUB has booted.
class WarmStartTest : public ::testing::Test {
 protected:
  void Load(const MachineConfig& config, const std::string& sample = "linux-6.1-slub-c4n2-fs",
            const std::string& allocator = "slub-6.1") {
    const std::string path = std::string(std::getenv("TEST_SRCDIR")) +
                             "/slablab/traces/samples/" + sample + ".slt";
    reader_ = TraceReader::Open(path, {}).value();
    const TraceSidecar* sidecar = reader_->header().FindSidecar("sys-kernel-slab.before");
    ASSERT_NE(sidecar, nullptr);
    sysfs_ = ParseSlabSysfs(sidecar->contents, sidecar->name).value();
    machine_ = std::make_unique<Machine>(config);
    model_ = MakeAllocator(allocator, *machine_, {}).value();
    machine_->scheduler().RunOn(CpuId(0), [this](Cpu& cpu) { return model_->Boot(cpu); });
    if (sysfs_.caches.begin()->second.Find("sheaf_capacity") != nullptr) {
      ASSERT_TRUE(CreateRecordedCaches(sysfs_, *machine_, *model_).ok());
    }
    replay_ = std::make_unique<Replay>(*reader_, *machine_, *model_, ReplayOptions());
    ASSERT_TRUE(replay_->Prepare().ok());
  }
  // The caches that the start warms.
  std::vector<std::string> Caches() const {
    std::vector<std::string> names;
    for (const auto& [name, cache] : sysfs_.caches) {
      if (name == "kmem_cache" || name == "kmem_cache_node") continue;
      if (model_->FindCache(name) != kNoCache) names.push_back(name);
    }
    return names;
  }
  // As sysfs has it: by node, or by CPU.
  SysfsCount Simulated(const std::string& cache, std::string_view figure) const {
    SysfsCount count;
    for (const Figure& each : model_->State(model_->FindCache(cache))) {
      if (each.name != figure) continue;
      count.total = static_cast<int64_t>(each.value);
      auto& parts = each.per == Figure::Per::kCpu ? count.per_cpu : count.per_node;
      parts.resize(8);
      for (const Figure::Part& part : each.parts) {
        parts[static_cast<size_t>(part.index)] =
            static_cast<int64_t>(each.has_parentheses ? part.in_parentheses : part.value);
      }
    }
    return count;
  }
  static int64_t At(const std::vector<int64_t>& parts, size_t index) {
    return index < parts.size() ? parts[index] : 0;
  }
  int64_t RecordedOnNode(const std::string& cache, std::string_view figure, size_t node) const {
    const SysfsCount* count = sysfs_.Find(cache)->Find(figure);
    return count == nullptr ? 0 : At(count->per_node, node);
  }

  std::unique_ptr<TraceReader> reader_;
  SlabSysfs sysfs_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<Allocator> model_;
  std::unique_ptr<Replay> replay_;
};

TEST_F(WarmStartTest, HoldsWhatTheKernelHeld) {
  Load(LoadMachine("vm-c4n2").value());
  const absl::Status status = WarmStart(sysfs_, *machine_, *model_, *replay_);
  ASSERT_TRUE(status.ok()) << status;
  model_->CheckInvariants();
  ASSERT_GT(Caches().size(), 15u);
  size_t slabs_compared = 0;
  for (const std::string& cache : Caches()) {
    SCOPED_TRACE(cache);
    const CacheLayout layout = model_->Layout(model_->FindCache(cache));
    for (size_t node = 0; node < 2; ++node) {
      SCOPED_TRACE(node);
      std::vector<std::string> figures = {"partial", "objects", "total_objects"};
      // The files of a folder are read one after another, while the kernel goes on.
      const auto per_slab = static_cast<int64_t>(layout.objects_per_slab);
      if (RecordedOnNode(cache, "slabs", node) * per_slab ==
          RecordedOnNode(cache, "total_objects", node)) {
        figures.push_back("slabs");
        ++slabs_compared;
      }
      for (const std::string& figure : figures) {
        EXPECT_EQ(At(Simulated(cache, figure).per_node, node), RecordedOnNode(cache, figure, node))
            << figure;
      }
    }
    const SysfsCount* recorded = sysfs_.Find(cache)->Find("slabs_cpu_partial.slabs");
    ASSERT_NE(recorded, nullptr);
    for (size_t cpu = 0; cpu < 4; ++cpu) {
      EXPECT_EQ(At(Simulated(cache, "slabs_cpu_partial").per_cpu, cpu), At(recorded->per_cpu, cpu))
          << "CPU " << cpu;
    }
  }
  EXPECT_GT(slabs_compared, 2 * Caches().size() - 5);
}

// Of a kernel with sheaves, what the counters of each CPU say of its own.
TEST_F(WarmStartTest, HoldsWhatTheKernelHadInSheaves) {
  Load(LoadMachine("vm-c4n2").value(), "linux-7.3-slub-c4n2-fs", "slub-7.3");
  const absl::Status status = WarmStart(sysfs_, *machine_, *model_, *replay_);
  ASSERT_TRUE(status.ok()) << status;
  model_->CheckInvariants();
  size_t compared = 0;
  for (const std::string& cache : Caches()) {
    SCOPED_TRACE(cache);
    const CacheSysfs& recorded = *sysfs_.Find(cache);
    const CacheLayout layout = model_->Layout(model_->FindCache(cache));
    EXPECT_EQ(layout.sheaf_capacity, recorded.Total("sheaf_capacity"));
    // What is made for the sheaves of caches that come to their state later is in those.
    if (cache.starts_with("kmalloc-") || layout.sheaf_capacity == 0) continue;
    // Prefilled sheaves' users take what no counter tells.
    if (recorded.Total("sheaf_prefill_fast") + recorded.Total("sheaf_prefill_slow") > 0) continue;
    for (size_t node = 0; node < 2; ++node) {
      for (const char* figure : {"slabs", "partial", "objects", "total_objects"}) {
        EXPECT_EQ(At(Simulated(cache, figure).per_node, node), RecordedOnNode(cache, figure, node))
            << figure << " on node " << node;
      }
    }
    const CacheContents contents = model_->Contents(model_->FindCache(cache));
    ASSERT_EQ(contents.sheaves.size(), 4u);
    int64_t full_given = 0;
    for (int32_t cpu = 0; cpu < 4; ++cpu) {
      const SheafContents told = SheafContentsOf(recorded, cpu);
      full_given += told.full_given;
      const CacheContents::PercpuSheaves& sheaves = contents.sheaves[static_cast<size_t>(cpu)];
      const auto held = [](int64_t size) { return std::max<int64_t>(size, 0); };
      EXPECT_EQ(sheaves.main + held(sheaves.spare) + held(sheaves.rcu_free), told.objects);
      EXPECT_EQ(held(sheaves.rcu_free), told.rcu_objects);
      compared += told.objects > 0;
    }
    int64_t full = 0;
    for (const CacheContents::Barn& barn : contents.barns) full += std::ssize(barn.full_sizes);
    EXPECT_EQ(full, full_given);
  }
  EXPECT_GT(compared, 100u);
}

TEST_F(WarmStartTest, TheMachineMayBeTooSmall) {
  Load(ReferenceMachine({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 4}));
  const absl::Status status = WarmStart(sysfs_, *machine_, *model_, *replay_);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("warm start: the machine has no room for the "));
  bool named = false;
  for (const std::string& cache : Caches()) {
    named |=
        std::string(status.message()).find(" objects of " + cache + " that ") != std::string::npos;
  }
  EXPECT_TRUE(named) << status;
  model_->CheckInvariants();
}

}  // namespace
}  // namespace slablab
