// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The importer of trace.dat, whole: the library in its process, the pipe, the repairs. Whatever the
// file does to the library, the answer must be a trace that can be replayed or an error that names
// the file, in time.

#include <pthread.h>

#include <csignal>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/config.h"
#include "base/gz_input.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/import_fuzz.h"
#include "tests/fuzz/memory_file.h"

#if defined(ABSL_HAVE_ADDRESS_SANITIZER)
#include <sanitizer/common_interface_defs.h>
#endif

namespace slablab {
namespace {

// In the process that reads, the library may fail; libFuzzer inherited there would keep the input
// as one that fails.
void ForgetFuzzer() {
#if defined(ABSL_HAVE_ADDRESS_SANITIZER)
  __sanitizer_set_death_callback(nullptr);
#endif
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGALRM}) {
    signal(number, SIG_DFL);
  }
}

const int kForgets = pthread_atfork(nullptr, nullptr, ForgetFuzzer);

bool Import(std::string_view contents) {
  CHECK_EQ(kForgets, 0);
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
