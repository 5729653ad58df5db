// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the process that reads a trace.dat sends to the one that imports it.

#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/import_fuzz.h"
#include "tests/fuzz/memory_file.h"
#include "traces/import/readers/recording_pipe.h"

namespace slablab {

std::vector<std::string> FuzzSeeds() {
  std::vector<std::string> seeds;
  for (const std::string_view text :
       {"  sh-7  [000] 1.000001: kmalloc: call_site=f+0x1 ptr=0xffff888100000040 bytes_req=60 "
        "bytes_alloc=64 gfp_flags=GFP_KERNEL node=-1 accounted=false\n"
        "  sh-7  [001] 1.000002: kmem_cache_free: call_site=f+0x1 ptr=0xffff888100000080 name=a\n"
        "  sh-7  [001] 1.000003: sched_switch: prev_comm=sh\n"
        "CPU:1 [LOST 12 EVENTS]\n",
        "  sh-7  [000] what is this\n"}) {
    MemoryFile file;
    internal::SendRecording(
        [text](RawEventSink& sink) {
          return internal::ReadTextFrom(text, "seed", RecordingFormat::kTraceCmdReport,
                                        /*lenient=*/false, sink);
        },
        file.descriptor());
    seeds.push_back(file.Contents());
  }
  // A damaged count took hours to write as events of 32 bits.
  MemoryFile file;
  internal::SendRecording(
      [](RawEventSink& sink) -> absl::StatusOr<RecordingInfo> {
        RawEvent lost;
        lost.kind = EventKind::kLost;
        lost.bytes_req = 0x7ffe'4c3b'0000'0000;
        CHECK(sink.Append(lost).ok());
        return RecordingInfo();
      },
      file.descriptor());
  seeds.push_back(file.Contents());
  return seeds;
}

}  // namespace slablab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const slablab::MemoryFile file({reinterpret_cast<const char*>(data), size});
  slablab::FuzzImporter(
      [&file](slablab::RawEventSink& sink) -> absl::StatusOr<slablab::RecordingInfo> {
        file.Rewind();
        slablab::internal::Received received =
            slablab::internal::ReceiveRecording(file.descriptor(), sink);
        if (!received.ended) return absl::DataLossError("it ended early");
        return std::move(received.result);
      });
  return 0;
}
