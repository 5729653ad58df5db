// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/replay/warm_start.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "traces/sidecar/kernel_counters.h"

namespace slablab {

namespace {

// `number`: the recorded one; -1: nothing recorded is there.
int64_t PartOf(const std::vector<int64_t>& parts, int32_t number) {
  return number >= 0 && static_cast<size_t>(number) < parts.size()
             ? parts[static_cast<size_t>(number)]
             : 0;
}

// A slab's objects, in the order in which they were allocated.
struct WarmSlab {
  PhysAddr slab;
  std::vector<PhysAddr> objects;
};

// One cache's way to its recorded state.
class CacheWarmer {
 public:
  CacheWarmer(const CacheSysfs& sysfs, CacheId cache, Machine& machine, Allocator& allocator,
              const RecordedPlaces& places)
      : sysfs_(sysfs),
        places_(places),
        cache_(cache),
        machine_(machine),
        allocator_(allocator),
        per_slab_(allocator.Layout(cache).objects_per_slab),
        slabs_(static_cast<size_t>(machine.config().node_count())) {}

  absl::Status Warm(Replay& replay) {
    for (int node = 0; node < machine_.config().node_count(); ++node) {
      if (absl::Status status = FillNode(NodeId(node)); !status.ok()) return status;
    }
    // Shrinking flushes the CPUs, so that what is partial is on its node's list.
    const CpuId boot(0);
    machine_.scheduler().RunOn(boot, [&](Cpu& cpu) { return allocator_.Shrink(cpu, cache_); });
    const bool has_sheaves = HasCounter("sheaf_refill");
    for (size_t i = 0; i < machine_.config().cpus.size(); ++i) {
      const CpuId cpu(static_cast<int32_t>(i));
      // Linux 7.0 and later have none.
      if (!has_sheaves || HasCounter("cpuslab_flush")) GiveCpuSlab(cpu);
      GiveCpuPartials(cpu);
    }
    if (has_sheaves) GiveSheaves();
    for (size_t node = 0; node < slabs_.size(); ++node) {
      for (const WarmSlab& slab : slabs_[node]) {
        for (PhysAddr object : slab.objects) {
          replay.AddWarmObject(cache_, NodeId(static_cast<int32_t>(node)), object);
        }
      }
    }
    return absl::OkStatus();
  }

 private:
  int64_t OnNode(std::string_view figure, NodeId node) const {
    const SysfsCount* count = sysfs_.Find(figure);
    return count == nullptr ? 0 : PartOf(count->per_node, places_.NumberOf(node));
  }
  int64_t OnCpu(std::string_view figure, CpuId cpu) const {
    const SysfsCount* count = sysfs_.Find(figure);
    return count == nullptr ? 0 : PartOf(count->per_cpu, places_.NumberOf(cpu));
  }
  // What the model has of it already, from boot.
  int64_t Now(std::string_view figure, NodeId node) const {
    for (const Figure& each : allocator_.State(cache_)) {
      if (each.name != figure) continue;
      for (const Figure::Part& part : each.parts) {
        if (part.index == node.value()) return static_cast<int64_t>(part.value);
      }
    }
    return 0;
  }
  CpuId FirstCpuOf(NodeId node) const {
    const std::vector<CpuPlace>& cpus = machine_.config().cpus;
    for (size_t i = 0; i < cpus.size(); ++i) {
      if (cpus[i].node == node) return CpuId(static_cast<int32_t>(i));
    }
    return CpuId(0);
  }

  // As many full slabs as the node had slabs, then as many objects of as many of them freed as its
  // partial list had free.
  absl::Status FillNode(NodeId node) {
    const int64_t total = OnNode("total_objects", node) - Now("total_objects", node);
    bool failed = false;
    const CpuId on = FirstCpuOf(node);
    machine_.scheduler().RunOn(on, [&](Cpu& cpu) -> Task<void> {
      for (int64_t i = 0; i < total && !failed; ++i) {
        const Placement placement = co_await allocator_.Alloc(cpu, cache_, kGfpKernel, node);
        failed = placement.object.is_null();
        if (!failed) Note(placement.object);
      }
    });
    if (failed) {
      return absl::ResourceExhaustedError(
          absl::StrCat("warm start: the machine has no room for the ", total, " objects of ",
                       allocator_.Layout(cache_).name, " that node ", node.value(), " held"));
    }
    int64_t to_free = OnNode("total_objects", node) - OnNode("objects", node);
    const int64_t partial = OnNode("partial", node);
    auto& slabs = slabs_[node.index()];
    const auto partials = std::min<size_t>(static_cast<size_t>(partial), slabs.size());
    for (size_t i = 0; i < partials; ++i) {
      const auto slabs_left = static_cast<int64_t>(partials - i);
      const auto in_use_before = static_cast<int64_t>(slabs[i].objects.size());
      // Never all of them: an empty slab would be given back.
      const int64_t share = std::min((to_free + slabs_left - 1) / slabs_left, in_use_before - 1);
      to_free -= FreeFrom(slabs[i], share, on);
    }
    return absl::OkStatus();
  }

  void Note(PhysAddr object) {
    const PhysAddr slab = allocator_.Locate(object).slab;
    auto& slabs = slabs_[machine_.NodeOf(object).index()];
    for (size_t i = slabs.size(); i-- > 0;) {  // Nearly always the last.
      if (slabs[i].slab == slab) return slabs[i].objects.push_back(object);
    }
    slabs.push_back({.slab = slab, .objects = {object}});
  }

  int64_t FreeFrom(WarmSlab& slab, int64_t count, CpuId on) {
    int64_t freed = 0;
    machine_.scheduler().RunOn(on, [&](Cpu& cpu) -> Task<void> {
      while (freed < count && !slab.objects.empty()) {
        const PhysAddr object = slab.objects.back();
        slab.objects.pop_back();
        ++freed;
        co_await allocator_.Free(cpu, cache_, object);
      }
    });
    return freed;
  }

  // A CPU that had allocated has a slab to allocate from: one of those there are, on its own node
  // if it can be, half of it free, for want of knowledge.
  void GiveCpuSlab(CpuId on) {
    if (OnCpu("alloc_fastpath", on) + OnCpu("alloc_slowpath", on) == 0) return;
    const size_t own = machine_.config().cpus[on.index()].node.index();
    for (size_t i = 0; i < slabs_.size(); ++i) {
      WarmSlab* const slab = FullSlab((own + i) % slabs_.size());
      if (slab == nullptr) continue;
      // The first free brings the slab to this CPU's partial list, where an allocation finds it.
      FreeFrom(*slab, 1, on);
      machine_.scheduler().RunOn(on, [&](Cpu& cpu) -> Task<void> {
        const Placement placement = co_await allocator_.Alloc(cpu, cache_, kGfpKernel, kAnyNode);
        if (!placement.object.is_null()) slab->objects.push_back(placement.object);
      });
      FreeFrom(*slab, std::max<int64_t>(1, per_slab_ / 2), on);
      return;
    }
  }

  WarmSlab* FullSlab(size_t node) {
    for (WarmSlab& slab : slabs_[node]) {
      if (slab.objects.size() == per_slab_) return &slab;
    }
    return nullptr;
  }

  // The first free of an object of a full slab brings the slab to the freeing CPU's partial list.
  void GiveCpuPartials(CpuId on) {
    const int64_t wanted = OnCpu("slabs_cpu_partial.slabs", on);
    const size_t own = machine_.config().cpus[on.index()].node.index();
    for (int64_t given = 0; given < wanted; ++given) {
      WarmSlab* slab = nullptr;
      for (size_t i = 0; i < slabs_.size() && slab == nullptr; ++i) {
        slab = FullSlab((own + i) % slabs_.size());
      }
      if (slab == nullptr) return;
      FreeFrom(*slab, 1, on);
    }
  }

  // Whether the model has it: of CPU slabs and of sheaves it counts what is done with them.
  bool HasCounter(std::string_view counter) const {
    const std::vector<Figure> figures = allocator_.Counters(cache_);
    return std::any_of(figures.begin(), figures.end(),
                       [counter](const Figure& figure) { return figure.name == counter; });
  }

  SheafContents SheavesOf(CpuId cpu) const {
    SheafContents contents = SheafContentsOf(sysfs_, places_.NumberOf(cpu));
    contents.objects = std::clamp<int64_t>(contents.objects, 0, 2 * Capacity());
    return contents;
  }
  int64_t Capacity() const { return sysfs_.Total("sheaf_capacity"); }

  // Frees fill a CPU's two sheaves, and then the barn with full ones, as many as frees may put
  // there (MAX_FULL_SHEAVES of mm/slub.c; refills and RCU may exceed it); allocations then take out
  // of the two what is too much there. So each node's first CPU fills the barn.
  void GiveSheaves() {
    if (Capacity() == 0) return;
    std::vector<int64_t> full(slabs_.size());
    std::vector<CpuId> filler(slabs_.size(), CpuId(-1));
    const std::vector<CpuPlace>& cpus = machine_.config().cpus;
    for (size_t i = 0; i < cpus.size(); ++i) {
      const CpuId cpu(static_cast<int32_t>(i));
      const size_t node = cpus[i].node.index();
      full[node] += SheavesOf(cpu).full_given;
      if (filler[node].value() < 0) filler[node] = cpu;
    }
    constexpr int64_t kFullSheavesMax = 10;
    for (int64_t& sheaves : full) sheaves = std::min(sheaves, kFullSheavesMax);
    for (size_t i = 0; i < cpus.size(); ++i) {
      const CpuId cpu(static_cast<int32_t>(i));
      const size_t node = cpus[i].node.index();
      const int64_t kept = SheavesOf(cpu).objects;
      const bool fills = filler[node] == cpu && full[node] > 0;
      const int64_t given = fills ? Capacity() * (full[node] + 2) : kept;
      FreeOnNode(node, given, cpu);
      if (fills) TakeOut(2 * Capacity() - kept, cpu);
    }
  }

  // Of the node's slabs, the last objects that are in use.
  void FreeOnNode(size_t node, int64_t count, CpuId on) {
    for (WarmSlab& slab : slabs_[node]) {
      if (count <= 0) return;
      count -= FreeFrom(slab, count, on);
    }
  }

  void TakeOut(int64_t count, CpuId on) {
    machine_.scheduler().RunOn(on, [&](Cpu& cpu) -> Task<void> {
      for (int64_t i = 0; i < count; ++i) {
        const Placement placement = co_await allocator_.Alloc(cpu, cache_, kGfpKernel, kAnyNode);
        if (!placement.object.is_null()) Note(placement.object);
      }
    });
  }

  const CacheSysfs& sysfs_;
  const RecordedPlaces& places_;
  const CacheId cache_;
  Machine& machine_;
  Allocator& allocator_;
  const uint32_t per_slab_;
  std::vector<std::vector<WarmSlab>> slabs_;  // by node
};

}  // namespace

absl::Status WarmStart(const SlabSysfs& sysfs, Machine& machine, Allocator& allocator,
                       Replay& replay) {
  const bool has_sheaves =
      std::any_of(sysfs.caches.begin(), sysfs.caches.end(),
                  [](const auto& each) { return each.second.Total("sheaf_capacity") > 0; });
  const auto warm = [&](bool of_kmalloc) -> absl::Status {
    for (const auto& [name, cache_sysfs] : sysfs.caches) {
      if (has_sheaves && name.starts_with("kmalloc-") != of_kmalloc) continue;
      const CacheId cache = allocator.FindCache(name);
      // The boot caches hold the model's own structures already.
      if (cache == kNoCache || name == "kmem_cache" || name == "kmem_cache_node") continue;
      CacheWarmer warmer(cache_sysfs, cache, machine, allocator, replay.places());
      if (absl::Status status = warmer.Warm(replay); !status.ok()) return status;
    }
    return absl::OkStatus();
  };
  // Sheaves are objects of kmalloc's caches: these come to their state once the others have theirs.
  if (absl::Status status = warm(/*of_kmalloc=*/false); !status.ok() || !has_sheaves) return status;
  return warm(/*of_kmalloc=*/true);
}

}  // namespace slablab
