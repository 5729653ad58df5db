// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_FUZZ_IMPORT_FUZZ_H_
#define SLABLAB_TESTS_FUZZ_IMPORT_FUZZ_H_

#include <string_view>
#include <vector>

#include "base/check.h"
#include "traces/import/readers/read_recording.h"
#include "traces/import/repair/repair.h"
#include "traces/slt/trace.h"

// What the fuzz targets of the importers share: a recording goes through an importer and the
// repairs, and whatever comes out must be a trace that a TraceWriter takes and that can be
// replayed.

namespace slablab {

class ReplayChecker : public EventSink {
 public:
  explicit ReplayChecker(const TraceHeader& header) : header_(header) {}

  absl::Status Append(const Event& event) override {
    CHECK_GE(event.time, time_);
    time_ = event.time;
    CHECK_LT(event.cpu, kMaxCpus);
    CHECK_LT(event.call_site, header_.call_sites.size());
    CHECK_LT(event.gfp, header_.gfp_flags.size());
    CHECK(event.kind > EventKind::kCacheFree || event.cache < header_.caches.size());
    CHECK_LE(event.object, lives_.size());
    if (event.object == lives_.size()) lives_.push_back(Life::kUnseen);
    if (event.object == kNoTraceObject) return absl::OkStatus();
    Life& life = lives_[event.object];
    const bool is_allocation =
        event.kind == EventKind::kKmalloc || event.kind == EventKind::kCacheAlloc ||
        event.kind == EventKind::kPageAlloc || event.kind == EventKind::kPercpuAlloc;
    CHECK(life == (is_allocation || event.predates_trace ? Life::kUnseen : Life::kLive));
    life = is_allocation ? Life::kLive : Life::kFreed;
    return absl::OkStatus();
  }

 private:
  enum class Life { kUnseen, kLive, kFreed };
  const TraceHeader& header_;
  Nanos time_ = 0;
  std::vector<Life> lives_ = std::vector<Life>(1);
};

// `read(sink)` reads the whole recording. Answers whether it could be read, twice.
template <typename Read>
bool FuzzImporter(const Read& read) {
  Repairer repairer({});
  if (!read(repairer).ok()) return false;
  repairer.Conclude();
  TraceHeader header;
  repairer.DescribeTables(header);
  ReplayChecker checker(header);
  repairer.WriteTo(&checker);
  const bool is_same = read(repairer).ok();
  repairer.Describe(header);
  return is_same;
}

inline void FuzzTextImporter(std::string_view text, RecordingFormat format) {
  for (const bool lenient : {false, true}) {
    bool could_be_read = false;
    const bool could_be_read_again = FuzzImporter([&](RawEventSink& sink) {
      auto info = internal::ReadTextFrom(text, "fuzz", format, lenient, sink);
      could_be_read |= info.ok();
      return info;
    });
    CHECK_EQ(could_be_read_again, could_be_read);
  }
  // Detection must cope with the same; what it answers is as good as its guess.
  for (const bool lenient : {false, true}) {
    (void)internal::DetectFormatOf(text, "fuzz", lenient);
  }
}

}  // namespace slablab

#endif  // SLABLAB_TESTS_FUZZ_IMPORT_FUZZ_H_
