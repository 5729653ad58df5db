// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/workloads/noting_slub.h"

#include "allocators/slub/cpu_slabs/cpu_slabs.h"
#include "allocators/slub/model.h"

namespace slablab {
namespace {

using Slub = SlubModel<CpuSlabs>;

class NotingSlub : public Slub {
 public:
  NotingSlub(Machine& machine, KmallocNotes* notes)
      : Slub(machine, AllocatorOptions(), kSlub61), notes_(*notes) {}

  Task<Placement> Kmalloc(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) override {
    notes_[cpu.id().value()].push_back(static_cast<int64_t>(bytes));
    const Placement placement = co_await Slub::Kmalloc(cpu, bytes, gfp, node);
    bytes_of_[placement.object] = static_cast<int64_t>(bytes);
    co_return placement;
  }
  Task<PathId> Kfree(Cpu& cpu, PhysAddr object) override {
    notes_[cpu.id().value()].push_back(-bytes_of_.at(object));
    return Slub::Kfree(cpu, object);
  }

 private:
  KmallocNotes& notes_;
  std::map<PhysAddr, int64_t> bytes_of_;
};

}  // namespace

std::unique_ptr<Allocator> MakeNotingSlub(Machine& machine, KmallocNotes* notes) {
  return std::make_unique<NotingSlub>(machine, notes);
}

}  // namespace slablab
