// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_TIMELINE_H_
#define SLABLAB_REPORTS_TIMELINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/types.h"

namespace slablab {

// What begins in one slice and ends in another, by a number from 1 that no other has.
struct TimelineFlow {
  uint64_t id = 0;  // 0: none
  bool ends = false;
};

// What happened when, on which CPU and in which task, as a trace for Perfetto's viewer
// (reports/perfetto.proto). Call order: any number of Add..., in any order, set_start, then Write
// once.
class Timeline {
 public:
  enum class Category : uint8_t { kAllocation, kFree, kLockWait, kInterrupt, kHotplug, kTask };

  struct Options {
    std::string name;  // of the run
    uint64_t clock_mhz = 1000;
    std::vector<std::string> tracks;  // the CPUs' names, by number
  };
  explicit Timeline(Options options);

  // Names that many slices have are said once.
  enum class Text : uint32_t {};
  Text Intern(std::string_view text);

  // What a slice says of itself beside its name. kCycles are listed together, as a sum by cause.
  struct Argument {
    enum class Kind : uint8_t { kNumber, kAddress, kText, kCycles };
    Kind kind = Kind::kNumber;
    Text name{};
    uint64_t value = 0;  // of kText a Text
  };
  using Flow = TimelineFlow;

  // [from, to) of the machine's clock. REQUIRES: what begins within another slice of its CPU ends
  // within it; `from` <= `to`.
  struct Span {
    int32_t cpu = 0;
    Cycles from = 0;
    Cycles to = 0;
  };
  void AddSlice(Category category, Text name, const Span& span,
                absl::Span<const Argument> arguments = {}, Flow flow = {});
  void AddInstant(Category category, Text name, int32_t cpu, Cycles at);
  // A task's part of the timeline: what it did, on whatever CPU. Slices may overlap, where CPUs'
  // clocks differ. `name` is of its first slice.
  void AddTaskSlice(int64_t task, std::string_view name, Text slice, const Span& span);

  // A value of a counter from `time_ns` on, ascending for each name.
  struct Sample {
    uint64_t time_ns = 0;
    uint64_t value = 0;
  };
  void AddSample(const std::string& counter, std::string_view unit, Sample sample);

  // What is to be known of the whole: an instant at the beginning of a track above all others.
  void AddNote(const std::string& text) { notes_.push_back(Intern(text)); }

  // The machine's clock at time 0; what began before is left out.
  void set_start(Cycles start) { start_ = start; }

  size_t slices() const { return slice_count_; }

  // Hands the file to `sink` piece by piece; its first error ends that and is the answer.
  absl::Status Write(const std::function<absl::Status(const std::string&)>& sink);

 private:
  struct Slice {
    Cycles from = 0;
    Cycles to = 0;
    Text name{};
    Category category = Category::kAllocation;
    bool instant = false;
    Flow flow = {};
    uint64_t first_argument = 0;  // into arguments_
    uint32_t arguments = 0;
    int32_t cpu = -1;  // of a task's slice
  };
  struct Counter {
    std::string unit;
    std::vector<Sample> samples;
  };
  struct TaskTrack {
    std::string name;
    std::vector<Slice> slices;
  };
  class Output;

  uint64_t Nanoseconds(Cycles at) const;
  void Add(int32_t cpu, Slice slice);
  void WriteSlices(uint64_t track, absl::Span<const Slice> slices, Output& output);
  void WriteCpu(size_t cpu, Output& output);
  void WriteTasks(Output& output);
  void WriteNotes(Output& output);
  void WriteCounters(Output& output);

  const Options options_;
  Cycles start_ = 0;
  std::map<std::string, Text, std::less<>> text_indices_;
  std::vector<std::string> texts_;
  std::vector<std::vector<Slice>> slices_;  // by CPU
  std::map<int64_t, TaskTrack> tasks_;
  std::vector<Argument> arguments_;
  std::map<std::string, Counter> counters_;
  std::vector<Text> notes_;
  Text cpu_text_{};
  Text cycles_text_{};
  size_t slice_count_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_REPORTS_TIMELINE_H_
