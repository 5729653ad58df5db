// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Each numbered invariant of the percpu allocators (allocators/percpu/percpu.h, percpu_2010.h),
// broken by hand, is found. Those of hints: percpu_map_test.cc.

#include <algorithm>
#include <memory>
#include <string>

#include "allocators/percpu/percpu.h"
#include "allocators/percpu/percpu_2010.h"
#include "allocators/percpu/registry.h"
#include "gtest/gtest.h"
#include "sim/machine.h"

namespace slablab {

class PercpuPeer {
 public:
  static PercpuChunk& First(PercpuAreas& areas) {
    return *static_cast<Percpu&>(areas).first_chunk_;
  }
  static int& EmptyPages(PercpuAreas& areas) { return static_cast<Percpu&>(areas).empty_pages_; }
  static Percpu2010Chunk& First2010(PercpuAreas& areas) {
    return *static_cast<Percpu2010&>(areas).first_chunk_;
  }
};

namespace {

// An area of 64 bytes and one of 4, with room in front of the second.
class PercpuInvariantsDeathTest : public ::testing::Test {
 protected:
  explicit PercpuInvariantsDeathTest(const std::string& name = "percpu")
      : machine_(ReferenceMachine({.cpus = 2, .nodes = 1, .cpus_per_node = 2, .mib_per_node = 64})),
        areas_(MakePercpuAreas(machine_, {.name = name, .balance_at_once = false}).value()) {
    const PercpuArea first = Alloc(64);
    Alloc(32);
    Alloc(4);
    machine_.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return areas_->Free(cpu, first); });
    areas_->CheckInvariants();
  }
  PercpuArea Alloc(uint32_t bytes) {
    PercpuArea area;
    machine_.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
      area = co_await areas_->Alloc(cpu, {.bytes = bytes, .align = 4});
    });
    return area;
  }
  PercpuChunk& chunk() { return PercpuPeer::First(*areas_); }
  void ExpectFound(const std::string& check) { EXPECT_DEATH(areas_->CheckInvariants(), check); }

  Machine machine_;
  std::unique_ptr<PercpuAreas> areas_;
};

TEST_F(PercpuInvariantsDeathTest, AChunkThatSaysItIsIsolated) {  // 1
  chunk().isolated = true;
  ExpectFound("isolated");
}

TEST_F(PercpuInvariantsDeathTest, AChunkThatSaysItIsInAnotherSlot) {  // 1
  ++chunk().slot;
  ExpectFound("slot");
}

TEST_F(PercpuInvariantsDeathTest, AChunkThatMiscountsItsFreeBytes) {  // 2
  chunk().free_bytes += 4;
  ExpectFound("free_bytes|SlotOf");
}

TEST_F(PercpuInvariantsDeathTest, APageWithoutMemoryThatIsSaidToHaveSome) {  // 3
  chunk().memory.pages[0] = PhysAddr();
  ExpectFound("is_populated");
}

TEST_F(PercpuInvariantsDeathTest, AChunkThatMiscountsItsSparePages) {  // 4
  ++chunk().empty_pages;
  ExpectFound("empty");
}

TEST_F(PercpuInvariantsDeathTest, AnAllocatorThatMiscountsItsSparePages) {  // 4
  ++PercpuPeer::EmptyPages(*areas_);
  ExpectFound("spare");
}

class Percpu2010InvariantsDeathTest : public PercpuInvariantsDeathTest {
 protected:
  Percpu2010InvariantsDeathTest() : PercpuInvariantsDeathTest("percpu-2010") {}
  Percpu2010Chunk& chunk() { return PercpuPeer::First2010(*areas_); }
  // A run of free bytes.
  int32_t& Hole() {
    return *std::find_if(chunk().map.begin(), chunk().map.end(),
                         [](int32_t run) { return run > 8; });
  }
};

TEST_F(Percpu2010InvariantsDeathTest, AChunkThatSaysItIsInAnotherSlot) {  // 1
  ++chunk().slot;
  ExpectFound("slot");
}

TEST_F(Percpu2010InvariantsDeathTest, AChunkThatMiscountsItsFreeBytes) {  // 2
  chunk().free_bytes -= 4;
  ExpectFound("free|SlotOf");
}

TEST_F(Percpu2010InvariantsDeathTest, NeighboursThatAreBothFree) {  // 3
  int32_t& hole = Hole();
  hole -= 4;
  const auto behind = chunk().map.begin() + (&hole - chunk().map.data()) + 1;
  chunk().map.insert(behind, 4);
  ExpectFound("map");
}

TEST_F(Percpu2010InvariantsDeathTest, APageWithoutMemoryThatIsSaidToHaveSome) {  // 4
  chunk().memory.pages[0] = PhysAddr();
  ExpectFound("pages");
}

TEST_F(Percpu2010InvariantsDeathTest, AHintThatIsTooSmall) {  // 5
  chunk().contig_hint = 4;
  ExpectFound("contig_hint|SlotOf");
}

}  // namespace
}  // namespace slablab
