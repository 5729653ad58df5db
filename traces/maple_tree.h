// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_MAPLE_TREE_H_
#define SLABLAB_TRACES_MAPLE_TREE_H_

#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/types.h"
#include "traces/event.h"

// The greatest user of kvfree_rcu, sheaves that are prefilled and bulk frees, none of which has an
// event of its own: the maple tree (lib/maple_tree.c, Linux 6.18 to 7.3), which holds a process's
// mappings. What it does follows from its allocations, though. A node is never changed where
// readers may be: a store writes a new one, and the old one goes by kvfree_rcu at once. So each
// node that is allocated ends another of the same tree. A store that splits nodes takes several,
// from a sheaf that was filled for it and is given back after it; so does the copy of a tree at
// fork, which ends none. A tree that ends has its nodes freed in bulk, and its root by kfree.

namespace slablab {

inline constexpr std::string_view kMapleCache = "maple_node";

// What an allocation is for, as the function in which it was made says ("mas_preallocate+0x3c3").
// Compilers merge small functions into their callers, so that the same allocation can be seen in
// several; what is taken from a prefilled sheaf asks for it without waiting (mas_pop_node).
enum class MapleStep : uint8_t {
  kNone,       // not of the maple tree
  kReplace,    // of one node, in the place of another
  kPop,        // from a prefilled sheaf, for a store that replaces a node by several
  kCopyRoot,   // of a tree's copy, the root
  kCopyChild,  // likewise, another, from a prefilled sheaf
};
MapleStep MapleStepOf(std::string_view call_site, std::string_view gfp);
// Whether the function frees a root with its tree.
bool EndsMapleTree(std::string_view call_site);

// Who did something, and when.
struct Moment {
  Nanos time = 0;
  int32_t pid = 0;
  uint16_t cpu = 0;
};

// Learns the nodes of a recording in its order; then says when and how those were freed that no
// event shows the free of.
class MapleTrees {
 public:
  struct Free {
    Moment moment;
    bool by_rcu = false;  // else in bulk, with the tree
  };

  // REQUIRES: step is not kNone.
  void SawAllocation(TraceObject node, const Moment& moment, MapleStep step);
  // An event shows by then that the node had gone.
  void SawGone(TraceObject node, Nanos shown) { shown_[node] = shown; }
  // Its kfree.
  void SawFree(TraceObject node, const Moment& moment, bool ends_tree);
  // Ends learning.
  void Conclude();

  // Null: not known to have gone so. REQUIRES: Conclude was called.
  const Free* Find(TraceObject node) const;
  // How many Conclude found, by kvfree_rcu alone.
  int64_t by_rcu_count() const { return by_rcu_count_; }

 private:
  struct Step {
    TraceObject node = kNoTraceObject;
    Moment moment;
    MapleStep step = MapleStep::kNone;  // kNone: it is freed
    bool ends_tree = false;
  };
  // What a task does to trees: the last step's kind, its tree and what it replaced there, and the
  // nodes that the task has written and may write anew.
  struct Writer {
    MapleStep last = MapleStep::kNone;
    TraceObject tree = kNoTraceObject;
    TraceObject replaced = kNoTraceObject;
    std::vector<TraceObject> nodes;
  };

  void Allocate(const Step& step);
  void EndTree(const Step& step);
  void Replace(Writer& writer, const Step& step);
  TraceObject TakeReplaced(Writer& writer, Nanos now);
  void Join(TraceObject node, TraceObject tree);
  Nanos ShownAt(TraceObject node) const;

  std::vector<Step> steps_;
  absl::flat_hash_map<TraceObject, Nanos> shown_;
  absl::flat_hash_map<TraceObject, bool> freed_;  // by kfree; with its tree

  // While concluding. Trees are named for a node.
  absl::flat_hash_map<int32_t, Writer> writers_;
  absl::flat_hash_map<TraceObject, TraceObject> tree_of_;
  absl::flat_hash_map<TraceObject, std::set<TraceObject>> members_;

  absl::flat_hash_map<TraceObject, Free> frees_;
  int64_t by_rcu_count_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_MAPLE_TREE_H_
