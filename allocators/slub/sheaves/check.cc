// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The sheaves' numbered invariants (allocators/slub/sheaves/layer.h), checked from the structures'
// values alone; and what stands where.

#include <set>

#include "allocators/slub/sheaves/layer.h"
#include "base/check.h"

namespace slablab {
namespace {

// One pass over one cache's sheaves.
class SheafInspection {
 public:
  SheafInspection(const SlubCore& core, const KmemCache& cache)
      : core_(core), s_(cache), capacity_(cache.sheaf_capacity.Peek()) {}

  // A sheaf of a CPU's or a barn's.
  void Visit(const SlabSheaf& sheaf, SlabSheaf::State state) {
    CHECK(places_.insert(&sheaf).second);  // 1
    CHECK(sheaf.state == state);           // 1
    CHECK_EQ(sheaf.capacity, capacity_);   // 3
    VisitContents(sheaf);
  }

  // What is in any sheaf of the cache, and what it lies in.
  void VisitContents(const SlabSheaf& sheaf) {
    CHECK(sheaf.cache == &s_);             // 1
    CHECK_LE(sheaf.size, sheaf.capacity);  // 3
    if (sheaf.state == SlabSheaf::State::kRcu) rcu_objects_ += sheaf.size;
    for (uint32_t i = 0; i < sheaf.size; ++i) {
      const PhysAddr object = sheaf.objects[i];
      const Slab* const slab = core_.SlabOf(object);
      CHECK(slab != nullptr && slab->cache == &s_);                       // 5
      CHECK_EQ(slab->free_pointer[s_.IndexOf(*slab, object)], kInSheaf);  // 5
      CHECK(objects_.insert(object).second);                              // 5
    }
    const Slab* const home = core_.SlabOf(sheaf.address);
    if (home == nullptr) return;     // of whole pages
    CHECK(home->cache->is_kmalloc);  // 6
    CHECK_EQ(home->free_pointer[home->cache->IndexOf(*home, sheaf.address)], kInUse);  // 6
    CHECK_LE(SlabSheaf::BytesFor(sheaf.capacity), home->cache->geometry.object_size);  // 6
  }

  void VisitList(const SheafList& list, bool empties) {
    uint32_t length = 0;
    for (const SlabSheaf* sheaf = list.first.Peek(); sheaf != nullptr; sheaf = sheaf->next) {
      Visit(*sheaf, SlabSheaf::State::kBarn);
      if (empties) CHECK_EQ(sheaf->size, 0u);  // 3
      ++length;
    }
    CHECK_EQ(list.count.Peek(), length);  // 4
  }

  // A sheaf that nothing here leads to: a user's, or the machine's.
  void VisitOther(const SlabSheaf& sheaf) {
    if (places_.contains(&sheaf)) return;
    CHECK(sheaf.state == SlabSheaf::State::kUser || sheaf.state == SlabSheaf::State::kRcu);  // 1
    VisitContents(sheaf);
  }

  uint64_t objects() const { return objects_.size(); }
  // That wait for a grace period and have been handed over.
  uint64_t rcu_objects() const { return rcu_objects_; }

 private:
  const SlubCore& core_;
  const KmemCache& s_;
  const uint32_t capacity_;
  std::set<const SlabSheaf*> places_;
  std::set<PhysAddr> objects_;
  uint64_t rcu_objects_ = 0;
};

}  // namespace

void SheafLayer::Inspect(const KmemCache& s, SlubInspection& inspection) const {
  const CacheSheaves& sheaves = Of(s);
  SheafInspection sheaf_inspection(core_, s);
  uint64_t in_rcu_free = 0;
  for (size_t i = 0; HasSheaves(s) && i < sheaves.first_main.size(); ++i) {
    const CpuSheaves& pcs = sheaves.cpus[i];
    const SlabSheaf* const main = pcs.placed ? pcs.main.Peek() : sheaves.first_main[i];
    CHECK(main != nullptr);  // 2
    if (s.sheaf_capacity.Peek() == 0) {
      CHECK(main == bootstrap_);  // 2
      CHECK_EQ(main->size, 0u);   // 3
    } else {
      sheaf_inspection.Visit(*main, SlabSheaf::State::kPercpu);
    }
    if (!pcs.placed) continue;
    CHECK(!pcs.acquired.Peek());  // 2
    const SlabSheaf* const spare = pcs.spare.Peek();
    if (spare != nullptr) sheaf_inspection.Visit(*spare, SlabSheaf::State::kPercpu);
    const SlabSheaf* const rcu_free = pcs.rcu_free.Peek();
    if (rcu_free == nullptr) continue;
    sheaf_inspection.Visit(*rcu_free, SlabSheaf::State::kPercpu);
    CHECK_LT(rcu_free->size, rcu_free->capacity);  // 3
    in_rcu_free += rcu_free->size;
  }
  for (const std::unique_ptr<NodeBarn>& barn : sheaves.barns) {
    if (barn == nullptr) continue;
    CHECK(!barn->lock.held());  // 2
    sheaf_inspection.VisitList(barn->full, /*empties=*/false);
    sheaf_inspection.VisitList(barn->empty, /*empties=*/true);
  }
  for (const SlabSheaf& sheaf : pool_.sheaves()) {
    if (sheaf.cache == &s) sheaf_inspection.VisitOther(sheaf);
  }
  CHECK_EQ(s.footprint.rcu_objects, in_rcu_free + sheaf_inspection.rcu_objects());  // 7
  inspection.ClaimInSheaves(sheaf_inspection.objects());
}

void SheafLayer::Describe(const KmemCache& s, CacheContents* contents) const {
  if (!HasSheaves(s) || s.sheaf_capacity.Peek() == 0) return;
  const CacheSheaves& sheaves = Of(s);
  const auto size_of = [](const SlabSheaf* sheaf) -> int64_t {
    return sheaf == nullptr ? -1 : static_cast<int64_t>(sheaf->size);
  };
  for (size_t i = 0; i < sheaves.first_main.size(); ++i) {
    const CpuSheaves& pcs = sheaves.cpus[i];
    CacheContents::PercpuSheaves& of_cpu = contents->sheaves.emplace_back();
    of_cpu.main = size_of(pcs.placed ? pcs.main.Peek() : sheaves.first_main[i]);
    if (!pcs.placed) continue;
    of_cpu.spare = size_of(pcs.spare.Peek());
    of_cpu.rcu_free = size_of(pcs.rcu_free.Peek());
  }
  for (size_t i = 0; i < sheaves.barns.size(); ++i) {
    const NodeBarn* const barn = sheaves.barns[i].get();
    if (barn == nullptr) continue;
    CacheContents::Barn& of_node = contents->barns.emplace_back();
    of_node.node = static_cast<int>(i);
    of_node.empty_sheaves = barn->empty.count.Peek();
    for (const SlabSheaf* sheaf = barn->full.first.Peek(); sheaf != nullptr; sheaf = sheaf->next) {
      of_node.full_sizes.push_back(sheaf->size);
    }
  }
}

}  // namespace slablab
