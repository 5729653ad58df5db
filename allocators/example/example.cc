// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/example/example.h"

#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "allocators/allocator.h"
#include "allocators/common/slab_common.h"
#include "allocators/common/slab_pool.h"
#include "allocators/common/slub_geometry.h"
#include "allocators/common/slub_list.h"
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
// What stands once for all models (allocators/common): a cache's life in the order of its steps,
// what all caches hold, whose slab a frame is of, kmalloc() in front, what is said of all this
// (SlabCommon); a node's list of slabs (SlubNode), and the host's records of them (SlabArrayPool).

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

struct Slab : SlabRecord<Cache> {
  static constexpr uint64_t kFreeAt = 16;
  static constexpr uint64_t kInUseAt = 24;
  static constexpr uint64_t kListAt = 32;

  uint32_t* links = nullptr;  // by object: the next free one, kNoObject or kInUse
  Guarded<uint32_t> free;     // the first
  Guarded<uint32_t> in_use;
  Guarded<Slab*> list_next;
  Guarded<Slab*> list_previous;
};

struct Cache : CacheBase {
  static constexpr uint32_t kBytes = 128;

  explicit Cache(LockClass* of_locks) : locks(of_locks) {}
  void PlaceAt(PhysAddr descriptor) {
    address = descriptor;
    list.emplace(descriptor, locks);
    min_partial = Settled<uint64_t>({descriptor + 64, Structure::kCacheDescriptor}, 5);
  }
  PhysAddr AddressOf(const Slab& slab, uint32_t object) const {
    return slab.base + uint64_t{object} * geometry.size;
  }
  Place LinkOf(PhysAddr object) const {
    return {object + geometry.free_pointer_offset, Structure::kFreePointer};
  }

  LockClass* const locks;
  SlubGeometry geometry;
  std::optional<SlubNode<Slab>> list;  // of slabs with room, whatever node they are on
  Settled<uint64_t> min_partial;
};

class ExampleAllocator final : public SlabCommon<Cache, Slab, SlabArrayPool<Slab, &Slab::links>> {
 public:
  explicit ExampleAllocator(Machine& machine)
      : SlabCommon(machine, {}, {.create = SiteOf(At::kCaches), .destroy = SiteOf(At::kCaches)},
                   {.cgroup = false, .reclaim = false, .zone_dma = false}, kKmallocWays),
        locks_(machine.scheduler().AddLockClass("example", kListLockRank)) {}

  std::string_view name() const override { return "example"; }
  absl::Span<const std::string_view> sites() const override { return kSites; }
  absl::Span<const PathInfo> paths() const override { return kPaths; }

  // --- Caches. ---
  // The first cache is of the others' descriptors, and has its own from nowhere.
  Task<void> Boot(Cpu& cpu) override {
    const SiteScope site(cpu, Site::kBoot);
    kmalloc_.Place(cpu);
    const CacheSpec first{.name = "example_cache", .object_size = Cache::kBytes};
    cache_cache_ = &AddCache(first, *GeometryOf(first));
    cache_cache_->PlaceAt(machine_.boot_memory().Allocate(Cache::kBytes, kLineSize, cpu.node()));
    caches_.Open(*cache_cache_);
    for (const KmallocTable::Class& each : kmalloc_.Classes()) {
      const CacheSpec spec{.name = each.name, .object_size = each.size};
      const absl::StatusOr<CacheId> created = co_await CreateCache(cpu, spec);
      kmalloc_.Set(each, created.value());
    }
  }
  Task<void> Shrink(Cpu& cpu, CacheId id) override {
    for (bool returned = true; returned;) returned = co_await ReturnEmpty(cpu, cache(id), 0);
  }
  Task<absl::Status> Tune(Cpu& cpu, CacheId id, std::string_view key, int64_t value) override {
    const absl::Status checked = CheckTunable(name(), Switches({}), false, key, value);
    if (checked.ok()) cpu.Store(cache(id).min_partial, static_cast<uint64_t>(value));
    return Task<absl::Status>(checked);
  }

  // --- Objects. ---
  Task<Placement> Alloc(Cpu& cpu, CacheId id, Gfp gfp, NodeId node) override {
    const SiteScope site(cpu, SiteOf(At::kAlloc));
    Cache& s = cache(id);
    cpu.Execute(kCycles);
    PathId path = kTaken;
    PhysAddr object = co_await TakeFrom(cpu, s, PhysAddr(), node);
    if (object.is_null()) {
      const PageRequest request{.order = s.geometry.order, .node = node, .gfp = gfp & ~Gfp::kZero};
      const PhysAddr block = co_await machine_.pages().Alloc(cpu, request);
      if (!block.is_null()) path = kGrown;
      // Who may be given another node's object is given that rather than none.
      const bool may_take = !block.is_null() || !Has(gfp, Gfp::kThisNode);
      if (may_take) object = co_await TakeFrom(cpu, s, block, kAnyNode);
    }
    ZeroIfAsked(cpu, s, gfp, object);
    co_return Placement{object, object.is_null() ? PathId{kFailed} : path};
  }

  Task<PathId> Free(Cpu& cpu, CacheId id, PhysAddr object) override {
    const SiteScope site(cpu, SiteOf(At::kFree));
    Cache& s = cache(id);
    Slab& slab = *SlabOf(object);
    CHECK(slab.cache == &s);
    cpu.Execute(kCycles);
    PathId path = kPut;
    bool is_empty = false;
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await s.list->list_lock.Acquire(cpu);
      const uint32_t index = s.IndexAt(object - slab.base);
      CHECK(s.AddressOf(slab, index) == object);
      CHECK_EQ(slab.links[index], kInUse);  // Else it is free already.
      slab.links[index] = cpu.Load(slab.free);
      cpu.Touch(s.LinkOf(object), Access::kWrite);
      cpu.Store(slab.free, index);
      cpu.Store(slab.in_use, cpu.Load(slab.in_use) - 1);
      caches_.TakeBack(s);
      if (slab.links[index] == kNoObject) {
        path = kListed;
        AddPartial(cpu, *s.list, slab, ListEnd::kHead);
      }
      is_empty = slab.in_use.Peek() == 0;
    }
    co_await cpu.IrqRestore(flags);
    if (!is_empty) co_return path;
    const bool returned = co_await ReturnEmpty(cpu, s, cpu.Load(s.min_partial));
    co_return returned ? PathId{kEmptied} : path;
  }

  Task<PathId> Kfree(Cpu& cpu, PhysAddr object) override {
    if (object <= kZeroSizePointer) return Task<PathId>(kNull);
    const Slab* const slab = SlabOf(object);
    if (slab == nullptr) return kmalloc_.FreeLarge(cpu, object);
    {
      const SiteScope site(cpu, SiteOf(At::kFree));
      cpu.Touch({machine_.PageStruct(object.frame()), Structure::kSlabMetadata}, Access::kRead);
    }
    return Free(cpu, slab->cache->id, object);
  }

  // --- Queries. ---
  std::vector<Figure> State(CacheId id) const override {
    const Cache& s = cache(id);
    if (!s.live) return {};
    return {Figure::Of({"slabs", FigureRole::kSlabs}, s.footprint.slabs),
            Figure::Of({"slabs with room", FigureRole::kPartialSlabs}, s.list->nr_partial.Peek()),
            Figure::Of({"min_partial"}, s.min_partial.Peek())};
  }

  void CheckInvariants() const override {
    for (CacheId id : live_caches()) {
      const Cache& s = cache(id);
      std::set<const Slab*> listed;
      CheckPartialList(*s.list, [&](const Slab& slab) { listed.insert(&slab); });
      Footprint footprint;
      for (const Slab& slab : pool_.slabs()) {
        if (slab.cache != &s) continue;
        const uint32_t objects = s.geometry.objects;
        uint32_t free = 0;
        for (uint32_t i = slab.free.Peek(); i != kNoObject; i = slab.links[i]) {
          CHECK_LT(i, objects);       // 2
          CHECK_LE(++free, objects);  // 2
        }
        CHECK_EQ(free + slab.in_use.Peek(), objects);  // 2
        CHECK_EQ(free > 0, listed.erase(&slab) == 1);  // 1
        footprint += FootprintOfSlab(s, {.bytes = kPageSize << s.geometry.order,
                                         .objects = objects,
                                         .used = slab.in_use.Peek()});
      }
      CHECK(listed.empty());         // 1
      CheckFootprint(s, footprint);  // 3
    }
    CheckTotals();  // 3
  }

 private:
  absl::StatusOr<SlubGeometry> GeometryOf(const CacheSpec& spec) const override {
    return ComputeSlubGeometry(SlubRequestOf(spec), {});
  }
  Cache& AddCache(const CacheSpec& spec, const SlubGeometry& geometry) override {
    return caches_.Add(std::make_unique<Cache>(locks_), spec, geometry);
  }

  // An object of a new slab in `block`, if there is one; else of the first with room, on `node` if
  // one is asked for.
  Task<PhysAddr> TakeFrom(Cpu& cpu, Cache& s, PhysAddr block, NodeId node) {
    PhysAddr object;
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await s.list->list_lock.Acquire(cpu);
      Slab* slab = block.is_null() ? cpu.Load(s.list->first) : &MakeSlab(cpu, s, block);
      while (slab != nullptr && node != kAnyNode && slab->node != node) {
        slab = cpu.Load(slab->list_next);
      }
      if (slab != nullptr) {
        const uint32_t index = cpu.Load(slab->free);
        object = s.AddressOf(*slab, index);
        cpu.Touch(s.LinkOf(object), Access::kRead);
        cpu.Store(slab->free, slab->links[index]);
        cpu.Store(slab->in_use, cpu.Load(slab->in_use) + 1);
        if (slab->links[index] == kNoObject) RemovePartial(cpu, *s.list, *slab);
        slab->links[index] = kInUse;
        caches_.HandOut(s);
      }
    }
    co_await cpu.IrqRestore(flags);
    co_return object;
  }

  // REQUIRES: the cache's lock.
  Slab& MakeSlab(Cpu& cpu, Cache& s, PhysAddr block) {
    Slab& slab = pool_.Take(s.geometry.objects);
    EnterSlab(slab, s, {.block = block, .objects = s.geometry.objects});
    slab.free = Guarded<uint32_t>(&s.list->list_lock, slab.Metadata(Slab::kFreeAt), 0);
    slab.in_use = Guarded<uint32_t>(&s.list->list_lock, slab.Metadata(Slab::kInUseAt), 0);
    for (uint32_t i = 0; i < s.geometry.objects; ++i) {
      slab.links[i] = i + 1 < s.geometry.objects ? i + 1 : kNoObject;
      cpu.Touch(s.LinkOf(s.AddressOf(slab, i)), Access::kWrite);
      // A constructor is taken to write each object once.
      if (s.spec.has_constructor) ZeroIfAsked(cpu, s, Gfp::kZero, s.AddressOf(slab, i));
    }
    AddPartial(cpu, *s.list, slab, ListEnd::kHead);
    return slab;
  }

  // Gives back the first empty slab, if there is one and more than `kept` have room.
  Task<bool> ReturnEmpty(Cpu& cpu, Cache& s, uint64_t kept) {
    const SiteScope site(cpu, SiteOf(At::kCaches));
    PhysAddr block;
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await s.list->list_lock.Acquire(cpu);
      Slab* slab = cpu.Load(s.list->nr_partial) > kept ? cpu.Load(s.list->first) : nullptr;
      while (slab != nullptr && cpu.Load(slab->in_use) > 0) slab = cpu.Load(slab->list_next);
      if (slab != nullptr) {
        block = slab->base;
        RemovePartial(cpu, *s.list, *slab);
        LeaveSlab(*slab, s.geometry.objects);
        pool_.Give(*slab, s.geometry.objects);
      }
    }
    co_await cpu.IrqRestore(flags);
    if (block.is_null()) co_return false;
    co_await machine_.pages().Free(cpu, block, s.geometry.order);
    co_return true;
  }

  LockClass* const locks_;
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
