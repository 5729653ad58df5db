// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_PRINTABLE_H_
#define SLABLAB_BASE_PRINTABLE_H_

#include <string>
#include <string_view>

// Text that comes from recordings, kernels and files, made fit for terminals, JSON and protobufs'
// strings: whoever prints such text passes it through here. A name may hold anything: a task can
// call itself by an escape sequence that clears the screen.

namespace slablab {

// `text` with what a terminal would obey written as \xNN, byte by byte: control characters (C0, DEL
// and C1), the marks that turn the direction of writing or end a line, and what is not UTF-8.
// Everything else stays.
std::string Printable(std::string_view text);

// The same of text that has lines: line ends and tabs stay.
std::string PrintableLines(std::string_view text);

// Printable ASCII only, a '?' for each byte that is not: for columns whose width counts.
std::string PrintableAscii(std::string_view text);

// For HTML and XML, and for their attributes between double quotes.
std::string EscapedMarkup(std::string_view text);

}  // namespace slablab

#endif  // SLABLAB_BASE_PRINTABLE_H_
