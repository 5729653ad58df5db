// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_CAPTURE_CAPTURE_H_
#define SLABLAB_TRACES_CAPTURE_CAPTURE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/left_behind.h"

// Recording the allocators of the running kernel: the kmem and percpu tracepoints with the `mono`
// clock, and the state of the allocators before and after.
//
// `trace-cmd record` writes to disk as it goes and so can record for long; where it is refused (it
// writes /proc/sys/kernel/ftrace_enabled, which some guests may not), a tracefs instance of our own
// is the buffer and `trace-cmd extract` saves it: what is in it at the end is what fits. Either way
// the tracing of others is left alone: the instance goes away, and settings that trace-cmd changes
// are put back, also after an error or an interrupt, and after SIGKILL by the next slablab.

namespace slablab {

struct CaptureOptions {
  enum class Method { kAuto, kRecord, kExtract };

  UndoRecord* record = nullptr;           // of what is to be undone if we are killed; never null
  std::string folder;                     // where to put trace.dat and the sidecars; must exist
  std::vector<std::string> command = {};  // what to run; empty: record until interrupted
  Method method = Method::kAuto;
  uint64_t buffer_kib_per_cpu = 0;  // 0: 128 MiB, or less where memory is short
  bool with_pages = true;           // mm_page_alloc and mm_page_free too
  // How often the user has asked for an end; asked some fifty times a second. The first request
  // ends the recording, which is then saved, and interrupts the command; the second kills a command
  // that goes on.
  std::function<int()> interrupts = [] { return 0; };
};

struct CaptureResult {
  CaptureOptions::Method method = CaptureOptions::Method::kExtract;  // the one used
  int command_status = 0;                                            // as waitpid gives it
  uint64_t lost_events = 0;                                          // that the ring buffers report
  std::vector<std::string> warnings;                                 // one sentence each
};

// Fills options.folder. PermissionDenied if not root; FailedPrecondition if the kernel or the
// machine lacks something (it says what: tracefs, a tracepoint, trace-cmd); Unavailable for errors
// of the system; NotFound if the command cannot be run.
absl::StatusOr<CaptureResult> CaptureRecording(const CaptureOptions& options);

// Writes the sidecars of now under names that end in `when` ("before", "after"); what a kernel does
// not offer is left out and told in `warnings`.
absl::Status WriteSidecars(const std::string& folder, const std::string& when,
                           std::vector<std::string>* warnings);

// What does not change while a recording runs: nodes, uname, lstopo.xml.
// `record`, if any, gets to know of the program that it starts.
absl::Status WriteMachineSidecars(const std::string& folder, std::vector<std::string>* warnings,
                                  UndoRecord* record = nullptr);

}  // namespace slablab

#endif  // SLABLAB_TRACES_CAPTURE_CAPTURE_H_
