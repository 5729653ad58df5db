// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_REPAIR_UNTRACED_FREES_H_
#define SLABLAB_TRACES_IMPORT_REPAIR_UNTRACED_FREES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/types.h"
#include "traces/event.h"
#include "traces/maple_tree.h"
#include "traces/sidecar/kernel_counters.h"

// Which of the objects that went without an event went by kvfree_rcu, and when. From Linux 6.18 on
// such an object goes into its CPU's rcu_free sheaf, at which there is no tracepoint, and comes
// back after a grace period: its address is allocated again long after the free. A kernel with
// statistics counts these frees by cache (free_rcu_sheaf). Of one without, a cache is known by
// having sheaves and not one kmem_cache_free, as maple_node. A recording is learnt from first;
// then its objects are asked after by number.

namespace slablab {

// What objects are told apart by here: their cache, or of kmalloc, which no event names the cache
// of, the size class.
using ObjectClass = uint32_t;
constexpr ObjectClass ClassOfCache(uint16_t cache) { return cache; }
constexpr ObjectClass ClassOfKmalloc(uint32_t bytes_alloc) { return bytes_alloc | 1u << 31; }
// "maple_node", "kmalloc-96"; of a cache that is not known "".
std::string ClassName(ObjectClass of, const std::vector<std::string>& caches);

class UntracedFrees {
 public:
  using Moment = slablab::Moment;
  struct RcuFree {
    Moment moment;
    bool is_aged = false;    // nothing shows it but the count
    bool with_tree = false;  // not by kvfree_rcu, but in bulk: see traces/maple_tree.h
  };

  void SawAllocation(ObjectClass of) { ++allocations_[of]; }
  void SawCacheFree(ObjectClass of) { ++cache_frees_[of]; }
  // Of these classes' objects, those of the maple tree, of which more is known.
  MapleTrees& maple_trees() { return maple_trees_; }
  // An event showed that the object was freed without one.
  void SawGone(ObjectClass of, TraceObject object, const Moment& born, const Moment& shown);
  // At the end of the recording the object was live, as far as events tell.
  void SawLive(ObjectClass of, TraceObject object, const Moment& born);

  // What is known of the kernel; either may be null.
  struct Kernel {
    const KernelCounters* counters = nullptr;
    const SlabSysfs* sysfs = nullptr;
  };
  // Ends learning. `caches` are the names of the classes of caches, `end` is the time of the last
  // event.
  //
  //  - Of a class of which the kernel counted n frees by RCU, the first n that an event shows to be
  //    gone went so, halfway between their allocation and that event. Where and by whom is taken to
  //    be as of that event: the sheaf comes back on the node on which it was filled.
  //  - Of the nodes of maple trees, those went so that others replaced, and each when that was;
  //    they are not among what follows, nor are those that went with their tree.
  //  - If these are fewer, and the kernel did not count more allocations than the recording has
  //    (its counters are of a longer time then: as many of the frees are not looked for), the rest
  //    went unseen: those that had been live the longest at the end, halfway between their
  //    allocation and the end, where they were allocated.
  //  - Without counters, of a cache with sheaves (sheaf_capacity) and without one kmem_cache_free
  //  all
  //    went so that events show to be gone. (Its kfree events are of kvfree_rcu's other way.)
  void Conclude(const Kernel& kernel, const std::vector<std::string>& caches, Nanos end);

  // Null: the object did not go by RCU. REQUIRES: Conclude was called.
  const RcuFree* Find(TraceObject object) const;

 private:
  struct Life {
    TraceObject object = kNoTraceObject;
    Moment born, shown;
  };
  struct Counted {
    int64_t by_rcu = 0;
    int64_t allocations = 0;
  };

  static std::map<std::string, Counted> CountedByClass(const KernelCounters& counters);
  // What the kernel, which has no statistics, would have counted.
  Counted CountUncounted(ObjectClass of, const std::string& name, const SlabSysfs& sysfs) const;
  int64_t DecideByTree(ObjectClass of);
  void Decide(ObjectClass of, const Counted& counted, Nanos end);

  absl::flat_hash_map<ObjectClass, uint64_t> allocations_, cache_frees_;
  std::map<ObjectClass, std::vector<Life>> gone_;
  std::map<ObjectClass, std::vector<Life>> live_;
  absl::flat_hash_map<TraceObject, RcuFree> by_rcu_;
  MapleTrees maple_trees_;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_REPAIR_UNTRACED_FREES_H_
