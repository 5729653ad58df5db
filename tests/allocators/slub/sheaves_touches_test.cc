// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What each path of SLUB with sheaves touches, era by era, against sheaves_touches.golden: a change
// there is a change to the model, and wants a reason. Pages come from an allocator that touches
// nothing.

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "sim/core/rcu_by_hand.h"
#include "tests/allocators/golden_file.h"
#include "tests/allocators/touch_bench.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

constexpr char kGolden[] = "tests/allocators/slub/sheaves_touches.golden";
constexpr std::string_view kEras[] = {"slub-6.18", "slub-7.0", "slub-7.1", "slub-7.2", "slub-7.3"};

// A booted machine with a model of the registry on it, whose grace periods end by hand.
class EraMachine : public AllocatorMachine {
 public:
  EraMachine(std::string_view era, const Options& options)
      : AllocatorMachine(era, options), rcu_(options.cpus) {
    machine().set_rcu(&rcu_);
  }
  Allocator& model() { return allocator(); }
  RcuHead& Waiting(int cpu) {
    return *rcu_.Take(CpuId(cpu), [](const RcuHead&) { return true; });
  }

 private:
  RcuByHand rcu_;
};

// Two CPUs on two nodes, and a cache of four objects a slab and four a sheaf.
class Bench : public TouchBench<EraMachine> {
 public:
  explicit Bench(std::string_view era)
      : TouchBench(SlubTouchColumns(), era, AllocatorMachineOptions{.cpus = 2, .nodes = 2}),
        has_cpu_slabs_(era == "slub-6.18") {
    const CacheSpec spec{
        .name = "x", .object_size = 8192, .no_merge = true, .sheaf_capacity = kSheaf};
    Use(m().Create(spec).value(), /*objects=*/60);
    EXPECT_EQ(m().model().Layout(x()).sheaf_capacity, kSheaf);
    EXPECT_TRUE(m().Tune(x(), "min_partial", 1).ok());
    // What sheaves are made of is at hand.
    for (int cpu = 0; cpu < 2; ++cpu) m().Kfree(cpu, m().Kmalloc(cpu, 64).object);
  }

  static constexpr uint32_t kSheaf = 4;

  bool has_cpu_slabs() const { return has_cpu_slabs_; }
  // Whole slabs, past the sheaves, which have nothing.
  std::vector<PhysAddr> Bulk(int cpu, size_t slabs) {
    std::vector<PhysAddr> objects(4 * slabs);
    m().Run(cpu, [&](Cpu& on) -> Task<void> {
      co_await m().model().AllocBulk(on, x(), kGfpKernel, absl::MakeSpan(objects));
    });
    return objects;
  }
  // `slabs` slabs with two free objects each on the partial list of the CPU's node.
  void FillNode(int cpu, size_t slabs) {
    std::vector<PhysAddr> objects = Bulk(cpu, slabs);
    for (size_t i = 0; i < slabs; ++i) {
      m().Run(cpu, [&](Cpu& on) {
        return m().model().KfreeBulk(on, absl::MakeSpan(objects).subspan(4 * i, 2));
      });
    }
    m().Shrink(cpu, x());
  }
  void AllocMany(int cpu, int count) { m().AllocMany(cpu, x(), count); }
  // The next of `objects`, so many.
  void FreeMany(int cpu, std::vector<PhysAddr>* objects, size_t count) {
    for (size_t i = 0; i < count; ++i) m().Free(cpu, x(), TakeLast(objects));
  }
  static PhysAddr TakeLast(std::vector<PhysAddr>* objects) {
    const PhysAddr last = objects->back();
    objects->pop_back();
    return last;
  }
  // What goes no way that has a name.
  std::string MeasureOther(std::string_view title, int cpu,
                           const std::function<Task<void>(Cpu&)>& operation) {
    return MeasureTouches(m(), SlubTouchColumns(), title, m().Path(0), cpu,
                          [&operation](Cpu& on) -> Task<PathId> {
                            co_await operation(on);
                            co_return PathId{0};
                          });
  }

 private:
  const bool has_cpu_slabs_;
};

std::string Fast(std::string_view era) {
  Bench b(era);
  std::string table;
  const PhysAddr first = b.m().Alloc(0, b.x());
  table += b.MeasureAlloc("alloc fast", "alloc fast", 0);
  table += b.MeasureAlloc("alloc fast, node named", "alloc fast", 0, NodeId(0));
  table += b.MeasureFree("free fast", "free fast", 0, first);
  return table;
}

// What there is of sheaves, from spare to barn and back.
std::string Exchanges(std::string_view era) {
  Bench b(era);
  std::string table;
  std::vector<PhysAddr> o = b.Bulk(0, 8);
  b.FreeMany(0, &o, 4);  // main [4]
  table +=
      b.MeasureFree("free new sheaf, to be the spare one", "free new sheaf", 0, b.TakeLast(&o));
  b.FreeMany(0, &o, 3);  // main [4], spare [4]
  table += b.MeasureFree("free new sheaf, main to the barn", "free new sheaf", 0, b.TakeLast(&o));
  b.AllocMany(0, 1);  // main [0], spare [4], barn [4]
  table += b.MeasureAlloc("alloc spare sheaf", "alloc spare sheaf", 0);
  b.AllocMany(0, 3);  // main [0], spare [0], barn [4]
  table += b.MeasureAlloc("alloc barn sheaf", "alloc barn sheaf", 0);
  b.FreeMany(0, &o, 1);  // main [4], spare [0], barn [0]
  table += b.MeasureFree("free spare sheaf", "free spare sheaf", 0, b.TakeLast(&o));
  b.FreeMany(0, &o, 3);  // main [4], spare [4], barn [0]
  table += b.MeasureFree("free barn sheaf", "free barn sheaf", 0, b.TakeLast(&o));
  b.FreeMany(0, &o, 3);  // main [4], spare [4], barn [4]
  EXPECT_TRUE(b.m().Tune(b.x(), "max_full_sheaves", 1).ok());
  table += b.MeasureFree("free flushed sheaf, a slab's objects", "free flushed sheaf", 0,
                         b.TakeLast(&o));
  return table;
}

std::string Fills(std::string_view era) {
  std::string table;
  {
    Bench b(era);
    table += b.MeasureAlloc("alloc filled sheaf, new, of a new slab", "alloc filled sheaf", 0);
    b.AllocMany(0, 3);
    table += b.MeasureAlloc("alloc filled sheaf, at hand", "alloc filled sheaf", 0);
  }
  {
    Bench b(era);
    b.FillNode(0, 2);
    table += b.MeasureAlloc("alloc filled sheaf, of 2 partial slabs", "alloc filled sheaf", 0);
  }
  {
    Bench b(era);
    b.FillNode(0, 1);
    table += b.MeasureAlloc("alloc filled sheaf, partial and new slab", "alloc filled sheaf", 0);
  }
  {
    Bench b(era);
    b.FillNode(1, 3);
    table += b.MeasureAlloc("alloc filled sheaf, of another node", "alloc filled sheaf", 0);
  }
  return table;
}

std::string OfOtherNodes(std::string_view era) {
  std::string table;
  {
    Bench b(era);
    b.AllocMany(0, 1);
    table += b.MeasureAlloc("alloc new slab, other node named", "alloc new slab", 0, NodeId(1));
  }
  {
    Bench b(era);
    const std::vector<PhysAddr> o = b.Bulk(1, 2);
    b.m().Shrink(1, b.x());
    table += b.MeasureFree("free of another node's, slab full",
                           b.has_cpu_slabs() ? "free to cpu partial" : "free slow full", 0, o[0]);
    b.m().Shrink(0, b.x());
    table += b.MeasureFree("free of another node's, slab partial", "free slow partial", 0, o[1]);
    b.m().Free(0, b.x(), o[2]);
    EXPECT_TRUE(b.m().Tune(b.x(), "min_partial", 2).ok());
    table += b.MeasureFree("free of another node's, empty kept", "free slow empty kept", 0, o[3]);
    for (const size_t i : {4u, 5u, 6u}) b.m().Free(0, b.x(), o[i]);
    EXPECT_TRUE(b.m().Tune(b.x(), "min_partial", 1).ok());
    // Off the CPU's partial list where there is one; the empty slab goes with it.
    b.m().Shrink(0, b.x());
    EXPECT_TRUE(b.m().Tune(b.x(), "min_partial", 0).ok());
    table += b.MeasureFree("free of another node's, slab freed", "free slab", 0, o[7]);
  }
  return table;
}

std::string Bulks(std::string_view era) {
  Bench b(era);
  std::string table;
  std::vector<PhysAddr> objects(4);
  const auto alloc = [&](Cpu& cpu) -> Task<void> {
    const size_t got =
        co_await b.m().model().AllocBulk(cpu, b.x(), kGfpKernel, absl::MakeSpan(objects));
    EXPECT_EQ(got, objects.size());
  };
  table += b.MeasureOther("alloc bulk of 4, new slab", 0, alloc);
  table += b.MeasureOther("free bulk of 4", 0, [&](Cpu& cpu) {
    return b.m().model().FreeBulk(cpu, b.x(), absl::MakeSpan(objects));
  });
  table += b.MeasureOther("alloc bulk of 4, main sheaf", 0, alloc);
  table += b.MeasureOther("kfree bulk of 4", 0, [&](Cpu& cpu) {
    return b.m().model().KfreeBulk(cpu, absl::MakeSpan(objects));
  });
  return table;
}

std::string Rcu(std::string_view era) {
  Bench b(era);
  std::string table;
  std::vector<PhysAddr> o = b.Bulk(0, 1);
  const auto free = [&](Cpu& cpu) -> Task<void> {
    const bool taken = co_await b.m().model().FreeRcuSheaf(cpu, b.TakeLast(&o));
    EXPECT_TRUE(taken);
  };
  table += b.MeasureOther("kvfree_rcu, new sheaf", 0, free);
  table += b.MeasureOther("kvfree_rcu", 0, free);
  b.m().Run(0, free);
  table += b.MeasureOther("kvfree_rcu, sheaf handed over", 0, free);
  table += b.MeasureOther("rcu_free_sheaf, to the barn", 1,
                          [&](Cpu& cpu) { return b.m().Waiting(0).RunCallback(cpu); });
  return table;
}

std::string Prefilled(std::string_view era) {
  Bench b(era);
  std::string table;
  b.AllocMany(0, 1);
  SheafId sheaf;
  table += b.MeasureOther("prefill of an empty sheaf", 0, [&](Cpu& cpu) -> Task<void> {
    sheaf = co_await b.m().model().PrefillSheaf(cpu, b.x(), kGfpKernel, 3);
  });
  table += b.MeasureOther("alloc prefilled", 0, [&](Cpu& cpu) -> Task<void> {
    co_await b.m().model().AllocFromSheaf(cpu, b.x(), kGfpKernel, sheaf);
  });
  table += b.MeasureOther("return of a sheaf, to be the spare one", 0, [&](Cpu& cpu) {
    return b.m().model().ReturnSheaf(cpu, b.x(), kGfpKernel, sheaf);
  });
  return table;
}

std::string Kmallocs(std::string_view era) {
  Bench b(era);
  std::string table;
  b.m().Kfree(0, b.m().Kmalloc(0, 100).object);
  table += b.MeasureKmalloc("kmalloc fast", "alloc fast", 100);
  table += b.MeasureKfree("kfree fast", "free fast");
  return table;
}

std::string Operations(std::string_view era) {
  return Fast(era) + Exchanges(era) + Fills(era) + OfOtherNodes(era) + Bulks(era) + Rcu(era) +
         Prefilled(era) + Kmallocs(era);
}

std::string Table() {
  std::string table =
      "# What one operation of SLUB with sheaves touches, the page allocator's own touches left\n"
      "# out. A slab has four objects, and a sheaf. How to accept a change: tests/allocators/slub/"
      "BUILD.\n" +
      TouchHeader(SlubTouchColumns());
  for (const std::string_view era : kEras) {
    table += "# " + std::string(era) + "\n" + Operations(era);
  }
  return table;
}

TEST(SheavesTouchesTest, EveryPathTouchesWhatTheGoldenFileSays) {
  EXPECT_EQ(Table(), Contents(kGolden));
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) { return slablab::GoldenMain(argc, argv, slablab::Table); }
