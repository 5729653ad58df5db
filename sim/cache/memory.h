// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CACHE_MEMORY_H_
#define SLABLAB_SIM_CACHE_MEMORY_H_

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "sim/cache/holder_set.h"
#include "sim/cache/lazy_array.h"
#include "sim/cache/ledger.h"
#include "sim/cache/tag_layout.h"
#include "sim/machine/machine_config.h"

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
// Invariants (tests/sim/cache/memory_test.cc checks them after every step):
//   1. A line with an owner has that core as its only holder, and no LLC outside the owner's
//      domain holds it.
//   2. A core holds a line if and only if its outermost private cache has the tag.
//   3. A line dirty in an LLC is Modified in no core, and neither another LLC nor a core of another
//      domain holds it.
//   4. L1 tags say "writable" exactly for the owner and "dirty" exactly when the line is.
//   5. What Firsts says of a line is so.
class Memory {
 public:
  struct Result {
    uint32_t cycles;
    Outcome outcome;
  };
  // For tests and audits.
  enum class State : uint8_t { kInvalid, kShared, kExclusive, kModified };

  // For each set of an L1, the line it used last, with its state, as line << kTagStateBits | state:
  // what most touches look for, without looking further. Zero: not known. Only the line that the
  // core used last, if the number of sets is not a power of two.
  struct Firsts {
    uint64_t* lines = nullptr;
    uint64_t mask = 0;
    uint64_t& Of(uint64_t line) const { return lines[line & mask]; }
  };

  // A core's private caches and its place, on one line of the host's cache: with a thousand cores,
  // each of them is a miss.
  struct alignas(64) Core {
    uint64_t* firsts;
    TagLayout::Tag* l1;
    TagLayout::Tag* l2;         // of no tags if there is no L2
    TagLayout::Tag* llc;        // of its domain; likewise
    const Cycles* dram_cycles;  // by home
    HolderPool::Member self;    // of the cores
    HolderPool::Member domain;  // of the domains
    NodeId node;
  };
  static_assert(sizeof(Core) == 64);

  explicit Memory(const MachineConfig& config);

  Core& core(CoreId id) { return cores_[id.index()]; }
  Firsts FirstsOf(const Core& core) const { return {.lines = core.firsts, .mask = first_mask_}; }

  // Whether a touch is the least there is: the line is the one most recently used in its set of L1,
  // and in the state it needs. It costs l1_hit_cycles(), and nothing changes.
  static bool HitsFirst(const Firsts& firsts, uint64_t line, Access access) {
    const uint64_t first = firsts.Of(line);
    if (access == Access::kRead) return first >> TagLayout::kTagStateBits == line;
    return first == (line << TagLayout::kTagStateBits | kWritable | kDirty);
  }

  // Else it goes on in L1. What that has to say:
  enum class InL1 : uint32_t {
    kNot,
    kHit,    // it has the line in the state it needs
    kClean,  // it has the line, and it is to be written for the first time
  };
  class Look {
   public:
    Look(InL1 in_l1, uint32_t tag) : word_(tag | static_cast<uint32_t>(in_l1)) {}
    InL1 in_l1() const { return static_cast<InL1>(word_ & TagLayout::kStateMask); }
    // The line's handle (below); zero if nobody ever touched its page.
    uint32_t handle() const { return word_ >> TagLayout::kTagStateBits; }

   private:
    uint32_t word_;
  };
  // If it has the line, that becomes the most recently used one. `kOneStep`, which is faster, only
  // if looks_in_one_step().
  template <bool kOneStep>
  Look LookInL1(Core& core, uint64_t line, Access access) {
    const uint32_t block = block_of_frame_[line / kLinesPerPage];
    if (block == 0) [[unlikely]] {
      return {InL1::kNot, 0};
    }
    const uint32_t wanted = HandleIn(block, line) << TagLayout::kTagStateBits;
    uint32_t* const set = kOneStep ? l1_.OneStepSetOf(core.l1, line) : l1_.SetOf(core.l1, line);
    const bool has = kOneStep ? TagLayout::UseInOneStep(set, wanted) : l1_.Use(set, wanted);
    if (!has) return {InL1::kNot, wanted};
    const uint32_t tag = set[0];
    if (access == Access::kWrite && (tag & kDirty) == 0) return {InL1::kClean, wanted};
    NoteFirst(core, line, tag);
    return {InL1::kHit, wanted};
  }
  // Handles are below.
  size_t handles_end() const { return lines_.size(); }
  bool looks_in_one_step() const { return one_step_; }
  uint32_t l1_hit_cycles() const { return l1_hit_cycles_; }
  // A touch that is no hit of L1, and what L1 said of it.
  Result TouchFurther(Core& core, uint64_t line, Access access, Look look);

  // All of that: one core touches a line.
  Result Touch(CoreId id, PhysAddr address, Access access) {
    Core& core = cores_[id.index()];
    const uint64_t line = address.line();
    if (HitsFirst(FirstsOf(core), line, access)) return {l1_hit_cycles_, Outcome::kL1};
    const Look look = looks_in_one_step() ? LookInL1<true>(core, line, access)
                                          : LookInL1<false>(core, line, access);
    if (look.in_l1() == InL1::kHit) return {l1_hit_cycles_, Outcome::kL1};
    return TouchFurther(core, line, access, look);
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
  struct Block {
    uint64_t frame : 48;
    uint64_t home : 16;  // the node
  };
  static_assert(sizeof(Block) == 8);
  static uint32_t HandleIn(uint32_t block, uint64_t line) {
    return block * kLinesPerPage + static_cast<uint32_t>(line % kLinesPerPage);
  }
  uint32_t NewBlock(uint64_t line);
  const Block& BlockOf(uint32_t handle) const { return page_of_block_[handle / kLinesPerPage]; }
  uint64_t LineNumber(uint32_t handle) const {
    return BlockOf(handle).frame * kLinesPerPage + handle % kLinesPerPage;
  }

  void NoteFirst(const Core& core, uint64_t line, uint32_t tag) const {
    FirstsOf(core).Of(line) = line << TagLayout::kTagStateBits | (tag & TagLayout::kStateMask);
  }
  void ForgetFirst(const Core& core, uint64_t line) const { FirstsOf(core).Of(line) = 0; }
  Result WriteClean(Core& core, uint64_t line, uint32_t handle);
  // The caches' numbers of ways as far as they are known when this is compiled, in steps
  // (TagLayout::HasSteps): 0 where they are not. One set of functions for shapes that presets have,
  // and one for all others; they do the same.
  template <int kL1, int kL2, int kLlc>
  struct Steps {
    static constexpr int kOfL1 = kL1;
    static constexpr int kOfL2 = kL2;
    static constexpr int kOfLlc = kLlc;
  };
  using AnySteps = Steps<0, 0, 0>;
  enum class Shape : uint8_t { kAny, k8And16And16, k8And8And16 };
  Shape ShapeOf() const;
  template <typename S>
  bool HasSteps() const {
    return l1_.HasSteps<S::kOfL1>() && l2_.HasSteps<S::kOfL2>() && llc_.HasSteps<S::kOfLlc>();
  }
  template <typename S>
  Result TouchFurtherAs(Core& core, uint64_t line, Access access, Look look);
  template <typename S>
  Result TouchL2(Core& core, Line& entry, uint64_t line, uint32_t handle, Access access);
  template <typename S>
  Result UpgradeInL2(Core& core, Line& entry, uint64_t line, uint32_t handle);
  template <typename S>
  void MoveToL1(Core& core, const Line& entry, uint64_t line, uint32_t handle);
  Result Upgrade(const Core& core, Line& entry, uint64_t line, uint32_t handle);
  template <typename S>
  Result Miss(Core& core, Line& entry, uint64_t line, uint32_t handle, Access access);
  Result FetchFromOwner(const Core& core, Line& entry, uint64_t line, uint32_t handle);
  Result FetchFromAfar(const Core& core, Line& entry, uint32_t handle);
  Result InvalidateOthers(const Core& core, Line& entry, uint64_t line, uint32_t handle);
  template <typename S>
  void DropVictim(Core& core, uint32_t victim);
  template <typename S>
  void FillLlc(const Core& core, Line& entry, TagLayout::Tag* set, uint32_t handle, bool was_there);
  void EvictFromCore(const Core& core, uint32_t handle);
  void EvictFromLlc(HolderPool::Member domain, uint32_t handle);
  void DropFromCore(Core& core, uint64_t line, uint32_t handle);
  void DropFromLlc(DomainId domain, uint64_t line, uint32_t handle);
  static void Own(Line& entry, Access access);
  Result TransferFrom(const Core& to, const Core& from) const;
  Result TransferFromDomain(const Core& to, DomainId from) const;

  const MachineConfig config_;
  uint32_t l1_hit_cycles_;
  uint64_t first_mask_;
  const TagLayout l1_;
  const bool one_step_;  // l1_'s
  const TagLayout l2_;   // absent if there is no L2
  const TagLayout llc_;  // likewise
  const Shape shape_;    // of them
  std::vector<Core> cores_;
  // Of each core, and of each domain.
  EqualArrays<uint64_t> firsts_;
  EqualArrays<TagLayout::Tag> l1_tags_;
  EqualArrays<TagLayout::Tag> l2_tags_;
  EqualArrays<TagLayout::Tag> llc_tags_;
  std::vector<NodeId> node_of_domain_;
  std::vector<uint64_t> node_end_line_;

  LazyArray<uint32_t> block_of_frame_;  // 0: page never touched
  LazyArray<Block> page_of_block_;
  LazyArray<Line> lines_;  // by handle
  uint32_t blocks_ = 1;
  HolderPool core_sets_;
  HolderPool domain_sets_;
  uint64_t writebacks_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CACHE_MEMORY_H_
