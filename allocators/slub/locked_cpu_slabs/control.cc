// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB of 2010: what is done to its caches from outside, what it says of itself, what must hold.

#include <array>
#include <limits>

#include "allocators/common/slub_boot.h"
#include "allocators/slub/locked_cpu_slabs/locked_cpu_slabs.h"
#include "allocators/switches.h"
#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

constexpr std::array<PathInfo, 14> kPaths = {
    FastAllocPath("alloc fast"),     AllocPath("alloc cpu slab refill"),
    AllocPath("alloc node partial"), AllocPath("alloc new slab"),
    AllocPath("alloc failed"),       AllocPath("alloc large"),
    AllocPath("alloc of 0 bytes"),   FastFreePath("free fast"),
    FreePath("free frozen"),         FreePath("free to partial"),
    FreePath("free slow partial"),   FreePath("free slab"),
    FreePath("free large"),          FreePath("free of null"),
};
static_assert(PathOf(LockedCpuSlabs::Way::kFreeNull) == kPaths.size() - 1);

constexpr QuirkInfo kQuirks[] = {
    {"bootstrap-full-list-guard",
     "The dynamic boot's fix-up passes over full slabs: it asks for CONFIG_SLAB_DEBUG."},
    {"bootstrap-cpu-slab",
     "The dynamic boot's fix-up passes over the boot CPU's slabs, which are on no list."},
    {"dma-duplicate",
     "The static boot makes a DMA cache for kmem_cache_node too, which is one of kmalloc-64 "
     "again."},
    {"gfp-mask-in-slow-path",
     "\"slub: Move gfpflag masking out of the hotpath\": gfp_allowed_mask is read for new slabs "
     "only."},
    {"zone-dma-off", "The kernel was built without CONFIG_ZONE_DMA.",
     /*is_plain=*/true, /*is_recorded=*/false},
};

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr TunableInfo kTunables[] = {
    kMinPartialBounded,
    {"remote_node_defrag_ratio", 0, kMost, "100",
     "Per cent of refills that look at other nodes' partial lists before a new slab is made; more "
     "than 100 changes nothing."},
    kSlabOrder,
    {"shrink", 1, 1, "", "Gives back empty slabs and sorts the partial lists."},
    kSlabMinOrder,
    kSlabMaxOrder,
    kSlabMinObjects,
    kSlubMinOrder,
    kSlubMaxOrder,
    kSlubMinObjects};

}  // namespace

ModelSwitches Slub2010Switches(const SlubPolicy& policy) {
  return {.quirks = kQuirks,
          .boots = BootsOf(policy.lives),
          .tunables = kTunables,
          .counters = SlubCounterInfos(policy.counters())};
}

absl::Span<const PathInfo> LockedCpuSlabsPaths() { return kPaths; }

// kmem_cache_open(): node structures, then the per-CPU structures.
Task<bool> LockedCpuSlabs::Open(Cpu& cpu, KmemCache& s) {
  const bool have_nodes = co_await core_.InitNodes(cpu, s);
  if (!have_nodes) co_return false;
  const PercpuRequest request{.bytes = s.at.stats_in_cpu + core_.counter_bytes(), .align = 64};
  const bool have_area = co_await core_.AllocPercpu(cpu, s, &s.cpu_slab, request);
  co_return have_area;
}

Task<void> LockedCpuSlabs::Close(Cpu& cpu, KmemCache& s) {
  if (!s.cpu_slab.Peek().is_null()) co_await core_.FreePercpu(cpu, s, &s.cpu_slab);
}

// new_slab(): all objects in a list, in order of address.
void LockedCpuSlabs::Fill(Cpu& cpu, KmemCache& s, Slab& slab) {
  core_.ConstructObjects(cpu, s, slab);
  const uint16_t objects = slab.word.Peek().objects;
  for (ObjectIndex i = 0; i < objects; ++i) {
    const auto next = static_cast<ObjectIndex>(i + 1);
    core_.StoreFreePointer(cpu, s, slab, i, next < objects ? next : kNoObject);
  }
  cpu.Touch(slab.word.place(), Access::kWrite);
}

// flush_cpu_slab(): what flush_all() has every CPU do.
class Flush2010 : public RemoteCall {
 public:
  Flush2010(LockedCpuSlabs& slabs, KmemCache& cache) : slabs_(slabs), cache_(cache) {}
  Task<void> Run(Cpu& cpu) override { return slabs_.FlushCpuOf(cpu, cache_, cpu.id()); }

 private:
  LockedCpuSlabs& slabs_;
  KmemCache& cache_;
};

Task<void> LockedCpuSlabs::FlushAll(Cpu& cpu, KmemCache& s) {
  Flush2010 flush(*this, s);
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    if (scheduler.cpu(CpuId(i)).online()) co_await cpu.CallOn(CpuId(i), flush);
  }
}

// __flush_cpu_slab(), and slab_cpuup_callback() for one cache.
Task<void> LockedCpuSlabs::FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner) {
  const IrqFlags flags = cpu.IrqSave();
  cpu.Load(s.cpu_slab);
  if (cpu.Load(core_.On(s, owner).slab) != nullptr) co_await FlushSlab(cpu, s, owner);
  co_await cpu.IrqRestore(flags);
}

// --- Queries. ---

void LockedCpuSlabs::Inspect(const KmemCache& s, SlubInspection& inspection) const {
  for (size_t i = 0; i < s.cpus.size(); ++i) {
    const CacheCpu& c = s.cpus[i];
    if (!c.placed) continue;
    const ObjectIndex freelist = c.top.Peek().freelist;
    const Slab* const slab = c.slab.Peek();
    if (slab == nullptr) {
      CHECK_EQ(freelist, kNoObject);  // 2
      continue;
    }
    CHECK(c.node.Peek() == slab->node);                               // 3
    inspection.Claim(*slab, {.frozen = true, .freelist = freelist});  // 1
  }
}

// show_slab_objects() and the tunables' files.
void LockedCpuSlabs::FillState(const KmemCache& s, std::vector<Figure>* figures) const {
  figures->push_back(Figure::Of({"min_partial"}, s.min_partial.Peek()));
  figures->push_back(
      Figure::Of({"remote_node_defrag_ratio"}, s.remote_node_defrag_ratio.Peek() / 10));
  figures->push_back(Figure::Of({"aliases"}, s.names.size() - 1));
}

void LockedCpuSlabs::Layers(const KmemCache& s, std::vector<CacheLayer>* layers) const {
  CacheLayer layer{.name = "CPU slabs", .holders = "slabs"};
  for (size_t i = 0; i < s.cpus.size(); ++i) {
    const CacheCpu& c = s.cpus[i];
    const Slab* const slab = c.slab.Peek();
    if (slab == nullptr) continue;
    const SlabWord word = slab->word.Peek();
    uint64_t free = 0;
    for (const ObjectIndex first : {c.top.Peek().freelist, word.freelist}) {
      // An operation under way may have left a list half changed.
      for (ObjectIndex object = first; object < word.objects && free < word.objects;
           object = slab->free_pointer[object]) {
        ++free;
      }
    }
    layer.Add({.node = slab->node.value(), .objects = free, .room = word.objects, .bytes = 0},
              s.geometry.size);
  }
  layers->push_back(layer);
}

}  // namespace slablab
