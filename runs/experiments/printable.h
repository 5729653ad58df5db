// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_PRINTABLE_H_
#define SLABLAB_RUNS_EXPERIMENTS_PRINTABLE_H_

#include "base/printable.h"
#include "google/protobuf/message.h"
#include "traces/slt/trace.h"

namespace slablab {

// Every string in `message` as Printable() has it; those that hold a file's text (their fields are
// called ..._textproto) keep their lines.
void MakePrintable(google::protobuf::Message* message);

// The header with every name and sentence printable; sidecars stay what they are.
TraceHeader PrintableHeader(TraceHeader header);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_PRINTABLE_H_
