// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/cache/memory.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/check.h"

namespace slablab {

namespace {

// 2^24 pages, 64 GiB, can be touched in one run; a handle has 30 bits.
constexpr uint64_t kBlocksMax = uint64_t{1} << 24;

uint64_t TotalFrames(const MachineConfig& config) {
  const NodeMemory& last = config.memory.back();
  return last.first_frame + last.frames;
}

// Entries of Memory::Firsts.
uint64_t FirstsPerCore(const MachineConfig& config) {
  const uint64_t sets = config.l1.sets();
  return std::has_single_bit(sets) ? sets : 1;
}

constexpr size_t kTagsPerHostLine = 64 / sizeof(TagLayout::Tag);

// A touch's cost is kept in 32 bits, and TouchRange adds a remainder to it.
void CheckLatencies(const MachineConfig& config) {
  constexpr Cycles kMost = std::numeric_limits<uint32_t>::max() / 2;
  for (Cycles cycles : {config.l1_hit_cycles, config.l2_hit_cycles, config.llc_hit_cycles,
                        config.transfer_domain_cycles}) {
    CHECK_LE(cycles, kMost);
  }
  for (const auto* matrix : {&config.transfer_cycles, &config.dram_cycles}) {
    for (const std::vector<Cycles>& row : *matrix) {
      for (Cycles cycles : row) CHECK_LE(cycles, kMost);
    }
  }
}

}  // namespace

Memory::Memory(const MachineConfig& config)
    : config_(config),
      l1_hit_cycles_(static_cast<uint32_t>(config.l1_hit_cycles)),
      first_mask_(FirstsPerCore(config) - 1),
      l1_(config.l1),
      one_step_(l1_.one_step()),
      l2_(config.l2),
      llc_(config.llc),
      shape_(ShapeOf()),
      firsts_(static_cast<size_t>(config.core_count), FirstsPerCore(config)),
      l1_tags_(static_cast<size_t>(config.core_count), l1_.size()),
      l2_tags_(static_cast<size_t>(config.core_count), l2_.size()),
      llc_tags_(static_cast<size_t>(config.domain_count), llc_.size()),
      node_of_domain_(static_cast<size_t>(config.domain_count)),
      block_of_frame_(TotalFrames(config), LazyUse::kSparse),
      page_of_block_(std::min(TotalFrames(config) + 1, kBlocksMax)),
      lines_(std::min(TotalFrames(config) + 1, kBlocksMax) * kLinesPerPage),
      core_sets_(config.core_count),
      domain_sets_(config.domain_count) {
  CheckLatencies(config);
  for (size_t core = 0; core < static_cast<size_t>(config.core_count); ++core) {
    cores_.push_back({.firsts = firsts_[core],
                      .l1 = l1_tags_[core],
                      .l2 = l2_tags_[core],
                      .llc = nullptr,
                      .dram_cycles = nullptr,
                      .self = core_sets_.member(static_cast<int>(core)),
                      .domain = {},
                      .node = NodeId(0)});
  }
  for (const CpuPlace& cpu : config.cpus) {
    Core& core = cores_[cpu.core.index()];
    core.llc = llc_tags_[cpu.domain.index()];
    core.domain = domain_sets_.member(static_cast<int>(cpu.domain.index()));
    core.node = cpu.node;
    core.dram_cycles = config_.dram_cycles[cpu.node.index()].data();
    node_of_domain_[cpu.domain.index()] = cpu.node;
  }
  for (const NodeMemory& node : config.memory) {
    node_end_line_.push_back((node.first_frame + node.frames) * kLinesPerPage);
  }
}

uint32_t Memory::NewBlock(uint64_t line) {
  CHECK_LT(line, node_end_line_.back());
  CHECK_LT(blocks_, page_of_block_.size());
  const uint64_t frame = line / kLinesPerPage;
  block_of_frame_[frame] = blocks_;
  const auto end = std::upper_bound(node_end_line_.begin(), node_end_line_.end(), line);
  const auto home = static_cast<uint64_t>(end - node_end_line_.begin());
  page_of_block_[blocks_] = {.frame = frame, .home = home};
  return blocks_++ * kLinesPerPage + static_cast<uint32_t>(line % kLinesPerPage);
}

Memory::Result Memory::TransferFromDomain(const Core& to, DomainId from) const {
  const NodeId from_node = node_of_domain_[from.index()];
  const Cycles cycles = config_.transfer_cycles[to.node.index()][from_node.index()];
  return {static_cast<uint32_t>(cycles),
          to.node == from_node ? Outcome::kTransferNode : Outcome::kTransferRemote};
}

Memory::Result Memory::TransferFrom(const Core& to, const Core& from) const {
  if (from.domain.number == to.domain.number) {
    return {static_cast<uint32_t>(config_.transfer_domain_cycles), Outcome::kTransferDomain};
  }
  return TransferFromDomain(to, DomainId(from.domain.number));
}

// A write to a line that L1 has and that is clean.
Memory::Result Memory::WriteClean(Core& core, uint64_t line, uint32_t handle) {
  Line& entry = lines_[handle];
  Result result = {l1_hit_cycles_, Outcome::kL1};
  if (entry.owned) {
    Own(entry, Access::kWrite);  // Exclusive to Modified, silently.
  } else {
    result = Upgrade(core, entry, line, handle);
  }
  uint32_t* const set = l1_.SetOf(core.l1, line);
  set[0] |= kWritable | kDirty;
  NoteFirst(core, line, set[0]);
  return result;
}

Memory::Shape Memory::ShapeOf() const {
  if (HasSteps<Steps<1, 2, 2>>()) return Shape::k8And16And16;
  return HasSteps<Steps<1, 1, 2>>() ? Shape::k8And8And16 : Shape::kAny;
}

Memory::Result Memory::TouchFurther(Core& core, uint64_t line, Access access, Look look) {
  if (look.in_l1() == InL1::kClean) return WriteClean(core, line, look.handle());
  if (shape_ == Shape::k8And16And16) {
    return TouchFurtherAs<Steps<1, 2, 2>>(core, line, access, look);
  }
  if (shape_ == Shape::k8And8And16) {
    return TouchFurtherAs<Steps<1, 1, 2>>(core, line, access, look);
  }
  return TouchFurtherAs<AnySteps>(core, line, access, look);
}

template <typename S>
inline Memory::Result Memory::TouchFurtherAs(Core& core, uint64_t line, Access access, Look look) {
  uint32_t handle = look.handle();
  if (handle == 0) [[unlikely]] {
    handle = NewBlock(line);
  }
  Line& entry = lines_[handle];
  return core_sets_.Contains(entry.cores, core.self)
             ? TouchL2<S>(core, entry, line, handle, access)
             : Miss<S>(core, entry, line, handle, access);
}

// L1 has not got it, so L2 has.
template <typename S>
inline Memory::Result Memory::TouchL2(Core& core, Line& entry, uint64_t line, uint32_t handle,
                                      Access access) {
  if (access == Access::kWrite) {
    if (!entry.owned) return UpgradeInL2<S>(core, entry, line, handle);
    Own(entry, Access::kWrite);
  }
  MoveToL1<S>(core, entry, line, handle);
  return {static_cast<uint32_t>(config_.l2_hit_cycles), Outcome::kL2};
}

template <typename S>
Memory::Result Memory::UpgradeInL2(Core& core, Line& entry, uint64_t line, uint32_t handle) {
  const Result result = Upgrade(core, entry, line, handle);
  MoveToL1<S>(core, entry, line, handle);
  return result;
}

// L2 keeps it, and what falls off L1, whose state is in the directory.
template <typename S>
inline void Memory::MoveToL1(Core& core, const Line& entry, uint64_t line, uint32_t handle) {
  const uint32_t tag = handle << TagLayout::kTagStateBits;
  CHECK(l2_.UseAs<S::kOfL2>(l2_.SetOfAs<S::kOfL2>(core.l2, line), tag));
  const uint32_t state = !entry.owned ? 0 : kWritable | (entry.dirty ? kDirty : 0);
  l1_.InsertAs<S::kOfL1>(l1_.SetOfAs<S::kOfL1>(core.l1, line), tag | state);
  NoteFirst(core, line, state);
}

// Shared to Modified. As far as the farthest copy that has to go.
Memory::Result Memory::Upgrade(const Core& core, Line& entry, uint64_t line, uint32_t handle) {
  Result result = InvalidateOthers(core, entry, line, handle);
  if (result.cycles < config_.llc_hit_cycles) {  // Even alone it asks the domain's LLC.
    result.cycles = static_cast<uint32_t>(config_.llc_hit_cycles);
  }
  const bool far =
      result.outcome == Outcome::kTransferNode || result.outcome == Outcome::kTransferRemote;
  Own(entry, Access::kWrite);
  return {result.cycles, far ? Outcome::kUpgradeRemote : Outcome::kUpgrade};
}

template <typename S>
Memory::Result Memory::Miss(Core& core, Line& entry, uint64_t line, uint32_t handle,
                            Access access) {
  TagLayout::Tag* const l2_set = l2_.SetOfAs<S::kOfL2>(core.l2, line);
  TagLayout::Tag* const llc_set = llc_.SetOfAs<S::kOfLlc>(core.llc, line);
  const bool has_l2 = S::kOfL2 != 0 || l2_.present();
  const bool has_llc = S::kOfLlc != 0 || llc_.present();
  // The host's own cache misses dominate from here on: they may as well overlap, also with those of
  // the lines that follow, which are often touched next.
  if (has_llc) {
    __builtin_prefetch(llc_set);
    __builtin_prefetch(llc_set + kTagsPerHostLine);
    __builtin_prefetch(llc_set + 2 * kTagsPerHostLine);
  }
  if (has_l2) {
    __builtin_prefetch(l2_set);
    __builtin_prefetch(l2_set + kTagsPerHostLine);
    __builtin_prefetch(&lines_[l2_.LastAs<S::kOfL2>(l2_set) >> TagLayout::kTagStateBits]);
  }
  const bool in_llc = domain_sets_.Contains(entry.domains, core.domain);
  Result result;
  if (entry.owned) {
    const Core& owner = OwnerOf(entry);
    __builtin_prefetch(l1_.SetOf(owner.l1, line));
    __builtin_prefetch(l2_.SetOf(owner.l2, line));
    result = FetchFromOwner(core, entry, line, handle);
  } else if (in_llc) {
    result = {static_cast<uint32_t>(config_.llc_hit_cycles), Outcome::kLlc};
  } else {
    result = FetchFromAfar(core, entry, handle);
  }
  if (has_llc) FillLlc<S>(core, entry, llc_set, handle, in_llc);
  uint32_t state = 0;
  const bool others = core_sets_.HasOther(entry.cores, core.self) ||
                      domain_sets_.HasOther(entry.domains, core.domain);
  if (access == Access::kWrite) {
    if (others) {
      // The data and the last copy's invalidation are both waited for.
      const Result farthest = InvalidateOthers(core, entry, line, handle);
      if (farthest.cycles > result.cycles) result = farthest;
    }
    Own(entry, Access::kWrite);
    state = kWritable | kDirty;
  } else if (!others) {
    Own(entry, Access::kRead);  // Exclusive.
    state = kWritable;
  }
  entry.cores = core_sets_.With(entry.cores, core.self);
  const uint32_t tag = handle << TagLayout::kTagStateBits;
  if (has_l2) {
    if (const uint32_t victim = l2_.InsertAs<S::kOfL2>(l2_set, tag); victim != 0) {
      DropVictim<S>(core, victim);
    }
  }
  const uint32_t victim = l1_.InsertAs<S::kOfL1>(l1_.SetOfAs<S::kOfL1>(core.l1, line), tag | state);
  if (!has_l2 && victim != 0) EvictFromCore(core, victim >> TagLayout::kTagStateBits);
  NoteFirst(core, line, state);
  return result;
}

// The only core with the line becomes its owner. What it writes outdates the LLC's copy.
void Memory::Own(Line& entry, Access access) {
  entry.owned = true;
  if (access == Access::kRead) return;
  entry.dirty = true;
  entry.llc_dirty = false;
}

// The owner hands the line over and keeps it shared; what had been written reaches memory.
Memory::Result Memory::FetchFromOwner(const Core& core, Line& entry, uint64_t line,
                                      uint32_t handle) {
  Core& owner = OwnerOf(entry);
  if (entry.dirty || entry.llc_dirty) ++writebacks_;
  entry.owned = false;
  entry.dirty = false;
  entry.llc_dirty = false;
  uint32_t* set = l1_.SetOf(owner.l1, line);
  const uint32_t tag = handle << TagLayout::kTagStateBits;
  if (const int way = l1_.Find(set, tag); way >= 0) set[way] = tag;
  ForgetFirst(owner, line);
  return TransferFrom(core, owner);
}

// No core owns it and this domain's LLC has not got it.
inline Memory::Result Memory::FetchFromAfar(const Core& core, Line& entry, uint32_t handle) {
  if (entry.llc_dirty) {  // Newer than memory in another domain's LLC.
    entry.llc_dirty = false;
    ++writebacks_;
    return TransferFromDomain(core, DomainId(domain_sets_.MemberOf(entry.domains)));
  }
  const uint64_t home = BlockOf(handle).home;
  return {static_cast<uint32_t>(core.dram_cycles[home]),
          core.node.index() == home ? Outcome::kDramLocal : Outcome::kDramRemote};
}

// Leaves `core` (if it holds the line) and its domain's LLC as the only holders. Answers the
// transfer from the farthest copy that was dropped; zero cycles if there was none.
Memory::Result Memory::InvalidateOthers(const Core& core, Line& entry, uint64_t line,
                                        uint32_t handle) {
  Result farthest = {0, Outcome::kTransferDomain};
  if (core_sets_.HasOther(entry.cores, core.self)) {
    core_sets_.ForEach(entry.cores, [&](int other) {
      if (other == core.self.number) return;
      Core& holder = cores_[static_cast<size_t>(other)];
      const Result transfer = TransferFrom(core, holder);
      if (transfer.cycles > farthest.cycles) farthest = transfer;
      DropFromCore(holder, line, handle);
    });
    entry.cores = core_sets_.Only(entry.cores, core.self);
  }
  if (domain_sets_.HasOther(entry.domains, core.domain)) {
    domain_sets_.ForEach(entry.domains, [&](int other) {
      if (other == core.domain.number) return;
      const Result transfer = TransferFromDomain(core, DomainId(other));
      if (transfer.cycles > farthest.cycles) farthest = transfer;
      DropFromLlc(DomainId(other), line, handle);
    });
    entry.domains = domain_sets_.Only(entry.domains, core.domain);
  }
  return farthest;
}

// What L2 has no more, L1 may not have.
template <typename S>
inline void Memory::DropVictim(Core& core, uint32_t victim) {
  const uint32_t handle = victim >> TagLayout::kTagStateBits;
  const uint64_t line = LineNumber(handle);
  uint32_t* const set = l1_.SetOfAs<S::kOfL1>(core.l1, line);
  if (const int way = l1_.FindAs<S::kOfL1>(set, victim); way >= 0) l1_.Remove(set, way);
  ForgetFirst(core, line);
  EvictFromCore(core, handle);
}

// `core` gave up its copy for want of room.
inline void Memory::EvictFromCore(const Core& core, uint32_t handle) {
  Line& entry = lines_[handle];
  entry.cores = core_sets_.Without(entry.cores, core.self);
  if (!entry.owned) return;
  entry.owned = false;
  if (!entry.dirty) return;
  entry.dirty = false;
  if (domain_sets_.Contains(entry.domains, core.domain)) {
    entry.llc_dirty = true;
  } else {
    ++writebacks_;
  }
}

// The line becomes the most recently used one, whether it was there or not.
template <typename S>
inline void Memory::FillLlc(const Core& core, Line& entry, TagLayout::Tag* set, uint32_t handle,
                            bool was_there) {
  const uint32_t tag = handle << TagLayout::kTagStateBits;
  if (was_there) {
    CHECK(llc_.UseAs<S::kOfLlc>(set, tag));
    return;
  }
  const uint32_t victim = llc_.InsertAs<S::kOfLlc>(set, tag);
  if (victim != 0) EvictFromLlc(core.domain, victim >> TagLayout::kTagStateBits);
  entry.domains = domain_sets_.With(entry.domains, core.domain);
}

inline void Memory::EvictFromLlc(HolderPool::Member domain, uint32_t handle) {
  Line& entry = lines_[handle];
  entry.domains = domain_sets_.Without(entry.domains, domain);
  if (entry.llc_dirty) ++writebacks_;
  entry.llc_dirty = false;
}

// `core` loses its copy because another writes.
void Memory::DropFromCore(Core& core, uint64_t line, uint32_t handle) {
  const uint32_t tag = handle << TagLayout::kTagStateBits;
  uint32_t* set = l1_.SetOf(core.l1, line);
  if (const int way = l1_.Find(set, tag); way >= 0) l1_.Remove(set, way);
  ForgetFirst(core, line);
  if (!l2_.present()) return;
  set = l2_.SetOf(core.l2, line);
  const int way = l2_.Find(set, tag);
  CHECK_GE(way, 0);
  l2_.Remove(set, way);
}

void Memory::DropFromLlc(DomainId domain, uint64_t line, uint32_t handle) {
  uint32_t* set = llc_.SetOf(llc_tags_[domain.index()], line);
  const int way = llc_.Find(set, handle << TagLayout::kTagStateBits);
  CHECK_GE(way, 0);
  llc_.Remove(set, way);
}

Memory::State Memory::StateOf(CoreId core, PhysAddr address) const {
  const uint32_t block = block_of_frame_[address.frame()];
  if (block == 0) return State::kInvalid;
  const Line& entry = lines_[block * kLinesPerPage + address.line() % kLinesPerPage];
  if (!core_sets_.Contains(entry.cores, cores_[core.index()].self)) return State::kInvalid;
  if (!entry.owned) return State::kShared;
  return entry.dirty ? State::kModified : State::kExclusive;
}

bool Memory::LlcHolds(DomainId domain, PhysAddr address) const {
  const uint32_t block = block_of_frame_[address.frame()];
  if (block == 0 || !llc_.present()) return false;
  const uint32_t handle =
      block * kLinesPerPage + static_cast<uint32_t>(address.line() % kLinesPerPage);
  const uint32_t* set = llc_.SetOf(llc_tags_[domain.index()], address.line());
  return llc_.Find(set, handle << TagLayout::kTagStateBits) >= 0;
}

void Memory::CheckInvariants(PhysAddr address) const {
  const uint32_t block = block_of_frame_[address.frame()];
  if (block == 0) return;
  const uint64_t line = address.line();
  const uint32_t handle = block * kLinesPerPage + static_cast<uint32_t>(line % kLinesPerPage);
  const uint32_t tag = handle << TagLayout::kTagStateBits;
  const Line& entry = lines_[handle];
  for (int core = 0; core < config_.core_count; ++core) {
    const size_t i = static_cast<size_t>(core);
    const HolderPool::Member self = cores_[i].self;
    const bool holds = core_sets_.Contains(entry.cores, self);
    const bool owns = entry.owned && holds;
    const uint32_t* set = l1_.SetOf(cores_[i].l1, line);
    const int way = l1_.Find(set, tag);
    const bool in_outermost =
        l2_.present() ? l2_.Find(l2_.SetOf(cores_[i].l2, line), tag) >= 0 : way >= 0;
    CHECK_EQ(in_outermost, holds);  // 2
    const uint64_t first = FirstsOf(cores_[i]).Of(line);
    if (first >> TagLayout::kTagStateBits == line) {  // 5
      CHECK_EQ(way, 0);
      CHECK_EQ(first & TagLayout::kStateMask, set[0] & TagLayout::kStateMask);
    }
    if (owns) CHECK(!core_sets_.HasOther(entry.cores, self));  // 1
    if (way >= 0) {
      CHECK(holds);
      CHECK_EQ((set[way] & kWritable) != 0, owns);              // 4
      CHECK_EQ((set[way] & kDirty) != 0, owns && entry.dirty);  // 4
    }
  }
  if (entry.owned) CHECK(entry.cores != 0);
  if (!entry.owned) CHECK(!entry.dirty);
  if (entry.llc_dirty) CHECK(entry.domains != 0);
  for (int domain = 0; domain < config_.domain_count; ++domain) {
    const HolderPool::Member member = domain_sets_.member(domain);
    const bool holds = domain_sets_.Contains(entry.domains, member);
    CHECK_EQ(LlcHolds(DomainId(domain), address), holds);
    if (entry.owned && holds) {  // 1
      CHECK(cores_[static_cast<size_t>(core_sets_.MemberOf(entry.cores))].domain.number == domain);
    }
    if (entry.llc_dirty && holds) {  // 3
      CHECK(!entry.dirty);
      CHECK(!domain_sets_.HasOther(entry.domains, member));
      core_sets_.ForEach(entry.cores, [&](int core) {
        CHECK(cores_[static_cast<size_t>(core)].domain.number == domain);
      });
    }
  }
}

}  // namespace slablab
