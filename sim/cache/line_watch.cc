// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/cache/line_watch.h"

namespace slablab {

// Misra and Gries: those that are more than a fifth of all are sure to stay.
void LineWatch::NoteNewUse(uint64_t packed, Cycles cycles, std::array<Use, kUses>& uses) {
  Use* least = uses.data();
  for (Use& use : uses) {
    if (use.bounces < least->bounces) least = &use;
  }
  if (least->bounces > 1) {
    // Its cycles go with its count.
    least->cycles -= least->cycles / least->bounces;
    --least->bounces;
    return;
  }
  *least = {.packed = packed, .cycles = cycles, .bounces = 1};
}

bool LineWatch::Add(uint32_t handle, PhysAddr address, Cycles cycles) {
  if (used_ + 1 == lines_.size()) {
    ++other_bounces_;
    other_cycles_ += cycles;
    return false;
  }
  const auto index = static_cast<uint32_t>(++used_);
  index_of_[handle] = index;
  Line& line = lines_[index];
  line.line = address.line();
  line.cpu_last = -1;
  // Nobody was there before, at other bytes.
  line.offset_last = static_cast<uint8_t>(address.value() % kLineSize);
  return true;
}

}  // namespace slablab
