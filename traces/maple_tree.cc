// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/maple_tree.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace slablab {
namespace {

std::string_view FunctionOf(std::string_view call_site) {
  return call_site.substr(0, call_site.find_first_of("+."));
}

bool IsOfMapleTree(std::string_view function) {
  constexpr std::array<std::string_view, 5> kPrefixes = {"mas_", "mast_", "mt_", "mtree_",
                                                         "dst_setup"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(), [function](std::string_view prefix) {
    return function.starts_with(prefix);
  });
}

// Functions that mas_pop_node() is merged into, and that allocate nodes in no other way.
bool OnlyPops(std::string_view function) {
  return function.starts_with("mas_wr_") || function.starts_with("mast_") ||
         function == "dst_setup" || function == "mas_pop_node";
}

}  // namespace

MapleStep MapleStepOf(std::string_view call_site, std::string_view gfp) {
  const std::string_view function = FunctionOf(call_site);
  if (!IsOfMapleTree(function)) return MapleStep::kNone;
  const bool may_pop = gfp.starts_with("GFP_NOWAIT");
  if (function.starts_with("mas_dup_")) {
    return may_pop ? MapleStep::kCopyChild : MapleStep::kCopyRoot;
  }
  return may_pop && OnlyPops(function) ? MapleStep::kPop : MapleStep::kReplace;
}

bool EndsMapleTree(std::string_view call_site) {
  const std::string_view function = FunctionOf(call_site);
  return function == "__mt_destroy" || function == "mtree_destroy" || function == "mt_free_walk" ||
         function == "mt_destroy_walk" || function == "mte_destroy_walk";
}

void MapleTrees::SawAllocation(TraceObject node, const Moment& moment, MapleStep step) {
  steps_.push_back({.node = node, .moment = moment, .step = step});
}

void MapleTrees::SawFree(TraceObject node, const Moment& moment, bool ends_tree) {
  freed_[node] = ends_tree;
  steps_.push_back({.node = node, .moment = moment, .ends_tree = ends_tree});
}

const MapleTrees::Free* MapleTrees::Find(TraceObject node) const {
  const auto found = frees_.find(node);
  return found == frees_.end() ? nullptr : &found->second;
}

Nanos MapleTrees::ShownAt(TraceObject node) const {
  const auto found = shown_.find(node);
  return found == shown_.end() ? std::numeric_limits<Nanos>::max() : found->second;
}

void MapleTrees::Join(TraceObject node, TraceObject tree) {
  tree_of_[node] = tree;
  members_[tree].insert(node);
}

void MapleTrees::Conclude() {
  for (const Step& step : steps_) {
    if (step.step != MapleStep::kNone) {
      Allocate(step);
    } else if (step.ends_tree) {
      EndTree(step);
    }
  }
  steps_.clear();
  shown_.clear();
  freed_.clear();
  writers_.clear();
  tree_of_.clear();
  members_.clear();
}

void MapleTrees::Allocate(const Step& step) {
  // Allocated ahead, and given back unused: it replaced nothing.
  const auto freed = freed_.find(step.node);
  if (freed != freed_.end() && !freed->second) return;
  Writer& writer = writers_[step.moment.pid];
  switch (step.step) {
    case MapleStep::kCopyRoot:
      // The copy is another task's, which is not known yet.
      Join(step.node, step.node);
      writer.tree = step.node;
      break;
    case MapleStep::kCopyChild:
      Join(step.node, writer.tree == kNoTraceObject ? step.node : writer.tree);
      break;
    default: {
      // Of several that come together the first ends what all of them replace, once all are there.
      const bool goes_on = step.step == MapleStep::kPop && writer.last == MapleStep::kPop;
      if (!goes_on) Replace(writer, step);
      if (writer.replaced != kNoTraceObject) {
        Moment moment = step.moment;
        ++moment.time;  // after the allocation
        frees_[writer.replaced] = {.moment = moment, .by_rcu = true};
      }
      Join(step.node, writer.tree);
      writer.nodes.push_back(step.node);
      break;
    }
  }
  writer.last = step.step;
}

void MapleTrees::Replace(Writer& writer, const Step& step) {
  writer.replaced = TakeReplaced(writer, step.moment.time);
  writer.tree = step.node;
  if (writer.replaced == kNoTraceObject) return;
  writer.tree = tree_of_[writer.replaced];
  members_[writer.tree].erase(writer.replaced);
  ++by_rcu_count_;
}

// Of what the task has written, and what neither goes with its tree nor has gone by now: which of
// them it is, is not known; that whose address was used again first has gone first.
TraceObject MapleTrees::TakeReplaced(Writer& writer, Nanos now) {
  auto& nodes = writer.nodes;
  std::erase_if(nodes, [&](TraceObject node) {
    return ShownAt(node) <= now || !members_[tree_of_[node]].contains(node);
  });
  auto first = nodes.end();
  for (auto it = nodes.begin(); it != nodes.end(); ++it) {
    if (freed_.contains(*it)) continue;
    // The latest of those that nothing tells apart: it is the likelier to be written again.
    if (first == nodes.end() || ShownAt(*it) <= ShownAt(*first)) first = it;
  }
  if (first == nodes.end()) return kNoTraceObject;
  const TraceObject replaced = *first;
  nodes.erase(first);
  return replaced;
}

void MapleTrees::EndTree(const Step& step) {
  writers_[step.moment.pid].last = MapleStep::kNone;
  const auto of = tree_of_.find(step.node);
  if (of == tree_of_.end()) return;
  for (const TraceObject node : members_[of->second]) {
    if (freed_.contains(node) || ShownAt(node) <= step.moment.time) continue;
    frees_[node] = {.moment = step.moment, .by_rcu = false};
  }
  members_.erase(of->second);
}

}  // namespace slablab
