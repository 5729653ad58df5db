// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_SYMBOL_FLAGS_H_
#define SLABLAB_CLI_SYMBOL_FLAGS_H_

#include "absl/status/status.h"
#include "reports/result.pb.h"

namespace slablab {

// Whether the files of --kallsyms and --vmlinux can be read: before a run that takes long.
absl::Status CheckSymbolFlags();

// Names callers by --kallsyms and --vmlinux, if these are given, and says of how many.
absl::Status NameCallersByFlags(RunResult* result);

}  // namespace slablab

#endif  // SLABLAB_CLI_SYMBOL_FLAGS_H_
