// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/cache/line_watch.h"

#include <algorithm>

namespace slablab {

namespace {

using Uses = std::array<LineWatch::Use, LineWatch::kUses>;

// Misra and Gries: those that are more than a fifth of all are sure to stay.
[[gnu::noinline]] void NoteNewUse(const LineWatch::Purpose& purpose, Cycles cycles, Uses& uses) {
  LineWatch::Use* least = uses.data();
  for (LineWatch::Use& use : uses) {
    if (use.bounces < least->bounces) least = &use;
  }
  if (least->bounces > 1) {
    // Its cycles go with its count.
    least->cycles -= least->cycles / least->bounces;
    --least->bounces;
    return;
  }
  *least = {.purpose = purpose, .bounces = 1, .cycles = cycles};
}

// A place that has none yet is in line behind those that have, and as good as one of a purpose of
// zeroes.
inline void NoteUse(const LineWatch::Purpose& purpose, Cycles cycles, Uses& uses) {
  for (LineWatch::Use& use : uses) {
    if (use.purpose == purpose) {
      ++use.bounces;
      use.cycles += cycles;
      return;
    }
  }
  NoteNewUse(purpose, cycles, uses);
}

}  // namespace

void LineWatch::Note(const Bounce& bounce) {
  uint32_t& index = index_of_[bounce.handle];
  if (index == 0) {
    if (used_ == lines_.size()) {
      ++other_bounces_;
      other_cycles_ += bounce.cycles;
      return;
    }
    index = static_cast<uint32_t>(++used_);
    lines_[index - 1].line = bounce.address.line();
    lines_[index - 1].cpu_last = -1;
  }
  Line& line = lines_[index - 1];
  const auto offset = static_cast<uint8_t>(bounce.address.value() % kLineSize);
  ++line.bounces;
  line.cycles += bounce.cycles;
  line.cpus |= uint64_t{1} << bounce.cpu.index() % 64;
  line.nodes |= uint64_t{1} << bounce.node.index() % 64;
  line.transfers += bounce.outcome != Outcome::kUpgradeRemote;
  line.remote += bounce.outcome == Outcome::kUpgradeRemote ||
                 bounce.outcome == Outcome::kTransferNode ||
                 bounce.outcome == Outcome::kTransferRemote;
  line.writes += bounce.is_write;
  const auto cpu = static_cast<int16_t>(bounce.cpu.value());
  line.false_bounces += line.cpu_last >= 0 && line.cpu_last != cpu &&
                        line.offset_last / 8 != offset / 8;
  line.cpu_last = cpu;
  line.offset_last = offset;
  NoteUse({.caller = bounce.caller,
           .structure = bounce.structure,
           .is_write = bounce.is_write,
           .offset = offset},
          bounce.cycles, line.uses);
}

}  // namespace slablab
