// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What SLUB says of itself: sysfs files, slabinfo, names. Costs nothing and changes nothing.

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

#include "allocators/common/slub_boot.h"
#include "allocators/slub/core/core.h"
#include "allocators/slub/core/sheaf_report.h"
#include "allocators/switches.h"
#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

constexpr QuirkInfo kQuirks[] = {
    {"remote-defrag-always",
     "remote_node_defrag_ratio is 1024 for every new cache: remote partial lists are always "
     "tried.",
     /*is_plain=*/true, /*is_recorded=*/true},
    kMemcgOff,
    kZoneDmaOff,
    {"memcg-charges",
     "Tasks are in memory cgroups: objects that are accounted are charged, and their slabs have a "
     "pointer for each (obj_exts)."},
    {"kmalloc-copies",
     "The kernel was built with CONFIG_RANDOM_KMALLOC_CACHES: fifteen more of each ordinary "
     "kmalloc cache, of which the caller and a seed choose."},
};
constexpr size_t kQuirksWithoutCopies = std::size(kQuirks) - 1;

constexpr TunableInfo kMinPartial = {"min_partial", 0, std::numeric_limits<int64_t>::max(),
                                     "5 to 10, by the object's size",
                                     "Partial slabs that a node keeps though they are empty."};
constexpr TunableInfo kCpuPartial = {
    "cpu_partial", 0, std::numeric_limits<uint32_t>::max(),
    "120, 52 from 256 bytes, 24 from 1,024, 6 from 4,096",
    "Free objects that a CPU's partial slabs are to hold, counted as half-full slabs; setting it "
    "flushes all CPUs."};
constexpr TunableInfo kDefragRatio = {
    "remote_node_defrag_ratio", 0, 100, "100",
    "Per cent of refills that look at other nodes' partial lists before a new slab is made."};
constexpr TunableInfo kShrink = {"shrink", 1, 1, "",
                                 "Gives back empty slabs and sorts the partial lists."};

// What the RFC of May 2026 would let be written ("mm/slab: enable runtime sheaves tuning").
constexpr int64_t kUnsignedShortMost = 65'535;
constexpr std::string_view kCapacityMeaning =
    "Objects that a sheaf holds, of caches that have sheaves; 0 is none. Setting it takes all "
    "sheaves away, waits for a grace period and gives every CPU a new one, as the RFC of May 2026 "
    "has it.";
constexpr TunableInfo kSheafCapacityOptIn = {"sheaf_capacity", 0, kUnsignedShortMost,
                                             "what the cache asked for", kCapacityMeaning};
constexpr TunableInfo kSheafCapacity = {
    "sheaf_capacity", 0, kUnsignedShortMost,
    "60, 28 from 256 bytes, 12 from 1,024, 4 from 4,096, or more where the cache asks",
    kCapacityMeaning};
constexpr TunableInfo kFullSheaves = {
    "max_full_sheaves", 0, kUnsignedShortMost, "10",
    "Full sheaves that a node's barn is to hold; several CPUs at once may leave more."};
constexpr TunableInfo kEmptySheaves = {
    "max_empty_sheaves", 0, kUnsignedShortMost, "10",
    "Empty sheaves that a node's barn is to hold, looked at when a grace period has emptied one."};

// Since 6.13.
constexpr TunableInfo kSlabStrictNuma = {
    "slab_strict_numa",
    0,
    1,
    "0",
    "Each object comes from the node that its task's memory policy says, not only each slab: the "
    "memory_policy of a workload's tasks. Recordings do not have it, so that for them it changes "
    "nothing.",
    true};

constexpr TunableInfo kTunables[] = {kMinPartial,   kCpuPartial,    kDefragRatio,    kShrink,
                                     kSlabMinOrder, kSlabMaxOrder,  kSlabMinObjects, kSlubMinOrder,
                                     kSlubMaxOrder, kSlubMinObjects};
constexpr TunableInfo kTunablesOfBoth[] = {
    kMinPartial,   kCpuPartial,   kDefragRatio,    kSheafCapacityOptIn, kFullSheaves,
    kEmptySheaves, kShrink,       kSlabMinOrder,   kSlabMaxOrder,       kSlabMinObjects,
    kSlubMinOrder, kSlubMaxOrder, kSlubMinObjects, kSlabStrictNuma};
// Without CPU slabs there is no cpu_partial to set.
constexpr TunableInfo kTunablesOfNodeSlabs[] = {
    kMinPartial,   kDefragRatio,    kSheafCapacity, kFullSheaves,    kEmptySheaves,
    kShrink,       kSlabMinOrder,   kSlabMaxOrder,  kSlabMinObjects, kSlubMinOrder,
    kSlubMaxOrder, kSlubMinObjects, kSlabStrictNuma};

constexpr TunableInfo kTunablesOfSlabsAlone[] = {
    kMinPartial,     kDefragRatio,  kShrink,       kSlabMinOrder,   kSlabMaxOrder,
    kSlabMinObjects, kSlubMinOrder, kSlubMaxOrder, kSlubMinObjects, kSlabStrictNuma};

// Sums up parts by node; those that are zero are left out.
class ByNode {
 public:
  void Add(NodeId node, uint64_t value) { values_[node.value()] += value; }
  Figure Take(std::string_view name, FigureRole role = FigureRole::kOther) const {
    Figure figure;
    figure.name = std::string(name);
    figure.role = role;
    figure.per = Figure::Per::kNode;
    for (const auto& [node, value] : values_) {
      if (value == 0) continue;
      figure.value += value;
      figure.parts.push_back({.index = node, .value = value});
    }
    return figure;
  }

 private:
  std::map<int, uint64_t> values_;
};

// count_partial().
struct PartialCount {
  uint64_t slabs = 0;
  uint64_t inuse = 0;
  uint64_t free = 0;
};

PartialCount CountPartial(const CacheNode& n) {
  PartialCount count;
  for (const Slab* slab = n.first.Peek(); slab != nullptr; slab = slab->list_next.Peek()) {
    const SlabWord word = slab->word.Peek();
    ++count.slabs;
    count.inuse += word.inuse;
    count.free += static_cast<uint64_t>(word.objects - word.inuse);
  }
  return count;
}

// count_partial_free_approx(): beyond a limit, from as many slabs at either end of the list.
uint64_t GuessFree(const CacheNode& n) {
  constexpr uint64_t kScannedMax = 10000;  // MAX_PARTIAL_TO_SCAN
  const uint64_t listed = n.nr_partial.Peek();
  if (listed <= kScannedMax) return CountPartial(n).free;
  uint64_t free = 0;
  uint64_t scanned = 0;
  for (const Slab* slab = n.first.Peek(); scanned < kScannedMax / 2;
       slab = slab->list_next.Peek(), ++scanned) {
    free += static_cast<uint64_t>(slab->word.Peek().objects - slab->word.Peek().inuse);
  }
  for (const Slab* slab = n.last.Peek(); scanned < kScannedMax;
       slab = slab->list_previous.Peek(), ++scanned) {
    free += static_cast<uint64_t>(slab->word.Peek().objects - slab->word.Peek().inuse);
  }
  const uint64_t guess = free / scanned * listed + free % scanned * listed / scanned;
  return std::min(guess, n.total_objects.Peek());
}

}  // namespace

// Of each kind of counters, for the program's life.
absl::Span<const FigureInfo> SlubCounterInfos(absl::Span<const SlubStat> stats) {
  static auto* const kInfos = new std::map<const SlubStat*, std::vector<FigureInfo>>;
  std::vector<FigureInfo>& infos = (*kInfos)[stats.data()];
  if (infos.empty()) {
    for (SlubStat stat : stats) infos.push_back(SlubStatInfo(stat));
  }
  return infos;
}

ModelSwitches SlubSwitches(const SlubPolicy& policy) {
  ModelSwitches switches{.quirks = kQuirks,
                         .boots = BootsOf(policy.lives),
                         .tunables = kTunables,
                         .counters = SlubCounterInfos(policy.counters())};
  if (policy.kmalloc_copies.empty()) {
    switches.quirks = switches.quirks.subspan(0, kQuirksWithoutCopies);
  }
  const bool has_sheaves = policy.sheaves.which != SheafPolicy::Which::kNone;
  if (policy.cpu_slabs && has_sheaves) {
    switches.tunables = kTunablesOfBoth;
  } else if (has_sheaves) {
    switches.tunables = kTunablesOfNodeSlabs;
  } else if (!policy.cpu_slabs) {
    switches.tunables = kTunablesOfSlabsAlone;
  }
  return switches;
}

CacheLayout SlubCore::Layout(CacheId id) const {
  CacheLayout layout = SlabCommon::Layout(id);
  layout.sheaf_capacity = cache(id).sheaf_capacity.Peek();
  layout.cpu_holds = policy_.cpu_slabs ? "CPU slabs" : policy_.lives.cpu_holds;
  return layout;
}

// show_stat(): the CPUs that are on line.
std::vector<Figure> SlubCore::Counters(CacheId id) const {
  KmemCache& s = cache(id);
  std::vector<Figure> figures;
  if (!options_.statistics || !s.live) return figures;
  const Scheduler& scheduler = machine_.scheduler();
  for (size_t place = 0; place < counters_.size(); ++place) {
    Figure figure;
    const FigureInfo& info = SlubStatInfo(counters_[place]);
    figure.name = std::string(info.name);
    figure.role = info.role;
    figure.per = Figure::Per::kCpu;
    for (int i = 0; i < scheduler.cpu_count(); ++i) {
      if (!scheduler.cpu(CpuId(i)).online()) continue;
      const uint32_t value = s.cpus[static_cast<size_t>(i)].counters.values[place];
      if (value == 0) continue;
      figure.value += value;
      figure.parts.push_back({.index = i, .value = value});
    }
    figures.push_back(std::move(figure));
  }
  return figures;
}

// show_slab_objects() and the tunables' files.
std::vector<Figure> SlubCore::State(CacheId id) const {
  KmemCache& s = cache(id);
  if (!s.live) return {};
  ByNode objects, objects_partial, partial, cpu_slabs, slabs, total_objects;
  for (int i = 0; i < machine_.config().node_count(); ++i) {
    const CacheNode* const n = s.nodes[static_cast<size_t>(i)].get();
    if (n == nullptr) continue;
    const NodeId node(i);
    const PartialCount count = CountPartial(*n);
    objects.Add(node, n->total_objects.Peek() - count.free);
    objects_partial.Add(node, count.inuse);
    partial.Add(node, n->nr_partial.Peek());
    slabs.Add(node, n->nr_slabs.Peek());
    total_objects.Add(node, n->total_objects.Peek());
  }
  Figure cpu_partial_slabs = Figure::Of({"slabs_cpu_partial"}, 0);
  cpu_partial_slabs.per = Figure::Per::kCpu;
  cpu_partial_slabs.has_parentheses = true;
  for (int i = 0; i < machine_.scheduler().cpu_count(); ++i) {
    const CacheCpu& c = s.cpus[static_cast<size_t>(i)];
    const Slab* const slab = c.slab.Peek();
    const Slab* const first = c.partial.Peek();
    // A CPU without a slab is passed over with its partial list.
    if (slab != nullptr) {
      cpu_slabs.Add(slab->node, 1);
      if (first != nullptr) {
        cpu_slabs.Add(first->node, static_cast<uint64_t>(first->partial.Peek().slabs));
      }
    }
    if (first == nullptr || !machine_.scheduler().cpu(CpuId(i)).online()) continue;
    // Taken to be half full.
    const auto count = static_cast<uint64_t>(first->partial.Peek().slabs);
    cpu_partial_slabs.in_parentheses += count;
    cpu_partial_slabs.parts.push_back(
        {.index = i, .value = count * s.geometry.objects / 2, .in_parentheses = count});
  }
  cpu_partial_slabs.value = cpu_partial_slabs.in_parentheses * s.geometry.objects / 2;
  std::vector<Figure> of_front = {objects.Take("objects"), objects_partial.Take("objects_partial"),
                                  partial.Take("partial", FigureRole::kPartialSlabs),
                                  slabs.Take("slabs", FigureRole::kSlabs),
                                  total_objects.Take("total_objects")};
  if (policy_.cpu_slabs) of_front.push_back(cpu_slabs.Take("cpu_slabs", FigureRole::kCpuSlabs));
  if (FillState(s, &of_front)) return of_front;
  std::vector<Figure> figures = {
      objects.Take("objects"),
      objects_partial.Take("objects_partial"),
      partial.Take("partial", FigureRole::kPartialSlabs),
      cpu_slabs.Take("cpu_slabs", FigureRole::kCpuSlabs),
      slabs.Take("slabs", FigureRole::kSlabs),
      total_objects.Take("total_objects"),
      cpu_partial_slabs,
      Figure::Of({"cpu_partial"}, s.cpu_partial),
      Figure::Of({"min_partial"}, s.min_partial.Peek()),
      Figure::Of({"remote_node_defrag_ratio"}, s.remote_node_defrag_ratio.Peek() / 10),
      Figure::Of({"aliases"}, s.names.size() - 1)};
  if (policy_.sheaves.which == SheafPolicy::Which::kNone) return figures;
  figures.push_back(Figure::Of({"sheaf_capacity"}, s.sheaf_capacity.Peek()));
  for (Figure& figure : SheafFigures(Contents(id))) figures.push_back(std::move(figure));
  return figures;
}

// get_slabinfo().
SlabInfoRow SlubCore::SlabInfo(CacheId id) const {
  const KmemCache& s = cache(id);
  SlabInfoRow row = RowOf(s);
  for (const std::unique_ptr<CacheNode>& n : s.nodes) {
    if (n == nullptr) continue;
    row.slabs += n->nr_slabs.Peek();
    row.objects += n->total_objects.Peek();
    const uint64_t free = policy_.slabinfo_guesses ? GuessFree(*n) : CountPartial(*n).free;
    row.active_objects += n->total_objects.Peek() - free;
  }
  row.active_slabs = row.slabs;
  FillSlabInfo(s, &row);
  return row;
}

// Where struct slab keeps who has taken what, as a debugger sees it.
CacheContents SlubCore::Contents(CacheId id) const {
  const KmemCache& s = cache(id);
  CacheContents contents;
  for (size_t i = 0; i < s.nodes.size(); ++i) {
    if (s.nodes[i] == nullptr) continue;
    CacheContents::PartialList& list = contents.partial_lists.emplace_back();
    list.node = static_cast<int>(i);
    for (const Slab* slab = s.nodes[i]->first.Peek(); slab != nullptr;
         slab = slab->list_next.Peek()) {
      list.in_use.push_back(slab->word.Peek().inuse);
    }
  }
  FillContents(s, &contents);
  return contents;
}

void SlubCore::AddLayers(CacheId id, std::vector<CacheLayer>* layers) const {
  if (cache(id).live) FillLayers(cache(id), layers);
}

Allocator::Offers SlubCore::offers() const {
  // Single objects from caches with debugging came with Linux 6.2, kmem_cache_args with 6.12.
  return {.debug_flags = policy_.debug_caches,
          .free_pointer_offset = policy_.debug_caches,
          .prefilled_sheaves = has_prefilled_sheaves()};
}

}  // namespace slablab
