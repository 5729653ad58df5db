// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/replay/replay.h"

// What a replay does for an observer only.

namespace slablab {

uint32_t Replay::TakeNote(const Event& event, Priority priority) {
  if (notes_free_.empty()) {
    notes_free_.push_back(static_cast<uint32_t>(notes_.size()));
    notes_.emplace_back();
  }
  const uint32_t note = notes_free_.back();
  notes_free_.pop_back();
  notes_[note] = {.event = result_.events - 1,
                  .task = event.pid,
                  .priority = priority,
                  .call_site = event.call_site};
  return note;
}

// `end` lacks what the note and the CPU know.
void Replay::Observe(Cpu& cpu, const Operation& operation, const OperationEnd& end) {
  const Note& note = notes_[operation.note];
  OperationEnd whole = end;
  whole.event = note.event;
  whole.task = note.task;
  whole.cpu = cpu.id();
  whole.priority = note.priority;
  whole.call_site = note.call_site;
  whole.start = note.start;
  whole.end = cpu.now();
  observer_->OnOperation(whole);
  notes_free_.push_back(operation.note);
}

}  // namespace slablab
