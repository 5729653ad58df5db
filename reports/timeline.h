// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_TIMELINE_H_
#define SLABLAB_REPORTS_TIMELINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/types.h"

namespace slablab {

// What happened when, on which CPU, as a trace for Perfetto's viewer (reports/perfetto.proto).
// Call order: any number of Add..., in any order, set_start, then Write once.
class Timeline {
 public:
  enum class Category : uint8_t { kAllocation, kFree, kLockWait, kInterrupt, kHotplug };

  struct Options {
    std::string name;  // of the run
    uint64_t clock_mhz = 1000;
    std::vector<std::string> tracks;  // the CPUs' names, by number
  };
  explicit Timeline(Options options);

  // [from, to) of the machine's clock. REQUIRES: what begins within another slice of its CPU ends
  // within it; `from` <= `to`.
  struct Span {
    int32_t cpu = 0;
    Cycles from = 0;
    Cycles to = 0;
  };
  void AddSlice(Category category, const std::string& name, const Span& span);
  void AddInstant(Category category, const std::string& name, int32_t cpu, Cycles at);
  // A value of a counter of bytes from `time_ns` on, ascending for each name.
  void AddBytes(const std::string& counter, uint64_t time_ns, uint64_t bytes);

  // What is to be known of the whole: an instant at the beginning of a track above all others.
  void AddNote(const std::string& text) { notes_.push_back(NameIndex(text)); }

  // The machine's clock at time 0; what began before is left out.
  void set_start(Cycles start) { start_ = start; }

  size_t slices() const { return slice_count_; }

  // Hands the file to `sink` piece by piece; its first error ends that and is the answer.
  absl::Status Write(const std::function<absl::Status(const std::string&)>& sink);

 private:
  struct Slice {
    Cycles from = 0;
    Cycles to = 0;
    uint32_t name = 0;
    Category category = Category::kAllocation;
    bool instant = false;
  };
  struct Sample {
    uint64_t time_ns = 0;
    uint64_t bytes = 0;
  };
  class Output;

  uint32_t NameIndex(const std::string& name);
  uint64_t Nanoseconds(Cycles at) const;
  void Add(int32_t cpu, Slice slice);
  void WriteCpu(size_t cpu, Output& output);
  void WriteNotes(Output& output);
  void WriteCounters(Output& output);

  const Options options_;
  Cycles start_ = 0;
  std::map<std::string, uint32_t> name_indices_;
  std::vector<std::string> names_;
  std::vector<std::vector<Slice>> slices_;  // by CPU
  std::map<std::string, std::vector<Sample>> counters_;
  std::vector<uint32_t> notes_;
  size_t slice_count_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_REPORTS_TIMELINE_H_
