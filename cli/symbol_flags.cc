// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/symbol_flags.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "cli/flags.h"
#include "runs/attribution/caller_names.h"
#include "traces/symbols/symbols.h"

ABSL_FLAG(std::string, kallsyms, "",
          "FILE: /proc/kallsyms of the recorded kernel, or its System.map: names call sites that "
          "the recording has as addresses.");
ABSL_FLAG(slablab::CommaList, vmlinux, {},
          "FILE,...: the recorded kernel's vmlinux and its modules' files, with debugging "
          "information: call sites have their source, inlined functions included.");

namespace slablab {
namespace {

absl::StatusOr<Symbols> ReadSymbols() {
  Symbols symbols;
  if (const std::string path = absl::GetFlag(FLAGS_kallsyms); !path.empty()) {
    if (absl::Status status = symbols.ReadKallsyms(path); !status.ok()) return status;
  }
  const std::vector<std::string> files =
      absl::StrSplit(absl::GetFlag(FLAGS_vmlinux).text, ',', absl::SkipEmpty());
  for (const std::string& path : files) {
    if (absl::Status status = symbols.AddDebugFile(path); !status.ok()) return status;
  }
  return symbols;
}

bool AreGiven() {
  return !absl::GetFlag(FLAGS_kallsyms).empty() || !absl::GetFlag(FLAGS_vmlinux).text.empty();
}

// Read once.
const absl::StatusOr<Symbols>& GivenSymbols() {
  static const auto& symbols = *new absl::StatusOr<Symbols>(ReadSymbols());
  return symbols;
}

}  // namespace

absl::Status CheckSymbolFlags() {
  return AreGiven() ? GivenSymbols().status() : absl::OkStatus();
}

absl::Status NameCallersByFlags(RunResult* result) {
  if (!AreGiven()) return absl::OkStatus();
  if (!GivenSymbols().ok()) return GivenSymbols().status();
  std::string words = NameCallers(*GivenSymbols(), result->mutable_attribution());
  if (!words.empty()) result->add_assumptions(std::move(words));
  return absl::OkStatus();
}

}  // namespace slablab
