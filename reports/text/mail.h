// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_TEXT_MAIL_H_
#define SLABLAB_REPORTS_TEXT_MAIL_H_

#include <cstddef>
#include <string>
#include <vector>

#include "reports/result.pb.h"
#include "reports/text/text_page.h"

// Reports for a mailing list: short, plain ASCII in 72 columns, with the commands to have the same
// figures again at the end.

namespace slablab {

inline constexpr size_t kMailColumns = 72;
inline constexpr size_t kMailLines = 40;

// A command for a shell in lines of at most `columns`, behind two blanks. REQUIRES: columns >= 10.
std::vector<std::string> ShellLines(const std::vector<std::string>& words, size_t columns);

// What it takes, in whole: `commands` have a command's words each. `first`: a result to hold what
// comes of it to.
void AppendReproduction(const RunResult& first,
                        const std::vector<std::vector<std::string>>& commands, TextPage& page);

// The headline of a run alone.
std::string RunMailText(const RunResult& result,
                        const std::vector<std::vector<std::string>>& commands);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_TEXT_MAIL_H_
