// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_CACHE_LAYERS_H_
#define SLABLAB_ALLOCATORS_CACHE_LAYERS_H_

#include <cstdint>
#include <string_view>

#include "absl/container/inlined_vector.h"

namespace slablab {

// What caching costs: one of the layers in which a cache keeps free objects at hand, in front of
// the slabs on its nodes' lists. A layer consists of holders, "slabs" of CPUs, "sheaves", "arrays"
// or "queues".
struct CacheLayer {
  struct OfNode {
    uint64_t holders = 0;
    uint64_t objects = 0;
  };
  struct Holder {
    int node = 0;          // where it is used: of its CPU or barn, or of the slab
    uint64_t objects = 0;  // free ones in it
    uint64_t room = 0;     // for so many
    uint64_t bytes = 0;    // of its own memory; 0: it has none besides the objects
  };

  std::string_view name;     // "main sheaves"
  std::string_view holders;  // "sheaves"
  uint64_t full = 0;         // holders, by what is in them
  uint64_t partial = 0;
  uint64_t empty = 0;
  uint64_t objects = 0;
  uint64_t object_bytes = 0;  // what these take of their slabs
  uint64_t own_bytes = 0;     // of the holders
  absl::InlinedVector<OfNode, 8> nodes = {};  // by node, as far as there are any

  // `slot_size`: from one object of the cache to the next.
  void Add(const Holder& holder, uint64_t slot_size) {
    uint64_t& count = holder.objects == 0 ? empty : holder.objects >= holder.room ? full : partial;
    ++count;
    objects += holder.objects;
    object_bytes += holder.objects * slot_size;
    own_bytes += holder.bytes;
    OfNode& node = At(static_cast<size_t>(holder.node));
    ++node.holders;
    node.objects += holder.objects;
  }
  uint64_t count() const { return full + partial + empty; }
  CacheLayer& operator+=(const CacheLayer& other) {
    full += other.full;
    partial += other.partial;
    empty += other.empty;
    objects += other.objects;
    object_bytes += other.object_bytes;
    own_bytes += other.own_bytes;
    for (size_t node = 0; node < other.nodes.size(); ++node) {
      OfNode& of = At(node);
      of.holders += other.nodes[node].holders;
      of.objects += other.nodes[node].objects;
    }
    return *this;
  }

 private:
  OfNode& At(size_t node) {
    if (nodes.size() <= node) nodes.resize(node + 1);
    return nodes[node];
  }
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_CACHE_LAYERS_H_
