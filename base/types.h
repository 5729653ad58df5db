// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_TYPES_H_
#define SLABLAB_BASE_TYPES_H_

#include <compare>
#include <cstddef>
#include <cstdint>

// Identifiers and time: the vocabulary that every room shares.

namespace slablab {

// An integer with a name of its own, so that a CPU is not a node. `Tag` is never instantiated.
template <typename Tag, typename Rep>
class Id {
 public:
  using Representation = Rep;
  constexpr Id() = default;
  constexpr explicit Id(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  constexpr size_t index() const { return static_cast<size_t>(value_); }
  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  Rep value_ = 0;
};

// A logical CPU (hardware thread), 0 .. machine.cpu_count()-1, as the kernel numbers them.
using CpuId = Id<struct CpuIdTag, int32_t>;
// A NUMA node, 0 .. machine.node_count()-1. kAnyNode is the kernel's NUMA_NO_NODE.
using NodeId = Id<struct NodeIdTag, int32_t>;
inline constexpr NodeId kAnyNode{-1};
// A physical core: the CPUs that share L1 and L2.
using CoreId = Id<struct CoreIdTag, int32_t>;
// A last-level-cache domain: the cores that share an LLC.
using DomainId = Id<struct DomainIdTag, int32_t>;

// Simulated time and durations, in cycles of the machine's one clock. Always integers.
using Cycles = uint64_t;
// Trace time, in nanoseconds.
using Nanos = uint64_t;

inline constexpr int kMaxCpus = 4096;
inline constexpr int kMaxNodes = 64;

// 4 KiB pages and 64 B lines, as on x86-64 (arch/x86/include/asm/page_types.h, cache.h).
inline constexpr int kPageShift = 12;
inline constexpr uint64_t kPageSize = uint64_t{1} << kPageShift;
inline constexpr int kLineShift = 6;
inline constexpr uint64_t kLineSize = uint64_t{1} << kLineShift;
inline constexpr int kLinesPerPage = 1 << (kPageShift - kLineShift);

// A simulated physical address, in bytes. Zero is the null pointer: frame 0 is never handed out.
class PhysAddr {
 public:
  constexpr PhysAddr() = default;
  constexpr explicit PhysAddr(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  constexpr bool is_null() const { return value_ == 0; }
  constexpr uint64_t frame() const { return value_ >> kPageShift; }
  constexpr uint64_t line() const { return value_ >> kLineShift; }
  constexpr PhysAddr operator+(uint64_t bytes) const { return PhysAddr(value_ + bytes); }
  constexpr uint64_t operator-(PhysAddr base) const { return value_ - base.value_; }
  friend constexpr auto operator<=>(PhysAddr, PhysAddr) = default;
  static constexpr PhysAddr OfFrame(uint64_t frame) { return PhysAddr(frame << kPageShift); }

 private:
  uint64_t value_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_BASE_TYPES_H_
