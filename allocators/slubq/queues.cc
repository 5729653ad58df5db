// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB+Q's queues: how large, where, and what becomes of live ones that are resized.

#include <algorithm>
#include <bit>
#include <map>

#include "allocators/slubq/slubq.h"
#include "base/check.h"
#include "fmt/format.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

constexpr int32_t kLowMemoryQueue = 5;
constexpr int32_t kSharedBatches = 10;                  // V4: of the shared queue
constexpr uint32_t kPercpuBytesMax = 32 << 10;          // PCPU_MIN_UNIT_SIZE
constexpr uint32_t kQueueHead = ObjectQueue::kSlotsAt;  // sizeof(struct kmem_cache_queue)

constexpr uint64_t RoundUpToLine(uint64_t bytes) {
  return (bytes + kLineSize - 1) / kLineSize * kLineSize;
}

constexpr uint32_t RoundUpToWord(uint32_t bytes) { return (bytes + 7) / 8 * 8; }

// initial_queue_size(), the same in S+Q 13/16 and S+Q3 15/23: SLAB's limits.
int32_t InitialQueueSize(uint32_t size) {
  if (size > kPageSize) return 8;
  if (size > 1024) return 24;
  if (size > 256) return 54;
  return 120;
}

// shared_cache_size() and shared_cache_capacity().
constexpr uint64_t SlotBytes(int32_t queue) {
  return static_cast<uint64_t>(queue) * ObjectQueue::kSlotBytes;
}
constexpr uint64_t QueueBytes(int32_t queue) { return SlotBytes(queue) + kQueueHead; }
constexpr int32_t Capacity(uint64_t bytes) {
  return static_cast<int32_t>((bytes - kQueueHead) / ObjectQueue::kSlotBytes);
}

// The logarithm of what an alien queue lies apart from the next: the more nodes, the smaller.
int32_t AlienShift(int32_t queue, int nodes) {
  const auto lines = static_cast<int32_t>(std::bit_width(RoundUpToLine(QueueBytes(queue)) - 1));
  const int32_t line = kLineShift;
  if (nodes <= 4) return std::min(kPageShift - 1, lines);
  if (nodes <= 32) return std::min(2 + line, lines);
  return line;
}

}  // namespace

// kmem_cache_open() from set_min_partial() on.
void SlubQ::SetDefaults(Cache2010& cache) {
  auto& s = static_cast<QueueCache&>(cache);
  const bool is_dma = Has(s.alloc_flags, Gfp::kDma);
  const bool is_boot = s.names.front() == "kmem_cache" || s.names.front() == "kmem_cache_node";
  s.low_memory = policy_.low_memory_caches && (is_dma || is_boot);
  s.queue = s.low_memory ? kLowMemoryQueue : InitialQueueSize(s.geometry.size);
  s.batch.Poke((s.queue + 1) / 2);
  if (s.low_memory) s.min_partial.Poke(0);
  s.node_touched.assign(s.nodes.size(), 0);
  if (!policy_.shared_queues) return;
  if (nr_node_ids() > 1) {
    s.aliens = !s.low_memory;
    s.alien_shift = AlienShift(s.queue, nr_node_ids());
  }
  const bool small = machine_.config().possible_cpus > 1 && s.geometry.size < kPageSize;
  const bool is_own_size = policy_.shared_size == QueuePolicy::SharedSize::kTenBatches;
  s.shared_queue_wanted = is_own_size ? (small ? kSharedBatches * s.batch.Peek() : 0) : s.queue;
  if (is_dma || s.low_memory) s.shared_queue_wanted = 0;
}

// struct kmem_cache_cpu: counters, the node's number, the queue; in V2 the number of objects stands
// before the node's, and the objects behind.
uint32_t SlubQ::NodeAt() const {
  const uint64_t stats = options_.statistics ? stat_infos().size() * 4 : 0;
  return static_cast<uint32_t>(has_bare_queues() ? stats + 4 : stats);
}

uint32_t SlubQ::QueueAt() const {
  return has_bare_queues() ? NodeAt() - 4 : RoundUpToWord(NodeAt() + 4);
}

uint32_t SlubQ::SlotsAt() const {
  return has_bare_queues() ? RoundUpToWord(NodeAt() + 4) - QueueAt() : ObjectQueue::kSlotsAt;
}

uint32_t SlubQ::BytesForQueue(int32_t queue) const {
  const uint64_t bytes = QueueAt() + SlotsAt() + SlotBytes(queue);
  return static_cast<uint32_t>(has_bare_queues() ? bytes : RoundUpToLine(bytes));
}

int32_t SlubQ::QueueMax(uint32_t bytes) const {
  return static_cast<int32_t>((bytes - QueueAt() - SlotsAt()) / ObjectQueue::kSlotBytes);
}

uint32_t SlubQ::BytesPerCpu(const Cache2010& s) const {
  return BytesForQueue(static_cast<const QueueCache&>(s).queue);
}

// alloc_kmem_cache_cpu(): what rounding to whole lines gave is used. (V2 neither rounds nor sets
// anything: a CPU's node is 0 until another has been asked for.)
void SlubQ::InitCpus(Cpu& cpu, Cache2010& cache) {
  auto& s = static_cast<QueueCache&>(cache);
  const PercpuArea area = s.cpu.Peek();
  s.cpus = std::make_unique<QueueCpus>(static_cast<size_t>(machine_.config().cpu_count()),
                                       QueueMax(BytesForQueue(s.queue)));
  s.cpus->area = area;
  if (has_bare_queues()) return;
  for (int i = 0; i < machine_.config().possible_cpus; ++i) {
    cpu.Touch({areas_->AddressOn(area, CpuId(i), 0), Structure::kPerCpuArea}, Access::kWrite);
  }
}

void SlubQ::PlaceCpu(QueueCpus& cpus, CpuId id) const {
  QueueCpu& c = cpus.cpus[id.index()];
  const uint32_t queue_at = QueueAt();
  const auto address = [&](uint32_t at) { return areas_->AddressOn(cpus.area, id, at); };
  const auto place = [&](uint32_t at) { return Place{address(at), Structure::kPerCpuArea}; };
  c.placed = true;
  const NodeId home = machine_.config().cpus[id.index()].node;
  const NodeId node = policy_.queues_by_node ? LocalMemoryNode(home) : NodeId(0);
  c.node = PerCpu<NodeId>(id, place(NodeAt()), node);
  if (policy_.shared_queues)
    c.shared = PerCpu<SharedQueues*>(id, place(queue_at + ObjectQueue::kLinkAt));
  if (options_.statistics) c.stats.PlaceAt(*areas_, cpus.area, id, 0);
  ObjectQueue::Memory memory{.pages = {},
                             .is_contiguous = false,
                             .slots = &cpus.slots[id.index() * static_cast<size_t>(cpus.max)],
                             .max = cpus.max,
                             .slots_at = SlotsAt()};
  memory.pages[0] = address(queue_at);
  const uint64_t first = memory.pages[0].value() % kPageSize;
  const uint64_t bytes = SlotsAt() + SlotBytes(cpus.max);
  for (size_t page = 1; page * kPageSize < first + bytes; ++page) {
    CHECK_LT(page, memory.pages.size());
    memory.pages[page] = address(queue_at + static_cast<uint32_t>(page * kPageSize - first));
  }
  c.q.Reset(memory, id, nullptr);
}

// resize_cpu_queue(): smaller limits hold before the new queues are in use, larger ones after;
// what is in the old queues is drained by their own CPUs. False: there is no memory.
Task<bool> SlubQ::ResizeCpuQueue(Cpu& cpu, QueueCache& s, int32_t queue) {
  const uint32_t bytes = BytesForQueue(queue);
  if (bytes > kPercpuBytesMax) co_return false;
  const PercpuArea area = co_await areas_->Alloc(cpu, {.bytes = bytes, .align = 64});
  if (area.is_null()) co_return false;
  co_await RemoveSharedQueues(cpu, s);
  auto fresh = std::make_unique<QueueCpus>(static_cast<size_t>(machine_.config().cpu_count()),
                                           QueueMax(bytes));
  fresh->area = area;
  if (queue < s.queue) {
    s.queue = queue;
    cpu.Store(s.batch, (queue + 1) / 2);
  }
  co_await cpu.Sync();
  std::unique_ptr<QueueCpus> stale = std::exchange(s.cpus, std::move(fresh));
  cpu.Store(s.cpu, area);
  co_await FlushEvery(cpu, s, *stale);
  if (queue > s.queue) {
    s.queue = queue;
    cpu.Store(s.batch, (queue + 1) / 2);
  }
  const auto possible = static_cast<uint64_t>(machine_.config().possible_cpus);
  const uint64_t freed = stale->area.bytes * possible;
  const uint64_t held = area.bytes * possible;
  Account(s, [=](Footprint& footprint) { footprint.percpu_bytes += held - freed; });
  co_await areas_->Free(cpu, stale->area);
  co_await AllocSharedQueues(cpu, s);
  co_return true;
}

// alien_cache(): of `node`, seen from a CPU. The own node has no place in the block.
LockedQueue* SlubQ::AlienQueue(Cpu& cpu, QueueCache& s, QueueCpu& c, NodeId node) {
  cpu.Touch(s.Field(QueueCache::kFlagsAt), Access::kRead);
  if (!s.aliens) return nullptr;
  SharedQueues* const queues = cpu.Load(c.shared);
  if (queues == nullptr || !queues->has_aliens) return nullptr;
  const NodeId own = cpu.Load(c.node);
  if (node == own) return nullptr;
  const int slot = node < own ? node.value() + 1 : node.value();
  CHECK(slot >= 1 && slot < nr_node_ids());
  return &queues->aliens[static_cast<size_t>(slot) - 1];
}

// Which CPUs share queues: those of one last-level-cache domain and node. Who is alone there: in V3
// with the others of the node, in V4 with all the others that are alone.
std::vector<std::vector<CpuId>> SlubQ::QueueGroups(const Scheduler& scheduler) const {
  std::map<std::pair<int32_t, int32_t>, std::vector<CpuId>> domains;
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    if (!scheduler.cpu(CpuId(i)).online()) continue;
    const CpuPlace& place = machine_.config().cpus[static_cast<size_t>(i)];
    const NodeId node = LocalMemoryNode(place.node);
    domains[{place.domain.value(), node.value()}].push_back(CpuId(i));
  }
  const bool across_nodes = policy_.lone_cpus_have_shared && HasQuirk("isolated-across-nodes");
  std::vector<std::vector<CpuId>> groups;
  std::map<int32_t, std::vector<CpuId>> alone;  // by node
  for (auto& [domain, cpus] : domains) {
    if (cpus.size() > 1) {
      groups.push_back(std::move(cpus));
    } else {
      alone[across_nodes ? 0 : domain.second].push_back(cpus[0]);
    }
  }
  for (auto& [node, cpus] : alone) {
    // V3 has none for a CPU that is the only one far and wide.
    if (policy_.lone_cpus_have_shared || cpus.size() > 1) groups.push_back(std::move(cpus));
  }
  std::sort(groups.begin(), groups.end());
  return groups;
}

// alloc_shared_caches(). Not before sysfs is up; then kmalloc is, too.
Task<void> SlubQ::AllocSharedQueues(Cpu& cpu, QueueCache& s) {
  if (!up_ || s.shared_queue_wanted == 0) co_return;
  for (const std::vector<CpuId>& group : QueueGroups(cpu.scheduler())) {
    const CpuPlace& place = machine_.config().cpus[group[0].index()];
    SharedQueues* const queues = co_await AllocSharedBlock(cpu, s, LocalMemoryNode(place.node));
    if (queues == nullptr) continue;
    for (CpuId id : group) {
      PerCpu<SharedQueues*>& link = On(*s.cpus, id).shared;
      cpu.Touch(link.place(), Access::kWrite);
      link.Poke(queues);
    }
  }
}

// The block, rounded up to what kmalloc has anyway: the rest is the shared queue's.
Task<SharedQueues*> SlubQ::AllocSharedBlock(Cpu& cpu, QueueCache& s, NodeId node) {
  const uint64_t aliens = s.aliens ? static_cast<uint64_t>(nr_node_ids() - 1) << s.alien_shift : 0;
  uint64_t bytes = QueueBytes(s.shared_queue_wanted) + aliens;
  const uint64_t used = bytes;
  const bool is_class = policy_.half_page_is_class ? bytes <= kPageSize / 2 : bytes < kPageSize / 2;
  if (is_class) {
    bytes = cache(kmalloc_.CacheFor(bytes, kGfpKernel)).geometry.object_size;
  } else if (!policy_.half_page_is_class && HasQuirk("alien-stride-overflow")) {
    // The shift where the size was meant: 12 bytes, and all behind them is somebody else's.
    const uint64_t asked = static_cast<uint64_t>(kPageShift) << OrderFor(bytes);
    const PhysAddr block = co_await KmallocOwn(cpu, asked, kGfpKernel | Gfp::kZero, node);
    if (block.is_null()) co_return nullptr;
    SharedQueues& queues = *s.shared.emplace_back(std::make_unique<SharedQueues>());
    queues.block = block;
    queues.bytes = used;
    Log(
        fmt::format("BUG kmalloc-16: Padding overwritten. {} bytes of queues of {} in an object of "
                    "{} bytes at {:#x}",
                    used, s.names.front(), asked, block.value()));
    co_return nullptr;
  } else {
    bytes = kPageSize << OrderFor(bytes);
  }
  const PhysAddr block = co_await KmallocOwn(cpu, bytes, kGfpKernel | Gfp::kZero, node);
  if (block.is_null()) co_return nullptr;
  SharedQueues& queues = *s.shared.emplace_back(std::make_unique<SharedQueues>());
  queues.block = block;
  queues.bytes = bytes;
  queues.node = node;
  LayOutBlock(s, queues, bytes);
  for (const LockedQueue& a : queues.aliens) cpu.Touch(a.q.PlaceOf(0), Access::kWrite);
  cpu.Touch(queues.shared.q.PlaceOf(0), Access::kWrite);
  co_return &queues;
}

void SlubQ::LayOutBlock(QueueCache& s, SharedQueues& queues, uint64_t bytes) {
  const auto lay_out = [&](LockedQueue& queue, PhysAddr at, int32_t max) {
    queue.slots.resize(static_cast<size_t>(max));
    queue.lock = SpinLock(queue_lock_class_, {at + ObjectQueue::kLinkAt, Structure::kLock});
    ObjectQueue::Memory memory{.pages = {at}, .slots = queue.slots.data(), .max = max};
    queue.q.Reset(memory, CpuId(-1), &queue.lock);
  };
  uint64_t alien_bytes = 0;
  if (s.aliens) {
    const auto count = static_cast<size_t>(nr_node_ids() - 1);
    const uint64_t stride = uint64_t{1} << s.alien_shift;
    alien_bytes = count * stride;
    queues.has_aliens = true;
    queues.aliens = std::vector<LockedQueue>(count);
    for (size_t slot = 1; slot <= count; ++slot) {
      lay_out(queues.aliens[slot - 1], queues.block + (alien_bytes - slot * stride),
              Capacity(stride));
    }
  }
  s.shared_queue = Capacity(bytes - alien_bytes);
  lay_out(queues.shared, queues.block + alien_bytes, s.shared_queue);
}

// __remove_shared_cache(): on each CPU, interrupts off. Whoever comes first drains.
Task<void> SlubQ::UnlinkShared(Cpu& cpu, QueueCache& s) {
  const SiteScope site(cpu, SiteOf(At::kFlush));
  QueueCpu& c = ThisCpu(cpu, s);
  SharedQueues* const queues = cpu.Load(c.shared);
  cpu.Store(c.shared, nullptr);
  if (queues == nullptr) co_return;
  // The patches ask for the alien queues by way of the pointer that they have just cleared.
  if (!HasQuirk("alien-leak")) {
    for (LockedQueue& a : queues->aliens) co_await DrainLocked(cpu, s, a, a.q.max());
  }
  co_await DrainLocked(cpu, s, queues->shared, queues->shared.q.max());
}

class QueueUnlink : public RemoteCall {
 public:
  QueueUnlink(SlubQ& slubq, QueueCache& cache) : slubq_(slubq), cache_(cache) {}
  Task<void> Run(Cpu& cpu) override {
    const IrqFlags flags = cpu.IrqSave();
    co_await slubq_.UnlinkShared(cpu, cache_);
    co_await cpu.IrqRestore(flags);
  }

 private:
  SlubQ& slubq_;
  QueueCache& cache_;
};

// remove_shared_caches().
Task<void> SlubQ::RemoveSharedQueues(Cpu& cpu, QueueCache& s) {
  if (s.shared.empty()) co_return;
  QueueUnlink unlink(*this, s);
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    if (scheduler.cpu(CpuId(i)).online()) {
      co_await cpu.CallOn(CpuId(i), unlink);
    } else {
      On(*s.cpus, CpuId(i)).shared.Poke(nullptr);
    }
  }
  for (const std::unique_ptr<SharedQueues>& queues : s.shared) {
    uint64_t lost = 0;
    for (const LockedQueue& a : queues->aliens) lost += static_cast<uint64_t>(a.q.count());
    if (lost > 0) {
      Log(fmt::format("{} objects of {} were in alien queues that were freed", lost,
                      s.names.front()));
    }
    co_await KfreeOwn(cpu, queues->block);
  }
  s.shared.clear();
  s.shared_queue = 0;
}

Task<void> SlubQ::CachesAreUp(Cpu& cpu) {
  for (size_t i = caches_.live().size(); i > 0; --i) {
    co_await AllocSharedQueues(cpu, queue_cache(caches_.live()[i - 1]));
  }
}

Task<void> SlubQ::Opened(Cpu& cpu, Cache2010& s) {
  return AllocSharedQueues(cpu, static_cast<QueueCache&>(s));
}

Task<void> SlubQ::Closing(Cpu& cpu, Cache2010& s) {
  return RemoveSharedQueues(cpu, static_cast<QueueCache&>(s));
}

std::vector<SlubQ::QueueBlock> SlubQ::QueueBlocks() const {
  std::vector<QueueBlock> blocks;
  for (CacheId id : caches_.live()) {
    for (const std::unique_ptr<SharedQueues>& queues : queue_cache(id).shared) {
      blocks.push_back({queues->block, queues->bytes});
    }
  }
  return blocks;
}

}  // namespace slablab
