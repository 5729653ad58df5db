// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/slt/address_predictor.h"

#include <optional>

#include "absl/container/flat_hash_map.h"

namespace slablab::slt {
namespace {

enum class Domain : uint8_t { kCache, kSize, kPages, kPercpu };

struct ClassKey {
  Domain domain;
  uint32_t number;

  friend bool operator==(const ClassKey&, const ClassKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ClassKey& key) {
    return H::combine(std::move(h), key.domain, key.number);
  }
};

std::optional<ClassKey> KeyOf(const Event& shape) {
  switch (shape.kind) {
    case EventKind::kKmalloc:
      return ClassKey{Domain::kSize, shape.bytes_alloc};
    case EventKind::kCacheAlloc:
      if (shape.cache == 0) return ClassKey{Domain::kSize, shape.bytes_alloc};
      return ClassKey{Domain::kCache, shape.cache};
    case EventKind::kCacheFree:
      return ClassKey{Domain::kCache, shape.cache};
    case EventKind::kPageAlloc:
    case EventKind::kPageFree:
      return ClassKey{Domain::kPages, shape.bytes_alloc};
    case EventKind::kPercpuAlloc:
      return ClassKey{Domain::kPercpu, shape.bytes_req};
    default:
      return std::nullopt;
  }
}

}  // namespace

size_t AssignAddressClasses(const std::vector<Event>& shapes, std::vector<AddressClass>* classes) {
  classes->assign(shapes.size(), kNoClass);
  absl::flat_hash_map<ClassKey, AddressClass> numbers;  // only looked up
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (!Allocates(shapes[i].kind)) continue;
    // The last number there is serves all further classes.
    const size_t next = std::min<size_t>(numbers.size(), kNoClass - 1);
    (*classes)[i] =
        numbers.try_emplace(*KeyOf(shapes[i]), static_cast<AddressClass>(next)).first->second;
  }
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (!Frees(shapes[i].kind)) continue;
    const std::optional<ClassKey> key = KeyOf(shapes[i]);
    if (!key.has_value()) continue;
    if (const auto found = numbers.find(*key); found != numbers.end()) {
      (*classes)[i] = found->second;
    }
  }
  return std::clamp<size_t>(numbers.size(), 1, kNoClass);
}

}  // namespace slablab::slt
