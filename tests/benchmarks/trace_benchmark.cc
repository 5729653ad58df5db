// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "traces/slt/trace.h"

// How fast bundled traces are read and written. Items are events; bytes are those of the file.
//
//   bazel run //tests/benchmarks:trace_benchmark

namespace slablab {
namespace {

constexpr size_t kBatch = 4096;

std::unique_ptr<TraceReader> Open(const std::string& sample) {
  absl::StatusOr<std::unique_ptr<TraceReader>> reader =
      TraceReader::Open("traces/samples/linux-6.1-" + sample + ".slt", {});
  CHECK(reader.ok());
  return *std::move(reader);
}

// Every event of the file, from the disk cache to structs.
void BM_Decode(benchmark::State& state, const std::string& sample) {
  const std::unique_ptr<TraceReader> reader = Open(sample);
  std::vector<Event> events(kBatch);
  uint64_t read = 0;
  for (auto unused : state) {
    reader->Rewind();
    for (;;) {
      const absl::StatusOr<size_t> count = reader->Read(absl::MakeSpan(events));
      CHECK(count.ok());
      if (*count == 0) break;
      benchmark::DoNotOptimize(events.data());
      read += *count;
    }
  }
  CHECK_EQ(read, reader->header().event_count * static_cast<uint64_t>(state.iterations()));
  state.SetItemsProcessed(static_cast<int64_t>(read));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(reader->file_bytes()));
}
BENCHMARK_CAPTURE(BM_Decode, fs, "slub-c4n2-fs")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Decode, hackbench, "slub-c4n2-hackbench")->Unit(benchmark::kMillisecond);

// The same events to a file, compressed at the level of the argument.
void BM_Encode(benchmark::State& state) {
  const std::unique_ptr<TraceReader> reader = Open("slub-c4n2-fs");
  std::vector<Event> events(reader->header().event_count);
  for (size_t filled = 0; filled < events.size();) {
    const auto count = reader->Read(absl::MakeSpan(events).subspan(filled));
    CHECK(count.ok());
    filled += *count;
  }
  const char* folder = std::getenv("TMPDIR");
  const std::string path =
      std::string(folder == nullptr ? "/tmp" : folder) + "/slablab-trace-benchmark.slt";
  for (auto unused : state) {
    // Never finished, so it never has a name.
    const auto writer = TraceWriter::Create(path, {.zstd_level = static_cast<int>(state.range(0))});
    CHECK(writer.ok());
    (*writer)->header() = reader->header();
    for (const Event& event : events) CHECK((*writer)->Append(event).ok());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(events.size()));
}
BENCHMARK(BM_Encode)->Arg(1)->Arg(19)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace slablab

BENCHMARK_MAIN();
