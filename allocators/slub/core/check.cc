// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/core/check.h"

#include "allocators/slub/core/core.h"
#include "base/check.h"

namespace slablab {
namespace {

// Whether a free pointer is one, and not what stands in its place.
bool IsLink(ObjectIndex free_pointer) { return free_pointer != kInUse && free_pointer != kInSheaf; }

}  // namespace

SlubInspection::SlubInspection(const SlubCore& core, const KmemCache& cache)
    : core_(core),
      s_(cache),
      has_bitmaps_(core.policy().rules.free_link == SlubRules::FreeLink::kNone),
      names_caches_(core.policy().lives.boots_as_2010 && core.KernelLog().empty()) {}

void SlubInspection::Run() {
  core_.InspectFront(s_, *this);
  for (const std::unique_ptr<CacheNode>& n : s_.nodes) {
    if (n != nullptr) VisitNode(*n);
  }
  std::map<NodeId, uint64_t> slabs;
  std::map<NodeId, uint64_t> objects;
  uint32_t waiting = 0;
  Footprint footprint;
  for (const Slab& slab : core_.pool_.slabs()) {
    if (slab.cache != &s_) continue;
    VisitSlab(slab);
    footprint += FootprintOf(slab);
    if (slab.waits_for_rcu) {
      ++waiting;
      continue;
    }
    ++slabs[slab.node];
    objects[slab.node] += slab.word.Peek().objects;
  }
  for (size_t i = 0; i < s_.nodes.size(); ++i) {
    if (s_.nodes[i] == nullptr) continue;
    const NodeId node(static_cast<int32_t>(i));
    CHECK_EQ(s_.nodes[i]->nr_slabs.Peek(), slabs[node]);         // 5
    CHECK_EQ(s_.nodes[i]->total_objects.Peek(), objects[node]);  // 5
  }
  CHECK_EQ(s_.rcu_slabs, waiting);  // 1
  CheckFootprint(s_, footprint);    // 7
  CHECK_EQ(in_sheaves_, 0u);        // 3
}

void SlubInspection::Claim(const Slab& slab, Held held) {
  CHECK(slab.cache == &s_);
  CHECK(owners_.emplace(&slab, Owner{.on_node = false, .held = held}).second);  // 1
}

void SlubInspection::VisitNode(const CacheNode& n) {
  CheckPartialList(n, [&](const Slab& slab) {  // 5
    CHECK(slab.cache == &s_);
    CHECK(owners_.emplace(&slab, Owner{.on_node = true, .held = {}}).second);  // 1
    CHECK(s_.nodes[slab.node.index()].get() == &n);                            // 1
  });
}

void SlubInspection::VisitSlab(const Slab& slab) {
  const SlabWord word = slab.word.Peek();
  const auto found = owners_.find(&slab);
  const bool owned = found != owners_.end();
  const Owner owner = owned ? found->second : Owner();
  if (slab.waits_for_rcu) {
    CHECK(!owned);            // 1
    CHECK_EQ(word.inuse, 0);  // 1
  } else if (!owned) {
    CHECK_EQ(word.inuse, word.objects);  // 1
  }
  if (owner.on_node) CHECK_LT(word.inuse, word.objects);  // 1
  CHECK_EQ(word.frozen, owner.held.frozen);               // 2
  seen_.assign(word.objects, false);
  CHECK(!slab.lock.held());
  const uint32_t on_slab = has_bitmaps_ ? CountFree(slab) : Walk(slab, word.freelist);
  CHECK_EQ(word.inuse, word.objects - on_slab);  // 4
  const uint32_t on_front = Walk(slab, owner.held.freelist);
  uint32_t used = 0;
  for (uint32_t i = 0; i < word.objects; ++i) {
    CHECK_EQ(IsLink(slab.free_pointer[i]), seen_[i]);  // 3
    if (slab.obj_exts != nullptr) CHECK(!slab.obj_exts->charged[i] || !seen_[i]);  // 8
    if (seen_[i]) continue;
    ++used;
    if (slab.free_pointer[i] != kInSheaf) continue;
    CHECK_GT(in_sheaves_, 0u);  // 3
    --in_sheaves_;
  }
  CHECK_EQ(used + on_slab + on_front, word.objects);  // 3
  // What a quirk of the boot of 2010 left behind is in the kernel's log.
  if (names_caches_) CHECK(slab.cache_at == s_.address);  // 6
}

// Those that the slab's bitmap has.
uint32_t SlubInspection::CountFree(const Slab& slab) {
  uint32_t free = 0;
  for (size_t i = 0; i < seen_.size(); ++i) {
    seen_[i] = IsLink(slab.free_pointer[i]);
    free += seen_[i] ? 1 : 0;
  }
  return free;
}

// How many objects are on a list.
uint32_t SlubInspection::Walk(const Slab& slab, ObjectIndex object) {
  uint32_t length = 0;
  while (object != kNoObject) {
    CHECK_LT(object, seen_.size());
    CHECK(!seen_[object]);  // 3
    seen_[object] = true;
    ++length;
    object = slab.free_pointer[object];
  }
  return length;
}

Footprint SlubInspection::FootprintOf(const Slab& slab) const {
  const uint16_t objects = slab.word.Peek().objects;
  uint64_t used = 0;
  for (ObjectIndex i = 0; i < objects; ++i) used += slab.free_pointer[i] == kInUse;
  Footprint footprint =
      FootprintOfSlab(s_, {.bytes = kPageSize << slab.order, .objects = objects, .used = used});
  if (slab.waits_for_rcu) footprint.rcu_free_bytes = footprint.free_bytes;
  return footprint;
}

void SlubCore::CheckInvariants() const {
  for (CacheId id : caches_.live()) SlubInspection(*this, cache(id)).Run();
  Footprint in_image;
  in_image.metadata_bytes = static_bytes_;
  CheckTotals(in_image);  // 6, 7
}

}  // namespace slablab
