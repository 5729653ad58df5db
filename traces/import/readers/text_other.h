// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_READERS_TEXT_OTHER_H_
#define SLABLAB_TRACES_IMPORT_READERS_TEXT_OTHER_H_

#include <string>
#include <string_view>

// Lines of a recording's text that are no event: what they are, as far as that can be told, and
// what to do about a text that is no recording of ours.

namespace slablab::internal {

// What a user should do about a line that cannot be read, naming the option it comes from: "" if
// nothing is known of it. `text` is without blanks at its ends.
std::string AdviceOn(std::string_view text);

// Why a file that begins with `head` is no recording that can be read, and what to do: "" if
// nothing is wrong with it at first sight.
std::string WrongFile(std::string_view head);

// perf's call chains: "\tffffffff81635137 kmem_cache_alloc+0x7 ([kernel.kallsyms])", and what perf
// prints of inlined functions and source lines below. `line` has its blanks.
bool IsCallChain(std::string_view line);

// What perf script says on stderr, in text that has both: "Processed 9 events and lost 2 chunks!".
// Chunks are of unknown numbers of events, and samples' shares of an unknown whole.
bool IsPerfWarning(std::string_view text);

// trace-cmd's "CPU 0 is empty".
bool IsEmptyCpu(std::string_view text);

// "root@host:/sys/kernel/tracing# cat trace", "/ # ", "$ ": what a terminal had before and behind.
bool IsShellPrompt(std::string_view text);

// Whether the text has fields of a kmem event in it: it is then never left out in silence.
bool HasEventFields(std::string_view text);

}  // namespace slablab::internal

#endif  // SLABLAB_TRACES_IMPORT_READERS_TEXT_OTHER_H_
