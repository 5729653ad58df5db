// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_OUTPUT_TERMINAL_H_
#define SLABLAB_CLI_OUTPUT_TERMINAL_H_

#include <cstddef>
#include <cstdio>

// What may be shown to a person and not to a file or another program.

namespace slablab {

// Whether `stream` is a terminal that understands carriage return and erase (TERM is not "dumb").
bool IsTerminal(std::FILE* stream);

// Whether to colour `stream`: it is a terminal and NO_COLOR (https://no-color.org) is not set.
bool ColourWanted(std::FILE* stream);

// The width of the terminal `stream`, or 80 where it does not tell.
size_t TerminalColumns(std::FILE* stream);

}  // namespace slablab

#endif  // SLABLAB_CLI_OUTPUT_TERMINAL_H_
