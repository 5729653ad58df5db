// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/capture_flags.h"

#include <cstdint>

#include "absl/flags/flag.h"
#include "base/interrupt.h"
#include "base/names.h"
#include "runs/switches.h"

ABSL_FLAG(std::string, recording, "",
          "FOLDER: keep the recording (trace.dat and its sidecars) in this folder, which is made.");
ABSL_FLAG(
    std::string, method, "auto",
    "METHOD: record (trace-cmd record, any length), extract (a ring buffer, saved at the end) "
    "or auto: record where the kernel lets it.");
ABSL_FLAG(uint64_t, buffer_kib, 0,
          "KIB: the ring buffer's size per CPU; 0 is 128 MiB, or less where memory is short.");
ABSL_FLAG(bool, pages, true, "Record the page allocator's events too.");

namespace slablab {
namespace {

absl::StatusOr<CaptureOptions::Method> MethodFromFlags() {
  const std::string method = absl::GetFlag(FLAGS_method);
  if (method == "auto") return CaptureOptions::Method::kAuto;
  if (method == "record") return CaptureOptions::Method::kRecord;
  if (method == "extract") return CaptureOptions::Method::kExtract;
  return BadFlag("method", method,
                 UnknownNameText("method", method, {"auto", "record", "extract"}));
}

}  // namespace

absl::StatusOr<CaptureOptions> CaptureOptionsFromFlags(const std::vector<std::string>& command) {
  const absl::StatusOr<CaptureOptions::Method> method = MethodFromFlags();
  if (!method.ok()) return method.status();
  CaptureOptions options;
  options.command = command;
  options.method = *method;
  options.buffer_kib_per_cpu = absl::GetFlag(FLAGS_buffer_kib);
  options.with_pages = absl::GetFlag(FLAGS_pages);
  options.interrupts = InterruptRequests;
  return options;
}

}  // namespace slablab
