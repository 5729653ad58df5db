// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_REPLAY_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_REPLAY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "allocators/allocator.h"
#include "sim/core/rcu_by_hand.h"
#include "sim/machine.h"
#include "workloads/auditor.h"
#include "workloads/conformance/conformance.h"
#include "workloads/conformance/reference.h"

namespace slablab {

// The recorded labels and the simulated slabs, one to one among those alive. A slab is known by its
// serial; an entry whose slab is gone means nothing.
class Renaming {
 public:
  Renaming(const Allocator& allocator, size_t labels) : allocator_(allocator), slabs_(labels) {}

  // Whether label and slab may be the same; if so they are from now on.
  bool Matches(uint32_t label, const Allocator::Location& slab);

 private:
  struct Known {
    uint64_t serial = 0;
    PhysAddr block;
  };
  bool IsAlive(const Known& known) const {
    return known.serial != 0 && allocator_.Locate(known.block).serial == known.serial;
  }

  const Allocator& allocator_;
  std::vector<Known> slabs_;             // by label
  std::map<uint64_t, uint32_t> labels_;  // by serial
};

// One reference run on one model: operation by operation, each to its end before the next.
class ReferenceReplay {
 public:
  // REQUIRES: nothing has run on the machine yet.
  ReferenceReplay(const ReferenceRun& run, Machine& machine, Allocator& allocator);

  absl::StatusOr<Conformance> Run();

 private:
  absl::Status CheckOffers() const;
  absl::Status SetUp();
  Task<absl::Status> TuneAll(Cpu& cpu);
  void Do(const ReferenceOp& op);
  // Work of an operation on `cpu`, to its end.
  void On(CpuId cpu, const std::function<Task<void>(Cpu&)>& work);
  Gfp gfp() const;

  // --- Operations. ---
  void Allocate(const ReferenceOp& op);
  void AllocateInBulk(const ReferenceOp& op);
  void AllocateFromSheaf(const ReferenceOp& op);
  void Free(const ReferenceOp& op);
  // Of what the model has of the operation's objects.
  void FreeSeveral(const ReferenceOp& op);
  void FreeRcu(const ReferenceOp& op);
  void UseSheaf(const ReferenceOp& op);
  void Shrink(const ReferenceOp& op);
  void GoOffline(const ReferenceOp& op);
  void ComeOnline(const ReferenceOp& op);
  void FlushDead(CpuId on);
  void BeginBarrier();
  void CallBack(const ReferenceOp& op);

  // --- Grace periods. ---
  static bool IsOfSheaf(const RcuHead& head);
  uint64_t SheavesWaitingOf(CpuId cpu) const;
  // What the model waits for beside sheaves is nobody's business here: it is called at once.
  void CallOthers();
  // No callback may be left over that the recording does not have.
  void ExpectNoneReleased(const ReferenceOp& op);

  // --- Comparisons. ---
  // `way` says how the model came by it; empty if nothing is known of that.
  void Compare(const ReferenceOp& op, uint32_t object, const ReferencePlace& place, PhysAddr ours,
               std::string_view way);
  void CompareNothing(const ReferenceOp& op, PhysAddr ours);
  void CompareResult(const ReferenceOp& op, std::string_view what, uint64_t ours);
  void CompareCheck(const ReferenceOp& op);
  void CompareLayout();
  void CompareFigures();
  std::map<std::string, Figure> Figures() const;
  std::string DescribeState() const;
  void Note(const ReferenceOp& op, std::string_view what, std::string_view theirs,
            std::string_view ours);

  void Born(uint32_t object, PhysAddr place);
  // What the model has for it, which ends; null: nothing.
  PhysAddr Take(uint32_t object);

  const ReferenceRun& run_;
  Machine& machine_;
  Allocator& allocator_;
  RcuByHand rcu_;
  CacheId cache_ = kNoCache;
  std::vector<PhysAddr> objects_;   // by number
  std::vector<PhysAddr> waiting_;   // by number: those that kvfree_rcu has and no sheaf
  std::vector<SheafId> sheaves_;    // by number
  std::vector<uint64_t> released_;  // by CPU: sheaves whose grace period has ended
  std::vector<PhysAddr> several_;   // of a bulk operation
  std::optional<CpuId> dead_;       // not flushed yet
  Auditor auditor_;
  Renaming renaming_;
  Conformance result_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_REPLAY_H_
