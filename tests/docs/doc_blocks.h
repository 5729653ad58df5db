// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_DOCS_DOC_BLOCKS_H_
#define SLABLAB_TESTS_DOCS_DOC_BLOCKS_H_

#include <cstddef>
#include <string>
#include <vector>

// The blocks of text in a page of documentation that a reader would take for commands, output or
// files: fenced by ``` or indented by four blanks. A comment in the line before a block says what
// holds it to the truth:
//
//   <!-- prints: slablab run fs -->                    all that the command prints
//   <!-- prints from "Caches" to "Counters": ... -->   from the line that begins so to before the
//                                                      line that begins so; either may be left out
//   <!-- prints from "Caches" to "": ... -->           to before the next blank line
//   <!-- prints 12 lines from "Caches": ... -->        so many lines
//   <!-- writes: storm.textproto -->                   a file that commands below take
//   <!-- file: docs/sweeps/replay.textproto -->        what is in that file, but for its comments
//   <!-- parsed: REASON -->                            commands, which are looked at and not run
//   <!-- as is: REASON -->                             nothing holds it
//
// Without one it is commands, which are run.

namespace slablab {

struct DocBlock {
  enum class Kind { kCommands, kPrints, kWrites, kFile, kParsed, kAsIs };
  size_t line = 0;   // of its first line of content, counted from 0
  size_t lines = 0;  // of content
  std::string indent;
  Kind kind = Kind::kCommands;
  std::string subject;  // the command, file or reason
  std::string from;     // kPrints
  std::string to;
  size_t count = 0;  // kPrints; 0: not said
  std::string text;  // without indent, with a line end at each line's end
};

// `complaint` is what is wrong with a comment, or empty.
std::vector<DocBlock> BlocksOf(const std::string& page, std::string* complaint);

// The page with the contents of block `block` of it replaced.
std::string WithBlock(const std::string& page, const DocBlock& block, const std::string& text);

// The part of `output` that a block of kind kPrints is to show. Empty if it has no such part.
std::string Excerpt(const DocBlock& block, const std::string& output);

// The commands of a block, one each: without comments, continued lines joined. Lines that are
// indented go on with the command before.
std::vector<std::string> CommandsOf(const std::string& text);

// The words of a command as a shell has them, as far as documentation needs it: quotes, no
// expansion.
std::vector<std::string> WordsOf(const std::string& command);

// The spans of code in prose that are commands of slablab: `slablab list machines`.
std::vector<std::string> InlineCommands(const std::string& page);

}  // namespace slablab

#endif  // SLABLAB_TESTS_DOCS_DOC_BLOCKS_H_
