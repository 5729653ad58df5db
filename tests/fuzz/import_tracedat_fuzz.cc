// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The importer of trace.dat, whole: the library in its process, the pipe, the repairs. Whatever the
// file does to the library, the answer must be a trace that can be replayed or an error that names
// the file, in time.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/import_fuzz.h"
#include "tests/fuzz/memory_file.h"
#include "traces/gz_input.h"

namespace slablab {
namespace {

bool Import(std::string_view contents) {
  const MemoryFile file(contents);
  const std::string path = file.Path();
  return FuzzImporter([&path](RawEventSink& sink) {
    absl::StatusOr<RecordingInfo> info = internal::ReadTraceDat(path, path, sink);
    Require(info.ok() || absl::IsInvalidArgument(info.status()));
    return info;
  });
}

}  // namespace

std::vector<std::string> FuzzSeeds() {
  std::vector<std::string> seeds;
  for (const char* name : {"recording-6.18.dat", "recording-6.18.uncompressed.dat.gz"}) {
    absl::StatusOr<std::string> seed = ReadWholeFile(std::string("tests/traces/data/") + name);
    CHECK(seed.ok());
    CHECK(Import(*seed));
    seeds.push_back(*std::move(seed));
  }
  return seeds;
}

}  // namespace slablab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  slablab::Import({reinterpret_cast<const char*>(data), size});
  return 0;
}
