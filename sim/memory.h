// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MEMORY_H_
#define SLABLAB_SIM_MEMORY_H_

#include <cstdint>
#include <vector>

#include "sim/holder_set.h"
#include "sim/lazy_array.h"
#include "sim/ledger.h"
#include "sim/machine_config.h"
#include "sim/tag_layout.h"
#include "sim/types.h"

namespace slablab {

enum class Access : uint8_t { kRead, kWrite };

// The coherent memory system: per-core L1 and L2, one LLC per domain, DRAM on the nodes, MESI kept
// by a directory with one entry a line.
//
// The states of a line in a core are the textbook's (Sweazey and Smith 1986; Hennessy and
// Patterson, "Computer Architecture", 5.2): Modified, Exclusive, Shared, Invalid, here as
//   M: the entry's owner is this core and it is dirty       E: the owner, and clean
//   S: a holder, and there is no owner                      I: not a holder.
// "Clean" is as against the LLC's copy, if there is one, else memory's.
//
// Replacement is exact LRU in every cache. L2 includes L1. The LLC is neither inclusive nor
// exclusive: it is filled by every miss of the caches above it, a line it drops stays in the cores,
// and a dirty line that a core drops updates the LLC's copy if there is one (else memory). A line
// on its way to a core enters the LLC first. What an owner hands over is written to memory as well,
// so Shared copies are clean; clean copies in other cores do not answer, the LLC or memory does.
// That is the model of valgrind's cachegrind, and so are the counts for one CPU without an L2.
//
// Invariants (tests/sim/memory_test.cc checks them after every step):
//   1. A line with an owner has that core as its only holder, and no LLC outside the owner's
//      domain holds it.
//   2. A core holds a line if and only if its outermost private cache has the tag.
//   3. A line dirty in an LLC is Modified in no core, and neither another LLC nor a core of another
//      domain holds it.
//   4. L1 tags say "writable" exactly for the owner and "dirty" exactly when the line is.
//   5. What Core::firsts says of a line is so.
class Memory {
 public:
  struct Result {
    uint32_t cycles;
    Outcome outcome;
  };
  // For tests and audits.
  enum class State : uint8_t { kInvalid, kShared, kExclusive, kModified };

  // A core's private caches and its place, on one line of the host's cache: with a thousand cores,
  // each of them is a miss.
  struct alignas(64) Core {
    // For each set of L1, the line it used last, with its state, as line << kTagStateBits | state:
    // what most touches look for, without looking further. Zero: not known. One entry that stays
    // zero, if the number of sets is not a power of two.
    uint64_t* firsts;
    uint64_t first_mask;
    TagLayout::Tag* l1;
    TagLayout::Tag* l2;   // of no tags if there is no L2
    TagLayout::Tag* llc;  // of its domain; likewise
    CoreId id;
    DomainId domain;
    NodeId node;
  };

  explicit Memory(const MachineConfig& config);

  Core& core(CoreId id) { return cores_[id.index()]; }

  // Whether a touch is the least there is: `core` has the line most recently used in its L1 and in
  // the state it needs. It costs l1_hit_cycles(), and nothing changes.
  static bool HitsFirst(const Core& core, uint64_t line, Access access) {
    const uint64_t first = core.firsts[line & core.first_mask];
    return first >> TagLayout::kTagStateBits == line &&
           (access == Access::kRead || (first & kDirty) != 0);
  }
  uint32_t l1_hit_cycles() const { return l1_hit_cycles_; }

  // One core touches a line.
  Result Touch(Core& core, uint64_t line, Access access) {
    if (HitsFirst(core, line, access)) return {l1_hit_cycles_, Outcome::kL1};
    return TouchFurther(core, line, access);
  }
  Result Touch(CoreId id, PhysAddr address, Access access) {
    return Touch(core(id), address.line(), access);
  }
  // The same for whoever knows already that it does not hit first.
  Result TouchFurther(Core& core, uint64_t line, Access access) {
    const uint32_t handle = HandleOf(line);
    uint32_t* const set = l1_.SetOf(core.l1, line);
    const int way = l1_.Find(set, handle << TagLayout::kTagStateBits);
    if (way < 0) return TouchBeyondL1(core, line, handle, access);
    TagLayout::Promote(set, way);
    if (access == Access::kWrite && (set[0] & kDirty) == 0) {
      return WriteClean(core, line, handle, set);
    }
    NoteFirst(core, line, set[0]);
    return {l1_hit_cycles_, Outcome::kL1};
  }

  State StateOf(CoreId core, PhysAddr address) const;
  bool LlcHolds(DomainId domain, PhysAddr address) const;
  // Dirty data written from a cache to memory so far, in lines.
  uint64_t writebacks() const { return writebacks_; }

  // Aborts if an invariant does not hold for the line of `address`. Slow.
  void CheckInvariants(PhysAddr address) const;

 private:
  // The directory's entry of one line. Small, because each touch beyond L1 needs one or two of
  // them: an owner is the only holder (invariant 1), and an LLC whose copy is newer than memory is
  // the only one that has it (3), so neither is named.
  struct Line {
    Line() : cores(0), owned(0), dirty(0), domains(0), llc_dirty(0) {}
    HolderPool::Set cores : HolderPool::kSetBits;    // with a valid copy in L1 or L2
    uint32_t owned : 1;                              // there is an owner
    uint32_t dirty : 1;                              // it has written
    HolderPool::Set domains : HolderPool::kSetBits;  // whose LLC has a copy
    uint32_t llc_dirty : 1;                          // and it is newer than memory
  };
  static_assert(sizeof(Line) == 8);
  Core& OwnerOf(const Line& entry) {
    return cores_[static_cast<size_t>(core_sets_.MemberOf(entry.cores))];
  }
  static constexpr uint32_t kWritable = 1;
  static constexpr uint32_t kDirty = 2;

  // Lines are known by a 30-bit handle, given to a page at its first touch.
  uint32_t HandleOf(uint64_t line) {
    const uint32_t block = block_of_frame_[line / kLinesPerPage];
    if (block == 0) [[unlikely]] {
      return NewBlock(line);
    }
    return block * kLinesPerPage + static_cast<uint32_t>(line % kLinesPerPage);
  }
  uint32_t NewBlock(uint64_t line);
  uint64_t LineNumber(uint32_t handle) const {
    return frame_of_block_[handle / kLinesPerPage] * kLinesPerPage + handle % kLinesPerPage;
  }

  static void NoteFirst(const Core& core, uint64_t line, uint32_t tag) {
    if (core.first_mask == 0) return;
    core.firsts[line & core.first_mask] =
        line << TagLayout::kTagStateBits | (tag & TagLayout::kStateMask);
  }
  static void ForgetFirst(const Core& core, uint64_t line) {
    core.firsts[line & core.first_mask] = 0;
  }
  Result TouchBeyondL1(Core& core, uint64_t line, uint32_t handle, Access access);
  Result WriteClean(Core& core, uint64_t line, uint32_t handle, uint32_t* set);
  Result Upgrade(const Core& core, Line& entry, uint64_t line, uint32_t handle);
  Result Miss(Core& core, Line& entry, uint64_t line, uint32_t handle, Access access);
  Result FetchFromOwner(const Core& core, Line& entry, uint64_t line, uint32_t handle);
  Result FetchFromLlcOrMemory(const Core& core, Line& entry, uint64_t line, uint32_t handle);
  Result InvalidateOthers(const Core& core, Line& entry, uint64_t line, uint32_t handle);
  void FillPrivate(Core& core, uint64_t line, uint32_t handle, uint32_t state);
  void FillLlc(const Core& core, Line& entry, uint64_t line, uint32_t handle);
  void EvictFromCore(const Core& core, uint32_t handle);
  void EvictFromLlc(DomainId domain, uint32_t handle);
  void DropFromCore(Core& core, uint64_t line, uint32_t handle);
  void DropFromLlc(DomainId domain, uint64_t line, uint32_t handle);
  static void Own(Line& entry, Access access);
  Result TransferFrom(const Core& to, const Core& from) const;
  Result TransferFromDomain(const Core& to, DomainId from) const;
  NodeId HomeOf(uint64_t line) const;

  const MachineConfig config_;
  uint32_t l1_hit_cycles_;
  const TagLayout l1_;
  const TagLayout l2_;   // absent if there is no L2
  const TagLayout llc_;  // likewise
  std::vector<Core> cores_;
  // Of each core, and of each domain.
  EqualArrays<uint64_t> firsts_;
  EqualArrays<TagLayout::Tag> l1_tags_;
  EqualArrays<TagLayout::Tag> l2_tags_;
  EqualArrays<TagLayout::Tag> llc_tags_;
  std::vector<NodeId> node_of_domain_;
  std::vector<uint64_t> node_end_line_;

  LazyArray<uint32_t> block_of_frame_;  // 0: page never touched
  LazyArray<uint64_t> frame_of_block_;
  LazyArray<Line> lines_;  // by handle
  uint32_t blocks_ = 1;
  HolderPool core_sets_;
  HolderPool domain_sets_;
  uint64_t writebacks_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_MEMORY_H_
