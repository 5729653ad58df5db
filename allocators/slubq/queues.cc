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
void Queues::Begin(KmemCache& s) {
  if (s.front == nullptr) s.front = std::make_unique<QueueCache>();
  QueueCache& own = Of(s);
  const bool is_dma = Has(s.alloc_flags, Gfp::kDma);
  const bool is_boot = s.names.front() == "kmem_cache" || s.names.front() == "kmem_cache_node";
  own.low_memory = policy_.low_memory_caches && (is_dma || is_boot);
  own.queue = own.low_memory ? kLowMemoryQueue : InitialQueueSize(s.geometry.size);
  own.batch.Poke((own.queue + 1) / 2);
  if (own.low_memory) s.min_partial.Poke(0);
  own.node_touched.assign(s.nodes.size(), 0);
  if (!policy_.shared_queues) return;
  if (core_.nr_node_ids() > 1) {
    own.aliens = !own.low_memory;
    own.alien_shift = AlienShift(own.queue, core_.nr_node_ids());
  }
  const bool small = core_.machine().config().possible_cpus > 1 && s.geometry.size < kPageSize;
  const bool is_own_size = policy_.shared_size == QueuePolicy::SharedSize::kTenBatches;
  own.shared_queue_wanted =
      is_own_size ? (small ? kSharedBatches * own.batch.Peek() : 0) : own.queue;
  if (is_dma || own.low_memory) own.shared_queue_wanted = 0;
}

// struct kmem_cache_cpu: counters, the node's number, the queue; in V2 the number of objects stands
// before the node's, and the objects behind.
uint32_t Queues::NodeAt() const {
  const uint64_t stats = core_.counter_bytes();
  return static_cast<uint32_t>(has_bare_queues() ? stats + 4 : stats);
}

uint32_t Queues::QueueAt() const {
  return has_bare_queues() ? NodeAt() - 4 : RoundUpToWord(NodeAt() + 4);
}

uint32_t Queues::SlotsAt() const {
  return has_bare_queues() ? RoundUpToWord(NodeAt() + 4) - QueueAt() : ObjectQueue::kSlotsAt;
}

uint32_t Queues::BytesForQueue(int32_t queue) const {
  const uint64_t bytes = QueueAt() + SlotsAt() + SlotBytes(queue);
  return static_cast<uint32_t>(has_bare_queues() ? bytes : RoundUpToLine(bytes));
}

int32_t Queues::QueueMax(uint32_t bytes) const {
  return static_cast<int32_t>((bytes - QueueAt() - SlotsAt()) / ObjectQueue::kSlotBytes);
}

// kmem_cache_open(): node structures, then the per-CPU structures, of which alloc_kmem_cache_cpu()
// uses what rounding to whole lines gave. (V2 neither rounds nor sets anything: a CPU's node is 0
// until another has been asked for.)
Task<bool> Queues::Open(Cpu& cpu, KmemCache& s) {
  const bool have_nodes = co_await core_.InitNodes(cpu, s);
  if (!have_nodes) co_return false;
  const PercpuRequest request{.bytes = BytesForQueue(Of(s).queue), .align = 64};
  const bool have_area = co_await core_.AllocPercpu(cpu, s, &s.cpu_slab, request);
  if (!have_area) co_return false;
  const PercpuArea area = s.cpu_slab.Peek();
  Of(s).cpus =
      std::make_unique<QueueCpus>(static_cast<size_t>(core_.machine().config().cpu_count()),
                                  QueueMax(BytesForQueue(Of(s).queue)));
  Of(s).cpus->area = area;
  if (has_bare_queues()) co_return true;
  for (int i = 0; i < core_.machine().config().possible_cpus; ++i) {
    cpu.Touch({core_.areas().AddressOn(area, CpuId(i), 0), Structure::kPerCpuArea}, Access::kWrite);
  }
  co_return true;
}

Task<void> Queues::Close(Cpu& cpu, KmemCache& s) {
  if (!s.cpu_slab.Peek().is_null()) co_await core_.FreePercpu(cpu, s, &s.cpu_slab);
}

void Queues::PlaceCpu(QueueCpus& cpus, CpuId id) const {
  QueueCpu& c = cpus.cpus[id.index()];
  const uint32_t queue_at = QueueAt();
  const auto address = [&](uint32_t at) { return core_.areas().AddressOn(cpus.area, id, at); };
  const auto place = [&](uint32_t at) { return Place{address(at), Structure::kPerCpuArea}; };
  c.placed = true;
  const NodeId home = core_.machine().config().cpus[id.index()].node;
  const NodeId node = policy_.queues_by_node ? core_.LocalMemoryNode(home) : NodeId(0);
  c.node = PerCpu<NodeId>(id, place(NodeAt()), node);
  if (policy_.shared_queues)
    c.shared = PerCpu<SharedQueues*>(id, place(queue_at + ObjectQueue::kLinkAt));
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
Task<bool> Queues::ResizeCpuQueue(Cpu& cpu, KmemCache& s, int32_t queue) {
  const uint32_t bytes = BytesForQueue(queue);
  if (bytes > kPercpuBytesMax) co_return false;
  const PercpuArea area = co_await core_.areas().Alloc(cpu, {.bytes = bytes, .align = 64});
  if (area.is_null()) co_return false;
  co_await RemoveSharedQueues(cpu, s);
  auto fresh = std::make_unique<QueueCpus>(
      static_cast<size_t>(core_.machine().config().cpu_count()), QueueMax(bytes));
  fresh->area = area;
  if (queue < Of(s).queue) {
    Of(s).queue = queue;
    cpu.Store(Of(s).batch, (queue + 1) / 2);
  }
  co_await cpu.Sync();
  std::unique_ptr<QueueCpus> stale = std::exchange(Of(s).cpus, std::move(fresh));
  cpu.Store(s.cpu_slab, area);
  // The counters lie there too, and begin anew.
  s.cpus = LazyArray<CacheCpu>(static_cast<size_t>(core_.machine().config().cpu_count()));
  co_await FlushEvery(cpu, s, *stale);
  if (queue > Of(s).queue) {
    Of(s).queue = queue;
    cpu.Store(Of(s).batch, (queue + 1) / 2);
  }
  const auto possible = static_cast<uint64_t>(core_.machine().config().possible_cpus);
  const uint64_t freed = stale->area.bytes * possible;
  const uint64_t held = area.bytes * possible;
  core_.Account(s, [=](Footprint& footprint) { footprint.percpu_bytes += held - freed; });
  co_await core_.areas().Free(cpu, stale->area);
  co_await AllocSharedQueues(cpu, s);
  co_return true;
}

// alien_cache(): of `node`, seen from a CPU. The own node has no place in the block.
LockedQueue* Queues::AlienQueue(Cpu& cpu, KmemCache& s, QueueCpu& c, NodeId node) {
  cpu.Touch(s.Field(QueueCache::kFlagsAt), Access::kRead);
  if (!Of(s).aliens) return nullptr;
  SharedQueues* const queues = cpu.Load(c.shared);
  if (queues == nullptr || !queues->has_aliens) return nullptr;
  const NodeId own = cpu.Load(c.node);
  if (node == own) return nullptr;
  const int slot = node < own ? node.value() + 1 : node.value();
  CHECK(slot >= 1 && slot < core_.nr_node_ids());
  return &queues->aliens[static_cast<size_t>(slot) - 1];
}

// Which CPUs share queues: those of one last-level-cache domain and node. Who is alone there: in V3
// with the others of the node, in V4 with all the others that are alone.
std::vector<std::vector<CpuId>> Queues::QueueGroups(const Scheduler& scheduler) const {
  std::map<std::pair<int32_t, int32_t>, std::vector<CpuId>> domains;
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    if (!scheduler.cpu(CpuId(i)).online()) continue;
    const CpuPlace& place = core_.machine().config().cpus[static_cast<size_t>(i)];
    const NodeId node = core_.LocalMemoryNode(place.node);
    domains[{place.domain.value(), node.value()}].push_back(CpuId(i));
  }
  const bool across_nodes =
      policy_.lone_cpus_have_shared && core_.HasQuirk("isolated-across-nodes");
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
Task<void> Queues::AllocSharedQueues(Cpu& cpu, KmemCache& s) {
  if (!core_.is_up() || Of(s).shared_queue_wanted == 0) co_return;
  for (const std::vector<CpuId>& group : QueueGroups(cpu.scheduler())) {
    const CpuPlace& place = core_.machine().config().cpus[group[0].index()];
    SharedQueues* const queues =
        co_await AllocSharedBlock(cpu, s, core_.LocalMemoryNode(place.node));
    if (queues == nullptr) continue;
    for (CpuId id : group) {
      PerCpu<SharedQueues*>& link = On(*Of(s).cpus, id).shared;
      cpu.Touch(link.place(), Access::kWrite);
      link.Poke(queues);
    }
  }
}

// The block, rounded up to what kmalloc has anyway: the rest is the shared queue's.
Task<SharedQueues*> Queues::AllocSharedBlock(Cpu& cpu, KmemCache& s, NodeId node) {
  const uint64_t aliens =
      Of(s).aliens ? static_cast<uint64_t>(core_.nr_node_ids() - 1) << Of(s).alien_shift : 0;
  uint64_t bytes = QueueBytes(Of(s).shared_queue_wanted) + aliens;
  const uint64_t used = bytes;
  const bool is_class = policy_.half_page_is_class ? bytes <= kPageSize / 2 : bytes < kPageSize / 2;
  if (is_class) {
    bytes = core_.cache(core_.kmalloc().CacheFor(bytes, kGfpKernel)).geometry.object_size;
  } else if (!policy_.half_page_is_class && core_.HasQuirk("alien-stride-overflow")) {
    // The shift where the size was meant: 12 bytes, and all behind them is somebody else's.
    const uint64_t asked = static_cast<uint64_t>(kPageShift) << OrderFor(bytes);
    const PhysAddr block = co_await core_.KmallocOwn(cpu, asked, kGfpKernel | Gfp::kZero, node);
    if (block.is_null()) co_return nullptr;
    SharedQueues& queues = *Of(s).shared.emplace_back(std::make_unique<SharedQueues>());
    queues.block = block;
    queues.bytes = used;
    core_.Log(
        fmt::format("BUG kmalloc-16: Padding overwritten. {} bytes of queues of {} in an object of "
                    "{} bytes at {:#x}",
                    used, s.names.front(), asked, block.value()));
    co_return nullptr;
  } else {
    bytes = kPageSize << OrderFor(bytes);
  }
  const PhysAddr block = co_await core_.KmallocOwn(cpu, bytes, kGfpKernel | Gfp::kZero, node);
  if (block.is_null()) co_return nullptr;
  SharedQueues& queues = *Of(s).shared.emplace_back(std::make_unique<SharedQueues>());
  queues.block = block;
  queues.bytes = bytes;
  queues.node = node;
  LayOutBlock(s, queues, bytes);
  for (const LockedQueue& a : queues.aliens) cpu.Touch(a.q.PlaceOf(0), Access::kWrite);
  cpu.Touch(queues.shared.q.PlaceOf(0), Access::kWrite);
  co_return &queues;
}

void Queues::LayOutBlock(KmemCache& s, SharedQueues& queues, uint64_t bytes) {
  const auto lay_out = [&](LockedQueue& queue, PhysAddr at, int32_t max) {
    queue.slots.resize(static_cast<size_t>(max));
    queue.lock = SpinLock(queue_lock_class_, {at + ObjectQueue::kLinkAt, Structure::kLock});
    ObjectQueue::Memory memory{.pages = {at}, .slots = queue.slots.data(), .max = max};
    queue.q.Reset(memory, CpuId(-1), &queue.lock);
  };
  uint64_t alien_bytes = 0;
  if (Of(s).aliens) {
    const auto count = static_cast<size_t>(core_.nr_node_ids() - 1);
    const uint64_t stride = uint64_t{1} << Of(s).alien_shift;
    alien_bytes = count * stride;
    queues.has_aliens = true;
    queues.aliens = std::vector<LockedQueue>(count);
    for (size_t slot = 1; slot <= count; ++slot) {
      lay_out(queues.aliens[slot - 1], queues.block + (alien_bytes - slot * stride),
              Capacity(stride));
    }
  }
  Of(s).shared_queue = Capacity(bytes - alien_bytes);
  lay_out(queues.shared, queues.block + alien_bytes, Of(s).shared_queue);
}

// __remove_shared_cache(): on each CPU, interrupts off. Whoever comes first drains.
Task<void> Queues::UnlinkShared(Cpu& cpu, KmemCache& s) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFlush));
  QueueCpu& c = ThisCpu(cpu, s);
  SharedQueues* const queues = cpu.Load(c.shared);
  cpu.Store(c.shared, nullptr);
  if (queues == nullptr) co_return;
  // The patches ask for the alien queues by way of the pointer that they have just cleared.
  if (!core_.HasQuirk("alien-leak")) {
    for (LockedQueue& a : queues->aliens) co_await DrainLocked(cpu, s, a, a.q.max());
  }
  co_await DrainLocked(cpu, s, queues->shared, queues->shared.q.max());
}

class QueueUnlink : public RemoteCall {
 public:
  QueueUnlink(Queues& queues, KmemCache& cache) : queues_(queues), cache_(cache) {}
  Task<void> Run(Cpu& cpu) override {
    const IrqFlags flags = cpu.IrqSave();
    co_await queues_.UnlinkShared(cpu, cache_);
    co_await cpu.IrqRestore(flags);
  }

 private:
  Queues& queues_;
  KmemCache& cache_;
};

// remove_shared_caches().
Task<void> Queues::RemoveSharedQueues(Cpu& cpu, KmemCache& s) {
  if (Of(s).shared.empty()) co_return;
  QueueUnlink unlink(*this, s);
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    if (scheduler.cpu(CpuId(i)).online()) {
      co_await cpu.CallOn(CpuId(i), unlink);
    } else {
      On(*Of(s).cpus, CpuId(i)).shared.Poke(nullptr);
    }
  }
  for (const std::unique_ptr<SharedQueues>& queues : Of(s).shared) {
    uint64_t lost = 0;
    for (const LockedQueue& a : queues->aliens) lost += static_cast<uint64_t>(a.q.count());
    if (lost > 0) {
      core_.Log(fmt::format("{} objects of {} were in alien queues that were freed", lost,
                            s.names.front()));
      Of(s).lost += lost;
    }
    co_await core_.KfreeOwn(cpu, queues->block);
  }
  Of(s).shared.clear();
  Of(s).shared_queue = 0;
}

Task<void> Queues::CachesAreUp(Cpu& cpu) {
  for (size_t i = core_.live_caches().size(); i > 0; --i) {
    co_await AllocSharedQueues(cpu, core_.cache(core_.live_caches()[i - 1]));
  }
}

std::vector<QueueBlock> Queues::Blocks() const {
  std::vector<QueueBlock> blocks;
  for (CacheId id : core_.live_caches()) {
    for (const std::unique_ptr<SharedQueues>& queues : Of(core_.cache(id)).shared) {
      blocks.push_back({queues->block, queues->bytes});
    }
  }
  return blocks;
}

}  // namespace slablab
