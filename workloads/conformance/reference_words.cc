// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/conformance/reference_words.h"

#include <algorithm>
#include <cstddef>

#include "fmt/format.h"

namespace slablab {
namespace {

using Kind = ReferenceOp::Kind;

std::string Verb(const ReferenceOp& op) {
  switch (op.kind) {
    case Kind::kAlloc:
    case Kind::kAllocNode:
      return "allocates";
    case Kind::kAllocBulk:
      return "allocates in bulk";
    case Kind::kAllocFromSheaf:
      return fmt::format("allocates from sheaf {}", op.sheaf);
    case Kind::kFree:
      return "frees";
    case Kind::kFreeBulk:
      return "frees in bulk";
    case Kind::kKfreeBulk:
      return "frees by kfree_bulk";
    case Kind::kFreeRcu:
      return "frees by kvfree_rcu";
    case Kind::kListFree:
      return "frees, late,";
    case Kind::kListFreeBulk:
      return "frees, late and in bulk,";
    case Kind::kCreate:
      return "creates the cache";
    case Kind::kPrefillSheaf:
      return fmt::format("prefills sheaf {} to {}", op.sheaf, op.size);
    case Kind::kRefillSheaf:
      return fmt::format("refills sheaf {} to {}", op.sheaf, op.size);
    case Kind::kReturnSheaf:
      return fmt::format("returns sheaf {}", op.sheaf);
    case Kind::kOffline:
      return "goes off line";
    case Kind::kDead:
      return fmt::format("flushes CPU {}, which is dead", op.of.value());
    case Kind::kOnline:
      return "comes on line";
    case Kind::kGracePeriod:
      return fmt::format("sees a grace period end for its {} oldest sheaves at most", op.size);
    case Kind::kCallback:
      return fmt::format("calls back for a sheaf of {} of CPU {}, {}", op.size, op.of.value(),
                         op.is_early ? "handed over early" : "full");
    case Kind::kShrink:
    case Kind::kBarrier:
    case Kind::kBarrierEnd:
    case Kind::kCheck:
      break;  // Of no CPU.
  }
  return "";
}

}  // namespace

std::string DescribeOp(const ReferenceRun& run, const ReferenceOp& op) {
  if (op.kind == Kind::kShrink) return "the cache is shrunk";
  if (op.kind == Kind::kBarrier) return "a barrier begins";
  if (op.kind == Kind::kBarrierEnd) return "the barrier ends";
  if (op.kind == Kind::kCheck) return "the state is looked at";
  std::string text = fmt::format("CPU {} {}", op.cpu.value(), Verb(op));
  const absl::Span<const uint32_t> objects = run.ObjectsOf(op);
  if (objects.size() == 1) {
    text += fmt::format(" object {}", objects.front());
  } else if (!objects.empty()) {
    text += fmt::format(" {} objects, {} to {}", objects.size(), objects.front(), objects.back());
  }
  if (op.kind == Kind::kAllocNode) text += fmt::format(" on node {}", op.want.value());
  for (const ReferencePlace& place : run.PlacesOf(op).first(op.place_count == 1 ? 1 : 0)) {
    text += fmt::format(" in slab {} at {}", place.label, place.offset);
  }
  return text;
}

std::string DescribeBefore(const ReferenceRun& run, const ReferenceOp& op) {
  constexpr ptrdiff_t kOps = 6;
  std::string text = "  the operations before:\n";
  const ptrdiff_t end = &op - run.ops.data();
  for (ptrdiff_t i = std::max<ptrdiff_t>(0, end - kOps); i < end; ++i) {
    const ReferenceOp& before = run.ops[static_cast<size_t>(i)];
    text += fmt::format("    line {}: {}\n", before.line, DescribeOp(run, before));
  }
  return text;
}

}  // namespace slablab
