// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_ALLOCATOR_H_
#define SLABLAB_ALLOCATORS_ALLOCATOR_H_

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "allocators/cache_contents.h"
#include "allocators/cache_layers.h"
#include "allocators/meanings.h"
#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/pages/gfp.h"

// The contract between the models and whoever drives them. One virtual call an operation; what a
// model does inside, it does through the Cpu it is given.

namespace slablab {

class PercpuAreas;

// A cache within one allocator: dense from 0 in order of creation (boot caches come first).
using CacheId = Id<struct CacheIdTag, int32_t>;
inline constexpr CacheId kNoCache{-1};

// A prefilled sheaf that a user has.
using SheafId = Id<struct SheafIdTag, int32_t>;
inline constexpr SheafId kNoSheaf{-1};

// Where a sheaf is that no user has.
enum class SheafPlace : uint8_t { kSpare, kBarn };

// Which way through the model an operation took: an index into Allocator::paths().
using PathId = uint8_t;

// Objects that a sheaf may hold: it is kmalloc'ed, 32 bytes and 8 an object, of at most 4 MiB.
inline constexpr uint32_t kSheafCapacityMax = ((uint32_t{4} << 20) - 32) / 8;

struct CacheSpec {
  std::string name;
  uint32_t object_size = 0;    // bytes, > 0
  uint32_t align = 0;          // 0 or a power of two
  uint32_t slot_size = 0;      // from one object to the next at least; 0: as the kernel computes it
  bool hwcache_align = false;  // SLAB_HWCACHE_ALIGN
  bool has_constructor = false;
  bool typesafe_by_rcu = false;
  bool reclaim_account = false;
  bool mem_spread = false;  // SLAB_MEM_SPREAD
  bool no_merge = false;
  bool no_leak_trace = false;  // SLAB_NOLEAKTRACE
  bool account = false;        // SLAB_ACCOUNT: objects are charged to memory cgroups
  // Where the free pointer lies within a free object (kmem_cache_args.freeptr_offset); -1: the
  // kernel chooses.
  int64_t free_pointer_offset = -1;
  // kmem_cache_args.sheaf_capacity, at most kSheafCapacityMax; 0: the kernel's own formula.
  uint32_t sheaf_capacity = 0;
  // SLAB_CONSISTENCY_CHECKS, SLAB_RED_ZONE, SLAB_POISON, SLAB_STORE_USER.
  bool consistency_checks = false;
  bool red_zone = false;
  bool poison = false;
  bool store_user = false;

  bool has_debug_flags() const { return consistency_checks || red_zone || poison || store_user; }
};

struct Placement {
  PhysAddr object;  // null: the allocation failed
  PathId path = 0;
};

// One of a cache's figures, in the shape of /sys/kernel/slab: "39(13) C1=3(1) C2=6(2)".
struct Figure {
  struct Part {
    int index = 0;  // CPU or node
    uint64_t value = 0;
    uint64_t in_parentheses = 0;
    friend bool operator==(const Part&, const Part&) = default;
  };
  enum class Per : uint8_t { kCache, kCpu, kNode };
  std::string name;
  uint64_t value = 0;
  FigureRole role = FigureRole::kOther;
  Per per = Per::kCache;
  std::vector<Part> parts;  // ascending; those that are not zero
  bool has_parentheses = false;
  uint64_t in_parentheses = 0;

  static Figure Of(const FigureInfo& info, uint64_t value);  // of a cache as a whole
  std::string ToString() const;  // as sysfs prints it, without the name
  friend bool operator==(const Figure&, const Figure&) = default;
};

// What a cache looks like: computed once at creation.
struct CacheLayout {
  std::string name;
  uint32_t object_size = 0;
  uint32_t slab_size = 0;  // an object with all that goes with it
  uint32_t align = 0;
  int order = 0;
  uint32_t objects_per_slab = 0;
  uint32_t free_pointer_offset = 0;
  uint32_t sheaf_capacity = 0;  // 0: no sheaves
  // What each CPU has of the cache beside sheaves: "CPU slabs", "CPU arrays"; empty: nothing.
  std::string_view cpu_holds = {};
};

// One line of /proc/slabinfo 2.1.
struct SlabInfoRow {
  std::string name;
  uint64_t active_objects = 0;
  uint64_t objects = 0;
  uint32_t object_size = 0;
  uint32_t objects_per_slab = 0;
  uint32_t pages_per_slab = 0;
  uint32_t limit = 0;
  uint32_t batch_count = 0;
  uint32_t shared_factor = 0;
  uint64_t active_slabs = 0;
  uint64_t slabs = 0;
  uint64_t shared_available = 0;
};

// Bytes, now. Kept up to date by every operation; reading it costs nothing. For one cache or all:
//   slab_bytes = object_bytes + free_bytes + padding_bytes + tail_bytes
struct Footprint {
  uint64_t slabs = 0;
  uint64_t slab_bytes = 0;      // pages held
  uint64_t objects = 0;         // allocated
  uint64_t object_bytes = 0;    // object_size of those allocated
  uint64_t free_bytes = 0;      // slab_size of the slots not allocated
  uint64_t padding_bytes = 0;   // slab_size - object_size of those allocated
  uint64_t tail_bytes = 0;      // ends of slabs too short for an object
  uint64_t metadata_bytes = 0;  // the allocator's own structures outside these slabs
  uint64_t percpu_bytes = 0;    // per-CPU areas, all possible CPUs
  // Of the objects, those that the allocator allocated for itself: descriptors, node structures,
  // arrays, queues, lists of free objects.
  uint64_t own_objects = 0;
  uint64_t own_object_bytes = 0;  // of object_bytes
  // kmalloc's blocks of whole pages; of no cache.
  uint64_t large_blocks = 0;
  uint64_t large_bytes = 0;
  uint64_t large_requested_bytes = 0;  // what was asked for, of these
  uint64_t own_large_blocks = 0;       // of the blocks, those of the allocator's own
  uint64_t own_large_bytes = 0;
  uint64_t own_large_requested_bytes = 0;
  // In sheaves, waiting for a grace period: their slots are of free_bytes.
  uint64_t rcu_objects = 0;
  uint64_t rcu_free_bytes = 0;

  // What users have, in slabs and in blocks.
  uint64_t user_objects() const { return objects - own_objects + large_blocks - own_large_blocks; }
  Footprint& operator+=(const Footprint& other);
  // An object of `object_size` bytes is handed out of, or taken back into, a slot of `slab_size`.
  void HandOut(uint64_t object_size, uint64_t slab_size) {
    ++objects;
    object_bytes += object_size;
    padding_bytes += slab_size - object_size;
    free_bytes -= slab_size;
  }
  void TakeBack(uint64_t object_size, uint64_t slab_size) {
    --objects;
    object_bytes -= object_size;
    padding_bytes -= slab_size - object_size;
    free_bytes += slab_size;
  }
  // An object of `object_size` bytes that was handed out was the allocator's own; one is about to
  // be taken back.
  void AddOwn(uint64_t object_size) {
    ++own_objects;
    own_object_bytes += object_size;
  }
  void RemoveOwn(uint64_t object_size) {
    --own_objects;
    own_object_bytes -= object_size;
  }
  // `objects` that were taken back go to wait for a grace period; or have done so.
  void BeginRcu(uint64_t objects, uint64_t slab_size) {
    rcu_objects += objects;
    rcu_free_bytes += objects * slab_size;
  }
  void EndRcu(uint64_t objects, uint64_t slab_size) {
    rcu_objects -= objects;
    rcu_free_bytes -= objects * slab_size;
  }
  friend bool operator==(const Footprint&, const Footprint&) = default;
};

class Allocator {
 public:
  // ZERO_SIZE_PTR: what Kmalloc() of 0 bytes answers, and Kfree() takes.
  static constexpr PhysAddr kZeroSizePointer{16};

  virtual ~Allocator() = default;

  virtual std::string_view name() const = 0;
  // Names of the sites it charges, from Site kFirstModelSite on, and the ways an operation goes.
  virtual absl::Span<const std::string_view> sites() const = 0;
  virtual absl::Span<const PathInfo> paths() const = 0;

  // --- Operations. On the CPU given, in whatever context it is. ---
  // Before anything else, once, on one CPU: the kernel's boot sequence, up to and including the
  // kmalloc caches.
  virtual Task<void> Boot(Cpu& cpu) = 0;
  // After it: what the kernel would have stopped with, if it could not boot, as InvalidArgument.
  // Nothing may then be done with the allocator any more.
  virtual absl::Status boot_status() const { return absl::OkStatus(); }
  // InvalidArgument if the kernel would refuse; the CacheId may be an existing one (merging).
  virtual Task<absl::StatusOr<CacheId>> CreateCache(Cpu& cpu, const CacheSpec& spec) = 0;
  // REQUIRES: no object is allocated.
  virtual Task<void> DestroyCache(Cpu& cpu, CacheId cache) = 0;
  // `node` kAnyNode: kmem_cache_alloc; else kmem_cache_alloc_node.
  virtual Task<Placement> Alloc(Cpu& cpu, CacheId cache, Gfp gfp, NodeId node) = 0;
  virtual Task<PathId> Free(Cpu& cpu, CacheId cache, PhysAddr object) = 0;
  // Beyond the largest size class it is whole pages.
  virtual Task<Placement> Kmalloc(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) = 0;
  // Of any object, also of one from a named cache, as the kernel allows.
  virtual Task<PathId> Kfree(Cpu& cpu, PhysAddr object) = 0;
  // All or nothing: answers objects.size() or 0. By default one after another.
  virtual Task<size_t> AllocBulk(Cpu& cpu, CacheId cache, Gfp gfp, absl::Span<PhysAddr> objects);
  // Reorders `objects`, as the kernel does. By default one after another, as they are.
  virtual Task<void> FreeBulk(Cpu& cpu, CacheId cache, absl::Span<PhysAddr> objects);
  // kfree_bulk(): objects of any caches. Reorders `objects`, as the kernel does. By default one
  // after another, as SLAB has it.
  virtual Task<void> KfreeBulk(Cpu& cpu, absl::Span<PhysAddr> objects);
  virtual Task<void> Shrink(Cpu& cpu, CacheId cache) = 0;

  // --- What only some models have. ---
  struct Offers {
    bool debug_flags = false;          // CacheSpec's: red zones and the like
    bool free_pointer_offset = false;  // CacheSpec's
    bool prefilled_sheaves = false;    // the five calls below
  };
  virtual Offers offers() const { return {}; }
  // kfree_rcu_sheaf(), what kvfree_rcu() tries first: whether `object` went into a sheaf that is
  // freed after a grace period (Machine::rcu()). If not, it is still the caller's.
  virtual Task<bool> FreeRcuSheaf(Cpu& /*cpu*/, PhysAddr /*object*/) { return Task<bool>(false); }
  // flush_rcu_sheaves_on_cache(), the part of kvfree_rcu_barrier_on_cache() that is SLUB's: what
  // FreeRcuSheaf has gathered so far is handed to Machine::rcu().
  virtual Task<void> FlushRcuSheaves(Cpu& /*cpu*/, CacheId /*cache*/) { return {}; }
  // kmem_cache_prefill_sheaf(): a sheaf with at least `size` objects. kNoSheaf: no memory.
  // REQUIRES, of all five: offers().prefilled_sheaves, and size > 0.
  virtual Task<SheafId> PrefillSheaf(Cpu& cpu, CacheId cache, Gfp gfp, uint32_t size);
  // Null: the sheaf is empty.
  virtual Task<Placement> AllocFromSheaf(Cpu& cpu, CacheId cache, Gfp gfp, SheafId sheaf);
  // kmem_cache_refill_sheaf(): fills it to at least `size`; may answer another sheaf instead, as
  // the kernel does. kNoSheaf: no memory, and `sheaf` is as it was.
  virtual Task<SheafId> RefillSheaf(Cpu& cpu, CacheId cache, Gfp gfp, SheafId sheaf,
                                    uint32_t size);
  virtual Task<void> ReturnSheaf(Cpu& cpu, CacheId cache, Gfp gfp, SheafId sheaf);
  // Objects in it.
  virtual uint32_t SheafSize(SheafId sheaf) const;
  // For a start in mid-life, and no call of the kernel's: a new sheaf with these objects, until now
  // their users', as the CPU's spare one or in its node's barn (where it is full or empty). False
  // if there is a spare one, no barn or no memory: the objects are then still their users'.
  virtual Task<bool> GiveSheaf(Cpu& /*cpu*/, CacheId /*cache*/,
                               absl::Span<const PhysAddr> /*objects*/, SheafPlace /*place*/) {
    return Task<bool>(false);
  }

  // The hotplug callbacks, on a CPU that stays: after `dead` went off line, before `coming` is on.
  // By default CPUs have nothing to leave behind and need nothing.
  virtual Task<void> CpuDead(Cpu& /*cpu*/, CpuId /*dead*/) { co_return; }
  // False: there is no memory for what it needs, and it has to stay off line.
  virtual Task<bool> CpuComing(Cpu& /*cpu*/, CpuId /*coming*/) { co_return true; }
  // Memory is short on `node`, or anywhere (kAnyNode): gives back what the kernel's allocator
  // would. Answers how many bytes of objects or pages it let go of. In task context, interrupts on.
  // SLAB and SLUB have no shrinker of their own: SLAB drains by the clock, SLUB keeps what it has.
  virtual Task<uint64_t> Reclaim(Cpu& /*cpu*/, NodeId /*node*/) { co_return 0; }
  // Writes a tunable as its sysfs or proc file would be: unknown key or refused value is
  // InvalidArgument.
  virtual Task<absl::Status> Tune(Cpu& cpu, CacheId cache, std::string_view key, int64_t value) = 0;
  // Several in one write, as /proc/slabinfo takes them. By default one after another, up to the
  // first that is refused.
  struct Tunable {
    std::string_view key;
    int64_t value = 0;
  };
  virtual Task<absl::Status> TuneTogether(Cpu& cpu, CacheId cache,
                                          absl::Span<const Tunable> tunables);

  // What its timers have a CPU do: `Work` is to be called between operations, in task context, once
  // the CPU's clock has reached NextWork. Idle CPUs need not be woken for it.
  virtual bool has_work() const { return false; }
  virtual Cycles NextWork(CpuId) const { return std::numeric_limits<Cycles>::max(); }
  virtual Task<void> Work(Cpu& cpu);

  // --- Queries: cost nothing, change nothing. ---
  virtual int cache_count() const = 0;
  virtual CacheLayout Layout(CacheId cache) const = 0;
  virtual CacheId FindCache(std::string_view name) const = 0;  // kNoCache; follows aliases
  // Where `object` is: its cache and slab (the page block's address). kNoCache: not a slab's.
  struct Location {
    CacheId cache = kNoCache;
    PhysAddr slab;
    uint64_t serial = 0;  // of all slabs ever made, from 1: tells a slab from one there before it
  };
  virtual Location Locate(PhysAddr object) const = 0;
  // Every slab there is, in no order that means anything but the same in equal runs.
  struct SlabPlace {
    CacheId cache;
    PhysAddr base;
    int order = 0;  // of its pages; less than the cache's if memory was fragmented
  };
  virtual std::vector<SlabPlace> SlabPlaces() const = 0;
  virtual std::vector<Figure> Counters(CacheId /*cache*/) const { return {}; }
  virtual std::vector<Figure> State(CacheId cache) const = 0;
  virtual SlabInfoRow SlabInfo(CacheId cache) const = 0;
  // Of models whose caches consist of what it describes.
  virtual CacheContents Contents(CacheId /*cache*/) const { return {}; }
  // Appends the layers in which the cache keeps free objects at hand, the nearest first; those
  // without holders too. None: it has no such layers.
  virtual void AddLayers(CacheId /*cache*/, std::vector<CacheLayer>* /*layers*/) const {}
  virtual Footprint FootprintOf(CacheId cache) const = 0;
  virtual const Footprint& TotalFootprint() const = 0;  // one object, for the allocator's life
  // Where its per-CPU structures come from; null: it has none.
  virtual const PercpuAreas* percpu_areas() const { return nullptr; }
  // Memory that the model's own structures name and rely on, as far as a quirk may let it go: it
  // must be neither free nor a user's.
  struct Reference {
    PhysAddr target;
    uint64_t bytes = 0;
    CacheId in = kNoCache;  // the cache that it is an object of; kNoCache: it is no slab's
    CacheId as = kNoCache;  // whose descriptor it is
  };
  virtual std::vector<Reference> References() const { return {}; }
  // What that kernel would have printed, or what is wrong with the model's state because a quirk is
  // switched on. Empty without quirks.
  virtual std::vector<std::string> KernelLog() const { return {}; }
  // Aborts if one of the model's numbered invariants does not hold. REQUIRES: every CPU is between
  // operations.
  virtual void CheckInvariants() const = 0;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_ALLOCATOR_H_
