// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <set>
#include <vector>

#include "allocators/slub/core/structures.h"
#include "allocators/slubq/structures.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {
namespace {

// Of a slab that nobody else knows.
class SlabOfItsOwn {
 public:
  explicit SlabOfItsOwn(uint16_t objects) : cache_(offsets_, 1), pointers_(objects) {
    cache_.geometry.size = 8;
    slab_.word = Racy<SlabWord>({PhysAddr(1 << 20), Structure::kSlabMetadata},
                                {.freelist = 0, .inuse = 0, .objects = objects});
    slab_.first_object = PhysAddr(1 << 21);
    slab_.free_pointer = pointers_.data();
    slab_.cache = &cache_;
  }
  const Slab& slab() const { return slab_; }

 private:
  const KmemCacheOffsets offsets_;
  KmemCache cache_;
  std::vector<ObjectIndex> pointers_;
  Slab slab_;
};

// Whatever comes and goes, the lowest free object is taken, as a plain set has it.
TEST(ObjectMapTest, TakesTheLowestObjectOfThoseThatAreFree) {
  AllocatorMachine m("slubq", {.cpus = 1});
  for (const uint16_t objects : {1, 2, 63, 64, 65, 128, 500}) {
    const SlabOfItsOwn own(objects);
    const ObjectMap map(own.slab());
    m.Run(0, [&](Cpu& cpu) -> Task<void> {
      Random random(objects, 1);
      map.Fill(cpu);
      std::set<ObjectIndex> free;
      for (ObjectIndex i = 0; i < objects; ++i) free.insert(free.end(), i);
      std::vector<ObjectIndex> taken;
      for (int step = 0; step < 4000; ++step) {
        EXPECT_EQ(map.Weight(cpu), free.size());
        EXPECT_EQ(map.IsEmpty(cpu), free.empty());
        EXPECT_EQ(map.IsFull(cpu), taken.empty());
        const bool takes = taken.empty() || (!free.empty() && random.Below(2) == 0);
        if (takes) {
          taken.push_back(map.TakeLowest(cpu));
          EXPECT_EQ(taken.back(), *free.begin());
          free.erase(free.begin());
        } else {
          std::swap(taken[random.Below(taken.size())], taken.back());
          map.Set(cpu, taken.back());
          free.insert(taken.back());
          taken.pop_back();
        }
      }
      co_return;
    });
  }
}

}  // namespace
}  // namespace slablab
