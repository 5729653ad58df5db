// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_TRACES_RECORDING_TEXT_H_
#define SLABLAB_TESTS_TRACES_RECORDING_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "traces/import/import_trace.h"
#include "traces/slt/trace.h"

// Recordings in, traces out, for tests of the importers.

namespace slablab {

struct Imported {
  absl::Status status;
  TraceHeader header;
  std::vector<Event> events;
  ImportSummary summary;

  // How often the repair of that name was made.
  uint64_t Repaired(std::string_view name) const;
  // One line an event: "1000 alloc #2 filp 184/192", frees "+12 free #2 filp", with marks
  // "inferred", "predates", and for percpu and pages what matters of them.
  std::vector<std::string> Lines() const;
  bool HasAssumption(std::string_view part) const;
};

// A file of tests/traces/data.
std::string DataPath(const std::string& name);
// Writes a file for the running test and answers its path.
std::string WriteTestFile(const std::string& name, std::string_view contents);
// A new, empty folder for the running test.
std::string MakeTestFolder(const std::string& name);

Imported ImportPath(const std::string& path, const ImportOptions& options = {});
// Of lines as trace-cmd report prints them, but only what differs from line to line:
//   "CPU EVENT FIELDS"     "0 kfree: call_site=f+0x1 ptr=0x10"
// at times 1, 2, 3 … µs, by sh-7.
Imported ImportLines(const std::vector<std::string>& lines, const ImportOptions& options = {},
                     const SidecarSet& sidecars = {});
std::string ReportOfLines(const std::vector<std::string>& lines);

}  // namespace slablab

#endif  // SLABLAB_TESTS_TRACES_RECORDING_TEXT_H_
