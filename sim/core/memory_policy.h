// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_MEMORY_POLICY_H_
#define SLABLAB_SIM_CORE_MEMORY_POLICY_H_

#include <cstdint>

#include "base/types.h"

namespace slablab {

// Where a task wants its memory: struct mempolicy (mm/mempolicy.c), as set_mempolicy() sets it. A
// task without one takes its own node's, and others' as they come.
struct MemoryPolicy {
  enum class Mode : uint8_t {
    kLocal,       // MPOL_LOCAL: its own node's, and said to be
    kPreferred,   // MPOL_PREFERRED: the first of `nodes`, else any
    kBind,        // MPOL_BIND: of `nodes` only
    kInterleave,  // MPOL_INTERLEAVE: of `nodes` in turn
  };
  Mode mode = Mode::kLocal;
  uint64_t nodes = 0;              // bit by node; of kLocal none
  NodeId previous{kMaxNodes - 1};  // task_struct->il_prev: whose turn it was

  bool Allows(NodeId node) const { return (nodes >> node.index() & 1) != 0; }
  // REQUIRES, of both: there are nodes.
  NodeId First() const { return NextAfter(NodeId(kMaxNodes - 1)); }
  // interleave_nodes().
  NodeId TakeTurn() { return previous = NextAfter(previous); }

 private:
  NodeId NextAfter(NodeId node) const {
    int next = node.value();
    do {
      next = next + 1 == kMaxNodes ? 0 : next + 1;
    } while (!Allows(NodeId(next)));
    return NodeId(next);
  }
};
static_assert(kMaxNodes <= 64, "a bit for each node");

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_MEMORY_POLICY_H_
