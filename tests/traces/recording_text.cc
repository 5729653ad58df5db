// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/traces/recording_text.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

class KeepingSink : public EventSink {
 public:
  explicit KeepingSink(std::vector<Event>* events) : events_(events) {}
  absl::Status Append(const Event& event) override {
    events_->push_back(event);
    return absl::OkStatus();
  }

 private:
  std::vector<Event>* const events_;
};

std::string TestFolder() {
  const char* folder = std::getenv("TEST_TMPDIR");
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const fs::path path = fs::path(folder == nullptr ? "/tmp" : folder) /
                        fmt::format("{}.{}", test->test_suite_name(), test->name());
  fs::create_directories(path);
  return path.string();
}

std::string LineOf(const Event& event, const TraceHeader& header) {
  std::string line = fmt::format("{} cpu{} ", event.time, event.cpu);
  const std::string& cache =
      header.caches[event.kind < EventKind::kPageAlloc ? event.cache : 0].name;
  switch (event.kind) {
    case EventKind::kKmalloc:
    case EventKind::kCacheAlloc:
      line += fmt::format("alloc #{} {} {}/{}", event.object, cache.empty() ? "kmalloc" : cache,
                          event.bytes_req, event.bytes_alloc);
      break;
    case EventKind::kKfree:
      line += fmt::format("kfree #{}{}{}", event.object, cache.empty() ? "" : " ", cache);
      break;
    case EventKind::kCacheFree:
      line += fmt::format("free #{} {}", event.object, cache.empty() ? "?" : cache);
      break;
    case EventKind::kPageAlloc:
    case EventKind::kPageFree:
      line += fmt::format("{} #{} frame {:#x} order {}",
                          event.kind == EventKind::kPageAlloc ? "pages" : "free-pages",
                          event.object, event.address, event.bytes_alloc);
      break;
    case EventKind::kPercpuAlloc:
      line += fmt::format("percpu #{} chunk {} offset {} size {} align {}", event.object,
                          event.cache, event.address, event.bytes_req, event.bytes_alloc);
      break;
    case EventKind::kPercpuFree:
      line += fmt::format("free-percpu #{} chunk {} offset {}", event.object, event.cache,
                          event.address);
      break;
    case EventKind::kPercpuAllocFailed:
      line += fmt::format("percpu-failed size {} align {}", event.bytes_req, event.bytes_alloc);
      break;
    case EventKind::kPercpuChunkCreated:
    case EventKind::kPercpuChunkDestroyed:
      line += fmt::format("{} chunk {}", EventKindName(event.kind), event.cache);
      break;
    case EventKind::kLost:
      line += fmt::format("lost {}", event.bytes_req);
      break;
  }
  if (event.inferred) line += event.by_rcu ? " inferred by rcu" : " inferred";
  if (event.predates_trace) line += " predates";
  return line;
}

}  // namespace

uint64_t Imported::Repaired(std::string_view name) const {
  for (const TraceRepair& repair : header.repairs) {
    if (repair.name == name) return repair.count;
  }
  return 0;
}

std::vector<std::string> Imported::Lines() const {
  std::vector<std::string> lines;
  for (const Event& event : events) lines.push_back(LineOf(event, header));
  return lines;
}

bool Imported::HasAssumption(std::string_view part) const {
  for (const std::string& assumption : header.assumptions) {
    if (assumption.find(part) != std::string::npos) return true;
  }
  return false;
}

std::string DataPath(const std::string& name) { return "tests/traces/data/" + name; }

std::string WriteTestFile(const std::string& name, std::string_view contents) {
  const std::string path = TestFolder() + "/" + name;
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << contents;
  return path;
}

std::string MakeTestFolder(const std::string& name) {
  const std::string path = TestFolder() + "/" + name;
  fs::remove_all(path);
  fs::create_directories(path);
  return path;
}

Imported ImportPath(const std::string& path, const ImportOptions& options) {
  Imported imported;
  const absl::StatusOr<Recording> recording = FindRecording(path);
  imported.status = recording.status();
  if (!recording.ok()) return imported;
  KeepingSink sink(&imported.events);
  absl::StatusOr<ImportSummary> summary = ImportTrace(*recording, options, sink, imported.header);
  imported.status = summary.status();
  if (summary.ok()) imported.summary = *std::move(summary);
  return imported;
}

std::string ReportOfLines(const std::vector<std::string>& lines) {
  std::string text = "cpus=4\n";
  int microseconds = 0;
  for (const std::string& line : lines) {
    const size_t space = line.find(' ');
    text += fmt::format("  sh-7  [{:0>3}]  0.{:06}000: {}\n", line.substr(0, space), ++microseconds,
                        line.substr(space + 1));
  }
  return text;
}

Imported ImportLines(const std::vector<std::string>& lines, const ImportOptions& options,
                     const SidecarSet& sidecars) {
  Imported imported;
  const Recording recording = {.path = WriteTestFile("report.txt", ReportOfLines(lines)),
                               .sidecars = sidecars,
                               .sidecars_from = {}};
  KeepingSink sink(&imported.events);
  absl::StatusOr<ImportSummary> summary = ImportTrace(recording, options, sink, imported.header);
  imported.status = summary.status();
  if (summary.ok()) imported.summary = *std::move(summary);
  return imported;
}

}  // namespace slablab
