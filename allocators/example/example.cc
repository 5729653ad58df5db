// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/example/example.h"

#include <memory>
#include <string>
#include <vector>

#include "allocators/allocator.h"
#include "allocators/common/cache_table.h"
#include "allocators/common/kmalloc_front.h"
#include "allocators/common/slab_frames.h"
#include "allocators/common/slub_geometry.h"
#include "allocators/common/slub_list.h"
#include "allocators/common/slub_pool.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "base/check.h"
#include "sim/core/boot_memory.h"
#include "sim/core/scheduler.h"
#include "sim/pages/page_allocator.h"

// The smallest model that keeps the contract of allocators/allocator.h: to be copied, and held to
// what all models are held to. No kernel has it, and no program but tests.
//
// Idea. First fit: an object comes from the first slab of its cache's list that has room (on the
// node asked for, if any), else from a new slab. CPUs keep nothing for themselves.
// Structures. A cache's descriptor, an object of the first cache, is the list of its slabs that
// have room; a slab's struct page has the first free object and how many are in use; a free object
// has the link to the next. Slabs are laid out as SLUB of Linux 6.1 does it.
// Locks. One a cache. Pages are asked for and given back without it, interrupts on.
// Invariants. CheckInvariants() aborts where one does not hold.
//   1. A slab is on its cache's list exactly if it has a free object.
//   2. Each object of a slab is in use, or once on the slab's list of free ones.
//   3. What is in slabs is what the footprint says.
// Not modelled: merging, debug flags, counters, smaller blocks when memory is fragmented.
//
// What stands once for all models (allocators/common): the table of caches and what they hold,
// whose slab a frame is of, kmalloc() in front, a node's list of slabs, the host's records of them.

namespace slablab {
namespace {

constexpr int kListLockRank = 10;
constexpr Cycles kCycles = 20;  // of an operation's straight-line code
constexpr uint32_t kNoObject = UINT32_MAX;
constexpr uint32_t kInUse = UINT32_MAX - 1;

// What the code is doing (Ledger).
enum class At : uint8_t { kAlloc = kFirstModelSite, kFree, kCaches };
constexpr Site SiteOf(At at) { return static_cast<Site>(at); }
constexpr std::string_view kSites[] = {"example: alloc", "example: free", "example: caches"};

// The way that an operation went. The names are for people: what is fast is said by the type.
enum Way : PathId { kTaken, kGrown, kFailed, kWhole, kZero };
enum FreeWay : PathId { kPut = kZero + 1, kListed, kEmptied, kPages, kNull };
constexpr PathInfo kPaths[] = {FastAllocPath("taken from the list"),
                               AllocPath("taken from a new slab"),
                               AllocPath("no memory"),
                               AllocPath("whole pages"),
                               AllocPath("of 0 bytes"),
                               FastFreePath("put back"),
                               FreePath("put back into a full slab"),
                               FreePath("put back, slab returned"),
                               FreePath("whole pages returned"),
                               FreePath("null")};
static_assert(std::size(kPaths) == kNull + 1);
constexpr KmallocWays kKmallocWays = {.alloc_failed = kFailed,
                                      .alloc_large = kWhole,
                                      .alloc_zero = kZero,
                                      .free_large = kPages,
                                      .free_null = kNull,
                                      .table_site = SiteOf(At::kAlloc),
                                      .large_site = SiteOf(At::kAlloc)};

constexpr TunableInfo kTunables[] = {
    {"min_partial", 0, 1000, "5", "Slabs with room that a cache has before it returns an empty."}};
ModelSwitches Switches(absl::Span<const std::string>) { return {.tunables = kTunables}; }

struct Cache;

struct Slab {
  static constexpr uint64_t kFreeAt = 16;
  static constexpr uint64_t kInUseAt = 24;
  static constexpr uint64_t kListAt = 32;

  PhysAddr base;           // its block
  PhysAddr page;           // its struct page
  Cache* cache = nullptr;  // null: this record describes no slab now
  NodeId node;
  uint64_t serial = 0;
  uint32_t* links = nullptr;  // by object: the next free one, kNoObject or kInUse
  Guarded<uint32_t> free;     // the first
  Guarded<uint32_t> in_use;
  Guarded<Slab*> list_next;
  Guarded<Slab*> list_previous;

  Place Metadata(uint64_t at) const { return {page + at, Structure::kSlabMetadata}; }
};

struct Cache : CacheBase {
  static constexpr uint32_t kBytes = 128;

  Cache(PhysAddr where, LockClass* locks)
      : list(where, locks),
        min_partial(&list.list_lock, {where + 64, Structure::kCacheDescriptor}, 5) {}

  PhysAddr AddressOf(const Slab& slab, uint32_t object) const {
    return slab.base + uint64_t{object} * geometry.size;
  }
  Place LinkOf(PhysAddr object) const {
    return {object + geometry.free_pointer_offset, Structure::kFreePointer};
  }
  uint64_t slab_bytes() const { return kPageSize << geometry.order; }
  uint64_t usable_bytes() const { return uint64_t{geometry.objects} * geometry.size; }

  SlubGeometry geometry;
  SlubNode<Slab> list;  // of slabs with room, whatever node they are on
  Guarded<uint64_t> min_partial;
};

class ExampleAllocator final : public Allocator {
 public:
  explicit ExampleAllocator(Machine& machine)
      : machine_(machine),
        locks_(machine.scheduler().AddLockClass("example", kListLockRank)),
        kmalloc_(machine, {.cgroup = false, .reclaim = false, .zone_dma = false}, kKmallocWays,
                 *this, caches_.total()),
        frames_(machine.config()) {}

  std::string_view name() const override { return "example"; }
  absl::Span<const std::string_view> sites() const override { return kSites; }
  absl::Span<const PathInfo> paths() const override { return kPaths; }

  // --- Caches. ---
  Task<void> Boot(Cpu& cpu) override {
    const SiteScope site(cpu, Site::kBoot);
    kmalloc_.Place(cpu);
    AddCache({.name = "example_cache", .object_size = Cache::kBytes},
             ComputeSlubGeometry({.object_size = Cache::kBytes}, {}).value(),
             machine_.boot_memory().Allocate(Cache::kBytes, kLineSize, cpu.node()));
    caches_.total().metadata_bytes = KmallocTable::kTableBytes + Cache::kBytes;
    for (const KmallocTable::Class& each : kmalloc_.Classes()) {
      const CacheSpec spec{.name = each.name, .object_size = each.size};
      const absl::StatusOr<CacheId> created = co_await CreateCache(cpu, spec);
      kmalloc_.Set(each, created.value());
    }
  }

  Task<absl::StatusOr<CacheId>> CreateCache(Cpu& cpu, const CacheSpec& spec) override {
    const SiteScope site(cpu, SiteOf(At::kCaches));
    const absl::StatusOr<SlubGeometry> geometry =
        ComputeSlubGeometry({.object_size = spec.object_size,
                             .align = spec.align,
                             .slot_size = spec.slot_size,
                             .hwcache_align = spec.hwcache_align,
                             .has_constructor = spec.has_constructor,
                             .typesafe_by_rcu = spec.typesafe_by_rcu},
                            {});
    if (!geometry.ok()) co_return geometry.status();
    if (absl::Status named = caches_.CheckName(spec); !named.ok()) co_return named;
    const Placement descriptor = co_await Alloc(cpu, CacheId(0), kGfpKernel, kAnyNode);
    if (descriptor.object.is_null()) co_return caches_.Exhausted(spec);
    caches_.AddOwn(cache(CacheId(0)));
    cpu.TouchRange({descriptor.object, Structure::kCacheDescriptor}, Cache::kBytes, Access::kWrite);
    co_return AddCache(spec, *geometry, descriptor.object);
  }

  Task<void> DestroyCache(Cpu& cpu, CacheId id) override {
    const SiteScope site(cpu, SiteOf(At::kCaches));
    if (caches_.DropAlias(cache(id))) co_return;
    co_await Shrink(cpu, id);
    CHECK_EQ(cache(id).footprint.slabs, 0u);
    caches_.Close(cache(id));
    caches_.RemoveOwn(cache(CacheId(0)));
    co_await Free(cpu, CacheId(0), cache(id).address);
  }

  Task<void> Shrink(Cpu& cpu, CacheId id) override {
    const SiteScope site(cpu, SiteOf(At::kCaches));
    Cache& s = cache(id);
    for (bool found = true; found;) {
      PhysAddr block;
      const IrqFlags flags = cpu.IrqSave();
      {
        const SpinGuard guard = co_await s.list.list_lock.Acquire(cpu);
        Slab* slab = cpu.Load(s.list.first);
        while (slab != nullptr && cpu.Load(slab->in_use) > 0) slab = cpu.Load(slab->list_next);
        if (slab != nullptr) block = ForgetSlab(cpu, s, *slab);
      }
      co_await cpu.IrqRestore(flags);
      found = !block.is_null();
      if (found) co_await machine_.pages().Free(cpu, block, s.geometry.order);
    }
  }

  Task<absl::Status> Tune(Cpu& cpu, CacheId id, std::string_view key, int64_t value) override {
    absl::Status checked = CheckTunable(name(), Switches({}), false, key, value);
    if (!checked.ok()) co_return checked;
    const SiteScope site(cpu, SiteOf(At::kCaches));
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await cache(id).list.list_lock.Acquire(cpu);
      cpu.Store(cache(id).min_partial, static_cast<uint64_t>(value));
    }
    co_await cpu.IrqRestore(flags);
    co_return absl::OkStatus();
  }

  // --- Objects. ---
  Task<Placement> Alloc(Cpu& cpu, CacheId id, Gfp gfp, NodeId node) override {
    const SiteScope site(cpu, SiteOf(At::kAlloc));
    Cache& s = cache(id);
    cpu.Execute(kCycles);
    PhysAddr object = co_await TakeFrom(cpu, s, PhysAddr(), node);
    PathId path = kTaken;
    if (object.is_null()) {
      const PageRequest request{.order = s.geometry.order, .node = node, .gfp = gfp & ~Gfp::kZero};
      const PhysAddr block = co_await machine_.pages().Alloc(cpu, request);
      if (!block.is_null()) {
        path = kGrown;
        object = co_await TakeFrom(cpu, s, block, node);
      } else if (!Has(gfp, Gfp::kThisNode)) {
        object = co_await TakeFrom(cpu, s, PhysAddr(), kAnyNode);
      }
    }
    if (object.is_null()) co_return Placement{.object = {}, .path = kFailed};
    if (Has(gfp, Gfp::kZero)) Write(cpu, s, object);
    co_return Placement{.object = object, .path = path};
  }

  Task<PathId> Free(Cpu& cpu, CacheId id, PhysAddr object) override {
    const SiteScope site(cpu, SiteOf(At::kFree));
    Cache& s = cache(id);
    Slab& slab = *frames_.Of(object);
    CHECK(slab.cache == &s);
    cpu.Execute(kCycles);
    PathId path = kPut;
    PhysAddr block;  // to return
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await s.list.list_lock.Acquire(cpu);
      const auto index = static_cast<uint32_t>((object - slab.base) / s.geometry.size);
      CHECK(s.AddressOf(slab, index) == object);
      CHECK_EQ(slab.links[index], kInUse);
      const uint32_t next = cpu.Load(slab.free);
      slab.links[index] = next;
      cpu.Touch(s.LinkOf(object), Access::kWrite);
      cpu.Store(slab.free, index);
      cpu.Store(slab.in_use, cpu.Load(slab.in_use) - 1);
      caches_.TakeBack(s);
      if (next == kNoObject) {
        path = kListed;
        AddPartial(cpu, s.list, slab, ListEnd::kHead);
      }
      if (slab.in_use.Peek() == 0 && cpu.Load(s.list.nr_partial) > cpu.Load(s.min_partial)) {
        path = kEmptied;
        block = ForgetSlab(cpu, s, slab);
      }
    }
    co_await cpu.IrqRestore(flags);
    if (!block.is_null()) co_await machine_.pages().Free(cpu, block, s.geometry.order);
    co_return path;
  }

  Task<Placement> Kmalloc(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) override {
    return kmalloc_.Alloc(cpu, bytes, gfp, node);
  }
  Task<PathId> Kfree(Cpu& cpu, PhysAddr object) override {
    if (object <= kZeroSizePointer) return Task<PathId>(kNull);
    const Slab* const slab = frames_.Of(object);
    if (slab == nullptr) return kmalloc_.FreeLarge(cpu, object);
    {
      const SiteScope site(cpu, SiteOf(At::kFree));
      cpu.Touch({machine_.PageStruct(object.frame()), Structure::kSlabMetadata}, Access::kRead);
    }
    return Free(cpu, slab->cache->id, object);
  }

  // --- Queries. ---
  int cache_count() const override { return caches_.count(); }
  CacheLayout Layout(CacheId id) const override {
    const SlubGeometry& geometry = cache(id).geometry;
    return {.name = cache(id).spec.name,
            .object_size = geometry.object_size,
            .slab_size = geometry.size,
            .align = geometry.align,
            .order = geometry.order,
            .objects_per_slab = geometry.objects,
            .free_pointer_offset = geometry.free_pointer_offset};
  }
  CacheId FindCache(std::string_view name) const override {
    const Cache* const s = caches_.FindLive(name);
    return s == nullptr ? kNoCache : s->id;
  }
  Location Locate(PhysAddr object) const override { return frames_.Locate(object); }
  std::vector<SlabPlace> SlabPlaces() const override {
    std::vector<SlabPlace> places;
    for (const Slab& slab : slabs_.slabs()) {
      if (slab.cache == nullptr) continue;
      places.push_back(
          {.cache = slab.cache->id, .base = slab.base, .order = slab.cache->geometry.order});
    }
    return places;
  }
  std::vector<Figure> State(CacheId id) const override {
    const Cache& s = cache(id);
    if (!s.live) return {};
    return {Figure::Of({"slabs", FigureRole::kSlabs}, s.footprint.slabs),
            Figure::Of({"slabs with room", FigureRole::kPartialSlabs}, s.list.nr_partial.Peek()),
            Figure::Of({"min_partial"}, s.min_partial.Peek())};
  }
  SlabInfoRow SlabInfo(CacheId id) const override {
    const Cache& s = cache(id);
    return {.name = s.spec.name,
            .active_objects = s.footprint.objects,
            .objects = s.footprint.slabs * s.geometry.objects,
            .object_size = s.geometry.size,
            .objects_per_slab = s.geometry.objects,
            .pages_per_slab = uint32_t{1} << s.geometry.order,
            .active_slabs = s.footprint.slabs,
            .slabs = s.footprint.slabs};
  }
  Footprint FootprintOf(CacheId id) const override { return cache(id).footprint; }
  const Footprint& TotalFootprint() const override { return caches_.total(); }

  void CheckInvariants() const override {
    std::vector<uint64_t> in_use(static_cast<size_t>(caches_.count()));
    std::vector<uint64_t> with_room(in_use.size());
    for (const Slab& slab : slabs_.slabs()) {
      if (slab.cache == nullptr) continue;
      const uint32_t objects = slab.cache->geometry.objects;
      uint32_t free = 0;
      for (uint32_t i = slab.free.Peek(); i != kNoObject; i = slab.links[i]) {
        CHECK_LT(i, objects);  // 2
        ++free;
        CHECK_LE(free, objects);  // 2
      }
      CHECK_EQ(free + slab.in_use.Peek(), objects);  // 2
      in_use[slab.cache->id.index()] += slab.in_use.Peek();
      with_room[slab.cache->id.index()] += free > 0 ? 1 : 0;
    }
    for (CacheId id : caches_.live()) {
      const Cache& s = cache(id);
      CHECK(!s.list.list_lock.held());
      uint64_t listed = 0;
      for (const Slab* slab = s.list.first.Peek(); slab != nullptr; slab = slab->list_next.Peek()) {
        CHECK(slab->cache == &s);
        CHECK(slab->free.Peek() != kNoObject);  // 1
        ++listed;
      }
      CHECK_EQ(listed, s.list.nr_partial.Peek());
      CHECK_EQ(listed, with_room[id.index()]);            // 1
      CHECK_EQ(s.footprint.objects, in_use[id.index()]);  // 3
    }
  }

 private:
  Cache& cache(CacheId id) const { return caches_.at(id); }

  CacheId AddCache(const CacheSpec& spec, const SlubGeometry& geometry, PhysAddr descriptor) {
    Cache& s = caches_.Add(std::make_unique<Cache>(descriptor, locks_), spec, geometry);
    s.address = descriptor;
    caches_.Open(s);
    return s.id;
  }

  // From a new slab in `block`, if there is one; else from the first with room, on `node` if one is
  // asked for.
  Task<PhysAddr> TakeFrom(Cpu& cpu, Cache& s, PhysAddr block, NodeId node) {
    PhysAddr object;
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await s.list.list_lock.Acquire(cpu);
      Slab* slab = block.is_null() ? cpu.Load(s.list.first) : &MakeSlab(cpu, s, block);
      while (block.is_null() && slab != nullptr && node != kAnyNode && slab->node != node) {
        slab = cpu.Load(slab->list_next);
      }
      if (slab != nullptr) object = Take(cpu, s, *slab);
    }
    co_await cpu.IrqRestore(flags);
    co_return object;
  }

  // From here on, under the cache's lock.
  PhysAddr Take(Cpu& cpu, Cache& s, Slab& slab) {
    const uint32_t index = cpu.Load(slab.free);
    const PhysAddr object = s.AddressOf(slab, index);
    cpu.Touch(s.LinkOf(object), Access::kRead);
    cpu.Store(slab.free, slab.links[index]);
    cpu.Store(slab.in_use, cpu.Load(slab.in_use) + 1);
    if (slab.links[index] == kNoObject) RemovePartial(cpu, s.list, slab);
    slab.links[index] = kInUse;
    caches_.HandOut(s);
    return object;
  }

  Slab& MakeSlab(Cpu& cpu, Cache& s, PhysAddr block) {
    Slab& slab = slabs_.Take(s.geometry.objects);
    slab.base = block;
    slab.page = machine_.PageStruct(block.frame());
    slab.cache = &s;
    slab.node = machine_.NodeOf(block);
    SpinLock& lock = s.list.list_lock;
    slab.free = Guarded<uint32_t>(&lock, slab.Metadata(Slab::kFreeAt), 0);
    slab.in_use = Guarded<uint32_t>(&lock, slab.Metadata(Slab::kInUseAt), 0);
    for (uint32_t i = 0; i < s.geometry.objects; ++i) {
      slab.links[i] = i + 1 < s.geometry.objects ? i + 1 : kNoObject;
      cpu.Touch(s.LinkOf(s.AddressOf(slab, i)), Access::kWrite);
      // A constructor is taken to write each object once.
      if (s.spec.has_constructor) Write(cpu, s, s.AddressOf(slab, i));
    }
    frames_.Enter(slab, s.geometry.order);
    caches_.AccountSlab(s, s.slab_bytes(), s.usable_bytes());
    AddPartial(cpu, s.list, slab, ListEnd::kHead);
    return slab;
  }

  // REQUIRES: all its objects are free. Answers its block, which is the caller's.
  PhysAddr ForgetSlab(Cpu& cpu, Cache& s, Slab& slab) {
    RemovePartial(cpu, s.list, slab);
    frames_.Remove(slab, s.geometry.order);
    caches_.UnaccountSlab(s, s.slab_bytes(), s.usable_bytes());
    slabs_.Give(slab, s.geometry.objects);
    return slab.base;
  }

  void Write(Cpu& cpu, const Cache& s, PhysAddr object) {
    cpu.TouchRange({object, Structure::kObject}, s.geometry.object_size, Access::kWrite);
  }

  Machine& machine_;
  LockClass* const locks_;
  CacheTable<Cache> caches_;
  KmallocFront kmalloc_;
  SlubPool<Slab, &Slab::links> slabs_;
  SlabFrames<Slab> frames_;
};

}  // namespace

void RegisterExample() {
  RegisterForTests(
      {.name = "example", .kernel = kLinux61, .summary = "First fit, one lock a cache."}, Switches,
      [](Machine& machine, const AllocatorOptions&) -> std::unique_ptr<Allocator> {
        return std::make_unique<ExampleAllocator>(machine);
      });
}

}  // namespace slablab
