// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_PERCPU_REFERENCE_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_PERCPU_REFERENCE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/machine/machine_config.h"

// Reference runs of a real percpu allocator: everything it decided, in order, from the first chunk
// at boot on ("percpu-reference 1" files).
//
//   machine cpus=16 nodes=4 page_size=4096
//   first static=N reserved=N dyn=N unit=N atom=N alloc=N
//   a CHUNK SIZE ALIGN RESERVED ATOMIC OFF   an area was allocated
//   x SIZE ALIGN RESERVED ATOMIC             an allocation failed
//   f CHUNK OFF SIZE                         an area was freed
//   C CHUNK, D CHUNK                         a chunk was created, destroyed
//   P CHUNK FIRST END, Q CHUNK FIRST END     pages were populated, depopulated
//   B, E                                     balance work began, ended
//   end
// CHUNK is a label in order of first sight. OFF is in bytes from the chunk's base, which for the
// first chunk is static + reserved rounded down to a page. What an allocation that may wait does
// (C, P) stands around its own line; others' lines can stand in between.

namespace slablab {

struct PercpuReferenceEvent {
  enum class Kind : uint8_t {
    kAlloc,
    kFailed,
    kFree,
    kCreate,
    kDestroy,
    kPopulate,
    kDepopulate,
    kBalance,
    kBalanced,
  };
  Kind kind = Kind::kAlloc;
  bool reserved = false;
  bool atomic = false;
  uint32_t label = 0;   // of the chunk, < PercpuReferenceRun::label_count
  uint32_t bytes = 0;   // kAlloc, kFailed, kFree
  uint32_t align = 0;   // kAlloc, kFailed
  uint32_t offset = 0;  // kAlloc, kFree
  int first = 0;        // page; kPopulate, kDepopulate
  int end = 0;
  uint64_t line = 0;  // in the file, from 1

  bool is_request() const { return kind == Kind::kAlloc || kind == Kind::kFailed; }
};

struct PercpuReferenceRun {
  std::string path;
  std::string kernel;
  ReferenceMachineOptions machine;
  // What the kernel's architecture code asked for, and what came of it.
  uint64_t static_bytes = 0;
  uint64_t reserved_bytes = 0;
  uint64_t dynamic_bytes = 0;
  uint64_t unit_bytes = 0;
  uint64_t atom_bytes = 0;
  uint64_t alloc_bytes = 0;
  uint64_t first_line = 0;
  std::vector<PercpuReferenceEvent> events;
  uint32_t label_count = 0;
};

// InvalidArgument, with path and line, for what is not such a run: also for a free of an area that
// is not live, and for numbers out of the machine's range.
absl::StatusOr<PercpuReferenceRun> ParsePercpuReference(std::string_view text,
                                                        const std::string& path);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_PERCPU_REFERENCE_H_
