// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/caches.h"

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "allocators/common/slub_geometry.h"
#include "allocators/known_caches.h"
#include "allocators/slub/core/sheaf_policy.h"
#include "allocators/slub/sheaves/sheaf.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr uint32_t kWord = 8;
constexpr size_t kNamesShown = 3;

constexpr uint32_t RoundUp(uint32_t value, uint32_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// /sys/kernel/slab was there: it has no cache without an alignment.
bool FlagsAreKnown(const TraceCache& cache) { return cache.align > 0; }

// What a kernel of SLUB lays out for such a cache.
uint32_t SlotOf(const CacheSpec& spec) {
  const bool link_behind = spec.has_constructor || spec.typesafe_by_rcu;
  const uint32_t align = SlubAlignment(spec.hwcache_align, spec.align, spec.object_size);
  return RoundUp(RoundUp(spec.object_size, kWord) + (link_behind ? kWord : 0), align);
}

// The least alignment that makes objects lie `slot` apart; 0 if there is none.
uint32_t AlignmentFor(uint32_t bytes, uint32_t slot) {
  for (uint32_t align = kWord; align <= kPageSize; align *= 2) {
    if (RoundUp(bytes, align) == slot) return align;
  }
  return 0;
}

constexpr const char* kSheavesSidecars[] = {"sys-kernel-slab.before", "sys-kernel-slab.after"};

// Whether that sidecar is there and of a kernel whose caches have sheaves.
bool HasSheaves(const TraceHeader& trace, std::string_view sidecar) {
  const TraceSidecar* const found = trace.FindSidecar(sidecar);
  return found != nullptr && absl::StrContains(found->contents, "sheaf_capacity");
}

// Caches of one kind: how many, and the first few by name.
class Named {
 public:
  void Add(const std::string& name, const std::string& what) {
    if (count_++ < kNamesShown) {
      names_ += fmt::format("{}{} ({})", names_.empty() ? "" : ", ", name, what);
    }
  }
  uint64_t count() const { return count_; }
  std::string names() const { return count_ > kNamesShown ? names_ + " and others" : names_; }

 private:
  uint64_t count_ = 0;
  std::string names_;
};

// Which caches' flags are taken from the source.
std::string TypesafeSentence(const TraceHeader& trace, const std::vector<CacheId>& caches) {
  uint64_t count = 0;
  std::string names;
  for (size_t i = 0; i < caches.size(); ++i) {
    const TraceCache& cache = trace.caches[i];
    if (caches[i] == kNoCache || FlagsAreKnown(cache)) continue;
    if (!IsKnownTypesafeByRcu(cache.name, trace.kernel_release)) continue;
    if (count++ < kNamesShown) names += (names.empty() ? "" : ", ") + cache.name;
  }
  if (count == 0) return "";
  return fmt::format(
      "Caches taken to free their slabs after a grace period, as the source of Linux {} creates "
      "those of these names, since no /sys/kernel/slab stood beside the recording: {}, namely "
      "{}{}.",
      trace.kernel_release, count, names, count > kNamesShown ? " and others" : "");
}

}  // namespace

absl::StatusOr<CacheId> FindOrCreateCache(Machine& machine, Allocator& allocator,
                                          const CacheSpec& asked) {
  const CacheId existing = allocator.FindCache(asked.name);
  if (existing != kNoCache) return existing;
  CacheSpec spec = asked;
  if (!allocator.offers().free_pointer_offset) spec.free_pointer_offset = -1;
  absl::StatusOr<CacheId> made = kNoCache;
  const auto make = [&](Cpu& cpu) -> Task<void> {
    made = co_await allocator.CreateCache(cpu, spec);
  };
  machine.scheduler().RunOn(CpuId(0), make);
  if (!made.ok() && spec.free_pointer_offset >= 0) {
    // Before 7.0 one with a constructor could not ask for it.
    spec.free_pointer_offset = -1;
    machine.scheduler().RunOn(CpuId(0), make);
  }
  return made;
}

std::optional<Slabinfo> SlabinfoOf(const TraceHeader& trace) {
  for (const char* name : {"slabinfo.after", "slabinfo.before"}) {
    const TraceSidecar* const sidecar = trace.FindSidecar(name);
    if (sidecar == nullptr) continue;
    absl::StatusOr<Slabinfo> slabinfo = ParseSlabinfo(sidecar->contents, sidecar->name);
    if (slabinfo.ok()) return *std::move(slabinfo);
  }
  return std::nullopt;
}

const SlabSysfs* SheavesSysfsOf(const RecordedSidecars& sidecars) {
  for (const char* name : kSheavesSidecars) {
    if (!HasSheaves(sidecars.trace(), name)) continue;
    if (const SlabSysfs* const sysfs = sidecars.FirstSysfs({name}); sysfs != nullptr) return sysfs;
  }
  return nullptr;
}

uint32_t AskedSheafCapacity(const SlabSysfs& sysfs, std::string_view cache) {
  const CacheSysfs* const known = sysfs.Find(cache);
  if (known == nullptr) return 0;
  const auto capacity = static_cast<uint32_t>(std::max<int64_t>(known->Total("sheaf_capacity"), 0));
  // Linux 6.18 counts what sheaves give and take apart.
  if (known->Find("alloc_cpu_sheaf") != nullptr) return capacity;
  const auto slot = static_cast<uint32_t>(std::max<int64_t>(known->Total("slab_size"), 0));
  return capacity > SheafCapacity(kSheaves73, CacheSpec(), slot) ? capacity : 0;
}

absl::Status CreateRecordedCaches(const SlabSysfs& sysfs, Machine& machine, Allocator& allocator) {
  for (const auto& [name, known] : sysfs.caches) {
    const bool is_kmalloc = name.starts_with("kmalloc-") || name.starts_with("dma-kmalloc-");
    if (is_kmalloc || allocator.FindCache(name) != kNoCache) continue;
    const bool is_debug = known.Flag("sanity_checks") || known.Flag("red_zone") ||
                          known.Flag("poison") || known.Flag("store_user");
    const int64_t bytes = known.Total("object_size");
    if (is_debug || bytes <= 0 || bytes > kSlubObjectSizeMax) continue;
    const TraceCache cache = {.name = name,
                              .object_size = static_cast<uint32_t>(bytes),
                              .slab_size = static_cast<uint32_t>(known.Total("slab_size")),
                              .align = static_cast<uint32_t>(known.Total("align")),
                              .hwcache_align = known.Flag("hwcache_align"),
                              .has_constructor = !known.ctor.empty(),
                              .typesafe_by_rcu = known.Flag("destroy_by_rcu"),
                              .reclaim_account = known.Flag("reclaim_account"),
                              .from_sidecar = true};
    CacheSpec spec = SpecOf(cache, std::nullopt);
    spec.sheaf_capacity = AskedSheafCapacity(sysfs, name);
    const absl::StatusOr<CacheId> id = FindOrCreateCache(machine, allocator, spec);
    if (!id.ok()) return id.status();
  }
  return absl::OkStatus();
}

CacheSpec SpecOf(const TraceCache& cache, const std::optional<Slabinfo>& slabinfo,
                 std::string_view release) {
  CacheSpec spec = {.name = cache.name,
                    .object_size = cache.object_size,
                    .align = cache.align,
                    .hwcache_align = cache.hwcache_align,
                    .has_constructor = cache.has_constructor,
                    .typesafe_by_rcu = cache.typesafe_by_rcu,
                    .reclaim_account = cache.reclaim_account,
                    .mem_spread = cache.reclaim_account,
                    .account = IsKnownAccounted(cache.name)};
  if (!FlagsAreKnown(cache)) {
    spec.typesafe_by_rcu = IsKnownTypesafeByRcu(cache.name, release);
  }
  const uint32_t slot = cache.slab_size;
  if (slot > kSlubObjectSizeMax || spec.object_size > slot) return spec;
  if (FlagsAreKnown(cache)) {
    // More than these account for: a kernel that watches the ends of objects, or who used them.
    if (slot > SlotOf(spec)) spec.slot_size = slot;
    // Less: it has asked for the free pointer to lie within the object (kmem_cache_args).
    if (slot < SlotOf(spec)) spec.free_pointer_offset = 0;
    return spec;
  }
  const uint32_t bytes = RoundUp(spec.object_size, kWord);
  if (slot <= bytes) {
    // There is no room for a free pointer behind it.
    if (slot > 0 && spec.typesafe_by_rcu) spec.free_pointer_offset = 0;
    return spec;
  }
  spec.slot_size = slot;
  spec.align = AlignmentFor(bytes, slot);
  // Arrays have limits in kernels of SLAB, and there the list of free objects is in no object.
  const bool is_slab =
      slabinfo.has_value() && !slabinfo->caches.empty() && slabinfo->caches.front().limit > 0;
  if (is_slab) return spec;
  if (spec.align > 0) {
    if (spec.typesafe_by_rcu && bytes + kWord > slot) spec.free_pointer_offset = 0;
    return spec;
  }
  spec.align = AlignmentFor(bytes + kWord, slot);
  spec.has_constructor = spec.align > 0;
  return spec;
}

absl::StatusOr<std::vector<CacheId>> FindOrCreateCaches(const RecordedSidecars& sidecars,
                                                        Machine& machine, Allocator& allocator) {
  const TraceHeader& trace = sidecars.trace();
  const std::optional<Slabinfo> slabinfo = SlabinfoOf(trace);
  const SlabSysfs* const sysfs = SheavesSysfsOf(sidecars);
  std::vector<CacheId> ids;
  for (const TraceCache& cache : trace.caches) {
    if (cache.name.empty() || cache.object_size == 0) {
      ids.push_back(cache.name.empty() ? kNoCache : allocator.FindCache(cache.name));
      continue;
    }
    CacheSpec spec = SpecOf(cache, slabinfo, trace.kernel_release);
    spec.sheaf_capacity = sysfs != nullptr ? AskedSheafCapacity(*sysfs, cache.name)
                                           : KnownSheafCapacity(cache.name);
    const absl::StatusOr<CacheId> id = FindOrCreateCache(machine, allocator, spec);
    if (!id.ok()) return id.status();
    ids.push_back(*id);
  }
  return ids;
}

std::vector<std::string> GeometrySentences(const TraceHeader& trace,
                                           const std::vector<CacheId>& caches,
                                           const Allocator& allocator) {
  const std::optional<Slabinfo> slabinfo = SlabinfoOf(trace);
  const bool sheaves_are_recorded = std::ranges::any_of(
      kSheavesSidecars, [&](const char* name) { return HasSheaves(trace, name); });
  Named aligned, constructed, padded, asking, other_slots, other_slabs;
  std::vector<std::string> sentences;
  if (std::string typesafe = TypesafeSentence(trace, caches); !typesafe.empty()) {
    sentences.push_back(std::move(typesafe));
  }
  for (size_t i = 0; i < caches.size(); ++i) {
    const TraceCache& cache = trace.caches[i];
    if (caches[i] == kNoCache) continue;
    const CacheLayout layout = allocator.Layout(caches[i]);
    const uint32_t asked = KnownSheafCapacity(cache.name);
    if (!sheaves_are_recorded && asked > 0 && layout.sheaf_capacity == asked) {
      asking.Add(cache.name, fmt::format("{} objects", asked));
    }
    if (cache.slab_size == 0) continue;
    const CacheSpec spec = SpecOf(cache, slabinfo, trace.kernel_release);
    if (spec.slot_size > 0) {
      const std::string sizes = fmt::format("{} bytes in {}", spec.object_size, spec.slot_size);
      (spec.align == 0 || FlagsAreKnown(cache) ? padded
       : spec.has_constructor                  ? constructed
                                               : aligned)
          .Add(cache.name, sizes);
    }
    if (layout.slab_size != cache.slab_size) {
      other_slots.Add(cache.name,
                      fmt::format("{} instead of {} bytes", layout.slab_size, cache.slab_size));
    }
    const SlabinfoCache* const info = slabinfo.has_value() ? slabinfo->Find(cache.name) : nullptr;
    const uint64_t pages = uint64_t{1} << layout.order;
    if (info == nullptr || info->objects_per_slab == 0) continue;
    if (layout.objects_per_slab == info->objects_per_slab && pages == info->pages_per_slab)
      continue;
    other_slabs.Add(cache.name,
                    fmt::format("{} objects in {} instead of {} in {}", layout.objects_per_slab,
                                pages, info->objects_per_slab, info->pages_per_slab));
  }
  const auto say = [&](const Named& caches, std::string_view what) {
    if (caches.count() == 0) return;
    sentences.push_back(fmt::format("{}: {}, namely {}.", what, caches.count(), caches.names()));
  };
  say(aligned, "Caches taken to be aligned, since their slots are larger than their objects");
  say(constructed, "Caches taken to have a constructor, with the free pointer behind the object");
  say(padded, "Caches whose slots are larger than anything known of them accounts for, kept so");
  say(asking,
      "Caches taken to ask for sheaves of a size of their own, as in Linux 6.18 and later");
  say(other_slots, "Caches that have other slots here than in the recorded kernel");
  say(other_slabs,
      "Caches that have other slabs here (pages) than slabinfo says, as allocators and numbers of "
      "CPUs differ");
  return sentences;
}

}  // namespace slablab
