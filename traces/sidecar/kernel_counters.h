// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SIDECAR_KERNEL_COUNTERS_H_
#define SLABLAB_TRACES_SIDECAR_KERNEL_COUNTERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "traces/sidecar/recorded_sidecars.h"
#include "traces/sidecar/sidecar.h"

// What SLUB of a kernel with CONFIG_SLUB_STATS counted while a recording was made: how much the
// counters of /sys/kernel/slab grew between the sidecars from before and after it. Each kernel has
// counters of its own (mm/slub.c, enum stat_item): 26 in Linux 6.1 and 6.12; those and 17 of
// sheaves in 6.18; 26 others from 7.0 on. Names that two kernels share may mean two things:
// alloc_fastpath is of a CPU's free list until 6.19, and of a sheaf from 7.0 on.

namespace slablab {

// Whether a file of /sys/kernel/slab/CACHE is a counter, of any of these kernels.
bool IsSlubCounter(std::string_view file);

class KernelCounters {
 public:
  struct Cache {
    std::string name;
    uint32_t object_size = 0;
    uint64_t slabs = 0;           // at the end
    uint64_t slab_bytes = 0;      // of these
    std::vector<int64_t> growth;  // by counter
  };

  // Nothing if the kernel counted nothing.
  static std::optional<KernelCounters> Between(const SlabSysfs& before, const SlabSysfs& after);
  // Of a trace's sidecars; nothing if it lacks one of them. InvalidArgument if one cannot be read.
  static absl::StatusOr<std::optional<KernelCounters>> Of(const RecordedSidecars& sidecars);

  // Those that the kernel has, in the order in which it has them.
  const std::vector<std::string_view>& names() const { return names_; }
  const std::vector<Cache>& caches() const { return caches_; }  // by name
  // How much a counter grew; 0 for what the kernel does not count.
  int64_t Of(const Cache& cache, std::string_view name) const;
  int64_t Total(std::string_view name) const;
  bool Has(std::string_view name) const;
  // Objects that users allocated and freed. Linux 6.18 and 6.19 count what fills a sheaf, and what
  // is flushed from one, as operations of the slabs too; those are not among them.
  int64_t Allocations(const Cache& cache) const;
  int64_t Frees(const Cache& cache) const;
  // Objects freed by kvfree_rcu, beside Frees: through a sheaf, or meant for one.
  int64_t FreesByRcu(const Cache& cache) const;

 private:
  std::vector<std::string_view> names_;
  std::vector<Cache> caches_;
};

// What the counters of a cache, since boot, tell of the sheaves of one CPU. Each object that came
// into one by a refill or a free has gone out of it by an allocation or a flush, or is there; a
// full sheaf that went to the node's barn, or came from it, took or brought its capacity. Exact,
// but for caches whose users have prefilled sheaves (maple_node), which give without counting: what
// they gave is estimated from how often one was filled.
//
// A sheaf for RCU is handed over when it is full, so that what is in it is what is left of all that
// went there. A CPU has a spare sheaf from when it first filled an empty main one, or first found a
// full one where it wanted to free; where there are two the other is full or empty.
struct SheafContents {
  int64_t objects = 0;      // in its main and its spare sheaf and the one for RCU
  int64_t rcu_objects = 0;  // of these, in the one for RCU
  int64_t full_given = 0;   // full sheaves that it gave to its node's barn, less those that it took
  int64_t sheaves_made = 0;  // sheaves that it allocated, less those that it freed
  bool has_spare = false;
};
SheafContents SheafContentsOf(const CacheSysfs& cache, int32_t cpu);

}  // namespace slablab

#endif  // SLABLAB_TRACES_SIDECAR_KERNEL_COUNTERS_H_
