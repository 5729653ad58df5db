// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CACHE_LINE_WATCH_H_
#define SLABLAB_SIM_CACHE_LINE_WATCH_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/types.h"
#include "sim/cache/lazy_array.h"
#include "sim/cache/ledger.h"

namespace slablab {

// Follows the lines that go from one core's cache to another's, or are taken away from others to be
// written, and for whom: what `perf c2c` calls HITMs. A touch that finds its line in its own core
// or in no core is none of its business.
class LineWatch {
 public:
  // What a line was taken for. Of 8 bytes, to be compared at once.
  struct Purpose {
    uint32_t caller = 0;
    Structure structure = Structure::kObject;
    bool is_write = false;
    uint8_t offset = 0;  // in the line
    uint8_t none = 0;

    bool operator==(const Purpose& other) const {
      return std::bit_cast<uint64_t>(*this) == std::bit_cast<uint64_t>(other);
    }
  };
  struct Use {
    Purpose purpose;
    uint32_t bounces = 0;
    Cycles cycles = 0;
  };
  static constexpr size_t kUses = 4;
  struct Line {
    uint64_t line = 0;  // PhysAddr::line()
    Cycles cycles = 0;
    uint64_t cpus = 0;  // a bit a CPU, of a machine of at most 64
    uint64_t nodes = 0;
    uint32_t bounces = 0;
    uint32_t transfers = 0;
    uint32_t remote = 0;
    uint32_t writes = 0;
    uint32_t false_bounces = 0;
    int16_t cpu_last = -1;
    uint8_t offset_last = 0;
    // Those that took it most, as far as so few can tell; in no order.
    std::array<Use, kUses> uses{};
  };

  static bool IsBounce(Outcome outcome) {
    return outcome >= Outcome::kUpgradeRemote && outcome <= Outcome::kTransferRemote;
  }

  // Of a machine of so many lines (Memory::Look::handle() is below).
  explicit LineWatch(size_t lines) : index_of_(lines, LazyUse::kSparse), lines_(kLinesMost) {}

  struct Bounce {
    uint32_t handle = 0;  // the line's
    PhysAddr address;
    Structure structure = Structure::kObject;
    bool is_write = false;
    Outcome outcome = Outcome::kTransferDomain;
    Cycles cycles = 0;
    CpuId cpu{};
    NodeId node{};  // the CPU's
    uint32_t caller = 0;
  };
  void Note(const Bounce& bounce);

  size_t size() const { return used_; }
  const Line& operator[](size_t i) const { return lines_[i]; }
  // Beyond so many lines, they are only counted.
  uint64_t other_bounces() const { return other_bounces_; }
  Cycles other_cycles() const { return other_cycles_; }

 private:
  static constexpr size_t kLinesMost = size_t{1} << 18;

  LazyArray<uint32_t> index_of_;  // by handle, 1 + into lines_; 0: none
  LazyArray<Line> lines_;
  size_t used_ = 0;
  uint64_t other_bounces_ = 0;
  Cycles other_cycles_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CACHE_LINE_WATCH_H_
