// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_OUTPUT_EVENT_TEXT_H_
#define SLABLAB_CLI_OUTPUT_EVENT_TEXT_H_

#include <cstdint>
#include <string_view>

#include "fmt/format.h"
#include "traces/slt/trace.h"

namespace slablab {

// Appends one line for an event, in the form of tracefs' trace file, so that "slablab import" reads
// it back; after the event's name comes what that form does not say:
//
//            bash-7340    [001] d.h..   668.063789123: kfree: object=12 inferred call_site=f+0x1 …
//
// "inferred", "by-rcu" and "predates" are the event's marks of these names.
void AppendEventText(const TraceHeader& header, const Event& event, fmt::memory_buffer* out);

// The name that a task had at a time, or "<...>" as the kernel prints it where that is not known.
std::string_view CommAt(const TraceHeader& header, int32_t pid, Nanos time);

}  // namespace slablab

#endif  // SLABLAB_CLI_OUTPUT_EVENT_TEXT_H_
