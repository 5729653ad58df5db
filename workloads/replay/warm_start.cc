// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/replay/warm_start.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
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
              const RecordedPlaces& places, int64_t possible_cpus)
      : sysfs_(sysfs),
        places_(places),
        possible_cpus_(possible_cpus),
        cache_(cache),
        machine_(machine),
        allocator_(allocator),
        per_slab_(allocator.Layout(cache).objects_per_slab),
        slabs_(static_cast<size_t>(machine.config().node_count())) {}

  absl::Status Warm(Replay& replay) {
    const CpuId boot(0);
    const bool has_sheaves = HasCounter("sheaf_refill");
    // What boot left in sheaves would be counted as in use.
    if (has_sheaves) {
      machine_.scheduler().RunOn(boot, [&](Cpu& cpu) { return allocator_.Shrink(cpu, cache_); });
    }
    for (int node = 0; node < machine_.config().node_count(); ++node) {
      if (absl::Status status = FillNode(NodeId(node), has_sheaves); !status.ok()) return status;
      if (!has_sheaves) FreePartials(NodeId(node));
    }
    // Where sheaves are filled, other nodes' partial slabs are looked at.
    for (int node = 0; has_sheaves && node < machine_.config().node_count(); ++node) {
      FreePartials(NodeId(node));
    }
    // Shrinking flushes the CPUs, so that what is partial is on its node's list.
    machine_.scheduler().RunOn(boot, [&](Cpu& cpu) { return allocator_.Shrink(cpu, cache_); });
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

  // As many full slabs as the node had slabs. In a kernel with sheaves all at once, past the
  // sheaves: what stays in one would be of a slab too many.
  absl::Status FillNode(NodeId node, bool has_sheaves) {
    const int64_t total = OnNode("total_objects", node) -
                          Now(has_sheaves ? "objects" : "total_objects", node);
    bool failed = false;
    const CpuId on = FirstCpuOf(node);
    const bool at_once = has_sheaves && machine_.config().cpus[on.index()].node == node;
    std::vector<PhysAddr> objects(at_once && total > 0 ? static_cast<size_t>(total) : 0);
    machine_.scheduler().RunOn(on, [&](Cpu& cpu) -> Task<void> {
      if (!objects.empty()) {
        const size_t got =
            co_await allocator_.AllocBulk(cpu, cache_, kGfpKernel, absl::MakeSpan(objects));
        failed = got < objects.size();
        for (size_t i = 0; i < got; ++i) Note(objects[i]);
      }
      for (int64_t i = std::ssize(objects); i < total && !failed; ++i) {
        const Placement placement = co_await allocator_.Alloc(cpu, cache_, kGfpKernel, node);
        failed = placement.object.is_null();
        if (!failed) Note(placement.object);
      }
    });
    if (!failed) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        absl::StrCat("warm start: the machine has no room for the ", total, " objects of ",
                     allocator_.Layout(cache_).name, " that node ", node.value(), " held"));
  }

  // As many objects of as many slabs freed as the node's partial list had free.
  void FreePartials(NodeId node) {
    int64_t to_free = OnNode("total_objects", node) - OnNode("objects", node);
    const int64_t partial = OnNode("partial", node);
    auto& slabs = slabs_[node.index()];
    const auto partials = std::min<size_t>(static_cast<size_t>(partial), slabs.size());
    for (size_t i = 0; i < partials; ++i) {
      const auto slabs_left = static_cast<int64_t>(partials - i);
      const auto in_use_before = static_cast<int64_t>(slabs[i].objects.size());
      // Never all of them: an empty slab would be given back.
      const int64_t share = std::min((to_free + slabs_left - 1) / slabs_left, in_use_before - 1);
      to_free -= FreeFrom(slabs[i], share, FirstCpuOf(node));
    }
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

  int64_t Capacity() const { return sysfs_.Total("sheaf_capacity"); }

  // What counters cannot be right about (users of prefilled sheaves) is kept within what fits.
  SheafContents SheavesOf(CpuId cpu) const {
    SheafContents contents = SheafContentsOf(sysfs_, places_.NumberOf(cpu));
    contents.objects =
        std::clamp<int64_t>(contents.objects - contents.rcu_objects, 0, 2 * Capacity());
    contents.has_spare |= contents.objects > Capacity();
    return contents;
  }

  // Of a node's barn: sheaves that are full, as many as frees may put there (MAX_FULL_SHEAVES of
  // mm/slub.c; refills and RCU may exceed it), and that are empty.
  struct Barn {
    int64_t full = 0;
    int64_t empty = 0;
  };

  // What a node's CPUs made less what is in use. Each CPU's first main sheaf was made by the one
  // that made the cache, which so made more than any.
  std::vector<Barn> Barns() const {
    constexpr int64_t kSheavesMax = 10;
    std::vector<Barn> barns(slabs_.size());
    const std::vector<CpuPlace>& cpus = machine_.config().cpus;
    size_t maker_node = 0;
    int64_t most = 0;
    for (size_t i = 0; i < cpus.size(); ++i) {
      const SheafContents contents = SheavesOf(CpuId(static_cast<int32_t>(i)));
      Barn& barn = barns[cpus[i].node.index()];
      barn.full += contents.full_given;
      barn.empty += contents.sheaves_made - contents.has_spare - (contents.rcu_objects > 0);
      if (contents.sheaves_made <= most) continue;
      most = contents.sheaves_made;
      maker_node = cpus[i].node.index();
    }
    barns[maker_node].empty -= possible_cpus_;
    for (Barn& barn : barns) {
      barn.full = std::clamp<int64_t>(barn.full, 0, kSheavesMax);
      barn.empty = std::clamp<int64_t>(barn.empty - barn.full, 0, kSheavesMax);
    }
    return barns;
  }

  void GiveSheaves() {
    if (Capacity() == 0) return;
    std::vector<Barn> barns = Barns();
    const std::vector<CpuPlace>& cpus = machine_.config().cpus;
    for (size_t i = 0; i < cpus.size(); ++i) {
      const CpuId cpu(static_cast<int32_t>(i));
      const size_t node = cpus[i].node.index();
      const SheafContents contents = SheavesOf(cpu);
      const int64_t in_spare = contents.objects > Capacity() ? Capacity() : 0;
      FreeByRcu(node, contents.rcu_objects, cpu);  // It would take an empty spare one.
      if (contents.has_spare) GiveSheaf(node, in_spare, SheafPlace::kSpare, cpu);
      FreeOnNode(node, contents.objects - in_spare, cpu);
      Barn& barn = barns[node];
      for (; barn.full > 0; --barn.full) GiveSheaf(node, Capacity(), SheafPlace::kBarn, cpu);
      for (; barn.empty > 0; --barn.empty) GiveSheaf(node, 0, SheafPlace::kBarn, cpu);
    }
  }

  // A sheaf with so many of the node's objects, or as many as one of the model's holds, if it has
  // any. Where these are not there, or there is no memory for the sheaf, the CPU does without.
  void GiveSheaf(size_t node, int64_t count, SheafPlace place, CpuId on) {
    const int64_t room = allocator_.Layout(cache_).sheaf_capacity;
    if (room > 0) count = std::min(count, room);
    std::vector<PhysAddr> objects;
    for (WarmSlab& slab : slabs_[node]) {
      while (std::ssize(objects) < count && !slab.objects.empty()) {
        objects.push_back(slab.objects.back());
        slab.objects.pop_back();
      }
    }
    bool given = false;
    if (std::ssize(objects) == count) {
      machine_.scheduler().RunOn(on, [&](Cpu& cpu) -> Task<void> {
        given = co_await allocator_.GiveSheaf(cpu, cache_, objects, place);
      });
    }
    if (given) return;
    for (const PhysAddr object : objects) Note(object);
  }

  void FreeByRcu(size_t node, int64_t count, CpuId on) {
    for (WarmSlab& slab : slabs_[node]) {
      machine_.scheduler().RunOn(on, [&](Cpu& cpu) -> Task<void> {
        while (count > 0 && !slab.objects.empty()) {
          const bool in_sheaf = co_await allocator_.FreeRcuSheaf(cpu, slab.objects.back());
          if (!in_sheaf) co_return;
          slab.objects.pop_back();
          --count;
        }
      });
    }
  }

  // Of the node's slabs, the last objects that are in use.
  void FreeOnNode(size_t node, int64_t count, CpuId on) {
    for (WarmSlab& slab : slabs_[node]) {
      if (count <= 0) return;
      count -= FreeFrom(slab, count, on);
    }
  }

  const CacheSysfs& sysfs_;
  const RecordedPlaces& places_;
  const int64_t possible_cpus_;
  const CacheId cache_;
  Machine& machine_;
  Allocator& allocator_;
  const uint32_t per_slab_;
  std::vector<std::vector<WarmSlab>> slabs_;  // by node
};

// A cache is made with a main sheaf for each, and there are caches that need no more.
int64_t PossibleCpus(const SlabSysfs& sysfs) {
  int64_t cpus = std::numeric_limits<int64_t>::max();
  for (const auto& [name, cache] : sysfs.caches) {
    const int64_t made = cache.Total("sheaf_alloc") - cache.Total("sheaf_free");
    if (made > 0) cpus = std::min(cpus, made);
  }
  return cpus;
}

// Sheaves are objects of kmalloc's caches: one comes to its state once those have theirs whose
// sheaves it holds. Of 4 objects they are in kmalloc-64, of 12 in kmalloc-128, of 60 in
// kmalloc-512, and of 28 in kmalloc-256.
int SheafMemoryRank(std::string_view cache) {
  constexpr std::string_view kLast[] = {"kmalloc-64", "kmalloc-128", "kmalloc-512", "kmalloc-256"};
  if (!cache.starts_with("kmalloc-")) return 0;
  const auto found = std::find(std::begin(kLast), std::end(kLast), cache);
  return found == std::end(kLast) ? 1 : 2 + static_cast<int>(found - std::begin(kLast));
}

}  // namespace

absl::Status WarmStart(const SlabSysfs& sysfs, Machine& machine, Allocator& allocator,
                       Replay& replay) {
  const bool has_sheaves =
      std::any_of(sysfs.caches.begin(), sysfs.caches.end(),
                  [](const auto& each) { return each.second.Total("sheaf_capacity") > 0; });
  std::vector<std::string_view> names;
  for (const auto& [name, cache] : sysfs.caches) names.push_back(name);
  if (has_sheaves) {
    std::stable_sort(names.begin(), names.end(), [](std::string_view a, std::string_view b) {
      return SheafMemoryRank(a) < SheafMemoryRank(b);
    });
  }
  const int64_t possible_cpus = PossibleCpus(sysfs);
  for (const std::string_view name : names) {
    const CacheId cache = allocator.FindCache(name);
    // The boot caches hold the model's own structures already.
    if (cache == kNoCache || name == "kmem_cache" || name == "kmem_cache_node") continue;
    CacheWarmer warmer(*sysfs.Find(name), cache, machine, allocator, replay.places(),
                       possible_cpus);
    if (absl::Status status = warmer.Warm(replay); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace slablab
