// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CACHE_LINE_WATCH_H_
#define SLABLAB_SIM_CACHE_LINE_WATCH_H_

#include <array>
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
  // What a line was taken for.
  struct Purpose {
    uint32_t caller = 0;
    Structure structure = Structure::kObject;
    bool is_write = false;
    uint8_t offset = 0;  // in the line
  };
  struct Use {
    uint64_t packed = 0;  // the purpose, to be compared at once
    Cycles cycles = 0;
    uint32_t bounces = 0;

    Purpose purpose() const {
      return {.caller = static_cast<uint32_t>(packed),
              .structure = static_cast<Structure>(packed >> 32 & 0xff),
              .is_write = (packed >> 40 & 1) != 0,
              .offset = static_cast<uint8_t>(packed >> 48)};
    }
  };
  static constexpr size_t kUses = 4;
  struct Line {
    uint64_t line = 0;  // PhysAddr::line()
    Cycles cycles = 0;
    uint64_t cpus = 0;  // a bit a CPU, of a machine of at most 64
    uint64_t nodes = 0;
    std::array<uint32_t, 4> bounces_by{};  // by outcome, from kFirst on
    uint32_t writes = 0;
    uint32_t false_bounces = 0;
    int16_t cpu_last = -1;
    uint8_t offset_last = 0;
    // Those that took it most, as far as so few can tell; in no order.
    std::array<Use, kUses> uses{};

    uint32_t Of(Outcome outcome) const {
      return bounces_by[static_cast<size_t>(outcome) - static_cast<size_t>(kFirst)];
    }
    uint32_t bounces() const { return Of(kFirst) + transfers(); }
    uint32_t transfers() const {
      return Of(Outcome::kTransferDomain) + Of(Outcome::kTransferNode) +
             Of(Outcome::kTransferRemote);
    }
    // Out of this domain.
    uint32_t remote() const { return bounces() - Of(Outcome::kTransferDomain); }
  };

  static constexpr Outcome kFirst = Outcome::kUpgradeRemote;
  static constexpr Outcome kLast = Outcome::kTransferRemote;
  static bool IsBounce(Outcome outcome) { return outcome >= kFirst && outcome <= kLast; }

  // Of a machine of so many lines (Memory::Look::handle() is below).
  explicit LineWatch(size_t lines) : index_of_(lines, LazyUse::kSparse), lines_(kLinesMost + 1) {}

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
  void Note(const Bounce& bounce) {
    if (Knows(bounce.handle) || Add(bounce.handle, bounce.address, bounce.cycles)) {
      NoteKnown(bounce);
    }
  }
  // The same in parts: of a line that has bounced before, and of one that has not. Add() answers
  // false if there are too many, and then counts the bounce.
  bool Knows(uint32_t handle) const { return index_of_[handle] != 0; }
  bool Add(uint32_t handle, PhysAddr address, Cycles cycles);
  void NoteKnown(const Bounce& bounce);

  size_t size() const { return used_; }
  const Line& operator[](size_t i) const { return lines_[i + 1]; }
  // Beyond so many lines, they are only counted.
  uint64_t other_bounces() const { return other_bounces_; }
  Cycles other_cycles() const { return other_cycles_; }

 private:
  static constexpr size_t kLinesMost = size_t{1} << 18;

  static uint64_t Packed(const Purpose& purpose) {
    return purpose.caller | static_cast<uint64_t>(purpose.structure) << 32 |
           uint64_t{purpose.is_write} << 40 | uint64_t{purpose.offset} << 48;
  }
  static void NoteNewUse(uint64_t packed, Cycles cycles, std::array<Use, kUses>& uses);

  LazyArray<uint32_t> index_of_;  // by handle, into lines_; 0: none
  LazyArray<Line> lines_;         // from 1 on
  size_t used_ = 0;
  uint64_t other_bounces_ = 0;
  Cycles other_cycles_ = 0;
};

// Inlined where it is called, once: a Bounce is not laid out in memory.
inline void LineWatch::NoteKnown(const Bounce& bounce) {
  Line& line = lines_[index_of_[bounce.handle]];
  const auto offset = static_cast<uint8_t>(bounce.address.value() % kLineSize);
  line.cycles += bounce.cycles;
  ++line.bounces_by[static_cast<size_t>(bounce.outcome) - static_cast<size_t>(kFirst)];
  line.writes += bounce.is_write;
  const auto cpu = static_cast<int16_t>(bounce.cpu.value());
  if (line.cpu_last != cpu) {
    line.cpus |= uint64_t{1} << bounce.cpu.index() % 64;
    line.nodes |= uint64_t{1} << bounce.node.index() % 64;
    line.false_bounces += (line.offset_last ^ offset) / 8 != 0;
    line.cpu_last = cpu;
  }
  line.offset_last = offset;
  const uint64_t packed = Packed({.caller = bounce.caller,
                                  .structure = bounce.structure,
                                  .is_write = bounce.is_write,
                                  .offset = offset});
  // A place that has none yet is in line behind those that have, and as good as one of a purpose
  // of zeroes.
  for (Use& use : line.uses) {
    if (use.packed == packed) {
      ++use.bounces;
      use.cycles += bounce.cycles;
      return;
    }
  }
  NoteNewUse(packed, bounce.cycles, line.uses);
}

}  // namespace slablab

#endif  // SLABLAB_SIM_CACHE_LINE_WATCH_H_
