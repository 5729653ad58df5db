// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/replay/replay.h"

// What a replay does for an observer only.

namespace slablab {

uint32_t Replay::TakeNote(const Event& event) {
  if (notes_free_.empty()) {
    notes_free_.push_back(static_cast<uint32_t>(notes_.size()));
    notes_.emplace_back();
  }
  const uint32_t note = notes_free_.back();
  notes_free_.pop_back();
  notes_[note] = {
      .event = order_.events() - 1, .task = event.pid, .priority = PriorityOf(event.context)};
  return note;
}

Executor::Doer Replay::TakeBackNote(uint32_t note) {
  notes_free_.push_back(note);
  return {
      .event = notes_[note].event, .task = notes_[note].task, .priority = notes_[note].priority};
}

}  // namespace slablab
