// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_READERS_TEXT_HEAD_H_
#define SLABLAB_TRACES_IMPORT_READERS_TEXT_HEAD_H_

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "traces/raw_event.h"

namespace slablab::internal {

// The comments of a recording's text ('#'): of which machine it is, and what the ring overwrote.
//
//   # entries-in-buffer/entries-written: 2983246/2983300   #P:2      tracefs
//   # latency: 0 us, #2983246/2983300, CPU#0 | (... #P:2)            with latency-format
//   # nop latency trace v1.1.5 on 6.18.0                             likewise
//   # os release : 6.18.5                                            perf script --header
//   # nrcpus online : 4                                              likewise
//   # lost-covered: 3                                                trace dump: RecordingInfo's
class TextHead {
 public:
  // Answers how many events were overwritten before the first that is left.
  uint64_t Take(std::string_view line, RecordingInfo* info);

 private:
  uint64_t TakeEntries(std::string_view line, RecordingInfo* info);

  // The head of each per_cpu/cpu*/trace has the numbers of all CPUs: the same again is no more.
  std::vector<std::pair<uint64_t, uint64_t>> heads_;  // kept, written
};

}  // namespace slablab::internal

#endif  // SLABLAB_TRACES_IMPORT_READERS_TEXT_HEAD_H_
