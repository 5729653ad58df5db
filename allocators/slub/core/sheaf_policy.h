// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_SHEAF_POLICY_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_SHEAF_POLICY_H_

#include <cstdint>

namespace slablab {

// What changed in SLUB's sheaves from one kernel to another, and what can be changed by itself: the
// shared code (allocators/slub/sheaves/layer.h) asks it where the ways part. The defaults are those
// of Linux 7.3.
struct SheafPolicy {
  // Which caches have sheaves: those that ask for a capacity (6.18), or nearly all (7.0).
  enum class Which : uint8_t { kNone, kOptIn, kDefault };
  // Exactly what was asked for, or what the size's class gives, rounded up to what its memory
  // holds, and more only if more was asked for.
  enum class CapacityRule : uint8_t { kAsAsked, kByClass };
  // Which nodes have barns: none, those with memory, all; a CPU's is always its own node's.
  enum class Barns : uint8_t { kNone, kMemoryNodes, kAllNodes };
  // Where the pointer to a barn stands: behind struct kmem_cache_node (to 7.0), or in struct
  // kmem_cache beside the pointer to it.
  enum class BarnPointer : uint8_t { kInNode, kInCache };
  // When an allocation may fill a sheaf: if it may sleep, or always (7.0-rc3).
  enum class RefillWhen : uint8_t { kMayBlock, kAlways };
  // Where the empty main sheaf goes once there is a filled one: to the barn (to 6.19), or it
  // becomes the spare sheaf if there is none.
  enum class EmptyMain : uint8_t { kToBarn, kBecomesSpare };
  // What becomes of a free object of another node: its slab has it; except on a CPU whose node has
  // no memory (7.1); or a sheaf takes it as any other.
  enum class RemoteFree : uint8_t { kPastSheaves, kPastUnlessMemoryless, kIntoSheaves };
  // How a bulk free parts such objects from the others: in an array of their own, with the request
  // closed up from its end (to 7.2); or by moving them to the front.
  enum class BulkFree : uint8_t { kSetAside, kPartition };
  // Where a sheaf goes that was allocated for kvfree_rcu() and is not needed after all.
  enum class UnneededRcuSheaf : uint8_t { kToBarn, kFreed };
  // What an object that a sheaf gives or takes is counted as: alloc_cpu_sheaf and free_cpu_sheaf,
  // with a slow or fast path of the CPU slab counted below when the sheaf is filled or flushed (to
  // 6.19); or alloc_fastpath and free_fastpath, where what goes past the sheaves is a slow path.
  enum class CountedAs : uint8_t { kCpuSheaf, kFastpath };

  Which which = Which::kNone;
  CapacityRule capacity_rule = CapacityRule::kByClass;
  uint32_t capacity =
      0;  // of every cache that has sheaves, unless it asks for more; 0: by the rule
  Barns barns = Barns::kAllNodes;
  BarnPointer barn_pointer = BarnPointer::kInCache;
  uint32_t barn_full_max = 10;   // MAX_FULL_SHEAVES
  uint32_t barn_empty_max = 10;  // MAX_EMPTY_SHEAVES
  RefillWhen refill_when = RefillWhen::kAlways;
  EmptyMain empty_main = EmptyMain::kBecomesSpare;
  RemoteFree remote_free = RemoteFree::kPastUnlessMemoryless;
  BulkFree bulk_free = BulkFree::kPartition;
  UnneededRcuSheaf unneeded_rcu_sheaf = UnneededRcuSheaf::kFreed;
  // Whether a free that needs a sheaf may wake kswapd for its memory: GFP_NOWAIT (to 7.2).
  bool free_wakes_kswapd = false;
  // Whether sheaf_alloc and sheaf_free count those of a prefill beyond the capacity too (7.2).
  bool counts_oversize = true;
  // Whether alloc_node_mismatch counts what the sheaves cannot serve (7.0).
  bool counts_node_mismatch = true;
  CountedAs counted_as = CountedAs::kFastpath;
};

// Linux 7.3; 7.2; 7.1; 7.0; 6.18. Each is the one above with what its successor changed.
inline constexpr SheafPolicy kSheaves73 = {.which = SheafPolicy::Which::kDefault};
inline constexpr SheafPolicy kSheaves72 = [] {
  SheafPolicy policy = kSheaves73;
  policy.bulk_free = SheafPolicy::BulkFree::kSetAside;
  policy.unneeded_rcu_sheaf = SheafPolicy::UnneededRcuSheaf::kToBarn;
  policy.free_wakes_kswapd = true;
  return policy;
}();
inline constexpr SheafPolicy kSheaves71 = [] {
  SheafPolicy policy = kSheaves72;
  policy.counts_oversize = false;
  return policy;
}();
inline constexpr SheafPolicy kSheaves70 = [] {
  SheafPolicy policy = kSheaves71;
  policy.barns = SheafPolicy::Barns::kMemoryNodes;
  policy.barn_pointer = SheafPolicy::BarnPointer::kInNode;
  policy.remote_free = SheafPolicy::RemoteFree::kPastSheaves;
  return policy;
}();
inline constexpr SheafPolicy kSheaves618 = [] {
  SheafPolicy policy = kSheaves70;
  policy.which = SheafPolicy::Which::kOptIn;
  policy.capacity_rule = SheafPolicy::CapacityRule::kAsAsked;
  policy.refill_when = SheafPolicy::RefillWhen::kMayBlock;
  policy.empty_main = SheafPolicy::EmptyMain::kToBarn;
  policy.counts_node_mismatch = false;
  policy.counted_as = SheafPolicy::CountedAs::kCpuSheaf;
  return policy;
}();
// Before 6.18: none. Turned on, they are as in 6.18, but that a size's class has a capacity.
inline constexpr SheafPolicy kNoSheaves = [] {
  SheafPolicy policy = kSheaves618;
  policy.which = SheafPolicy::Which::kNone;
  policy.capacity_rule = SheafPolicy::CapacityRule::kByClass;
  return policy;
}();

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_SHEAF_POLICY_H_
