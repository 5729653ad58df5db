// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_WHY_WHY_TEXT_H_
#define SLABLAB_REPORTS_WHY_WHY_TEXT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "reports/tables.h"
#include "reports/why/why.pb.h"

// Where a recorded allocator's time goes and what would change it. Text and page are made of the
// same sentences and tables.

namespace slablab {

// What is to be known first, a sentence or two each: what it costs, on what, and what would help.
std::vector<std::string> WhyWords(const WhyReport& report);

// For people, in 80 columns; so many rows of each table, 0: all.
std::string WhyText(const WhyReport& report, size_t rows_max, bool colour);
// One file that asks for nothing.
std::string WhyPage(const WhyReport& report, size_t rows_max);
// A row a change that was tried.
DataTable WhyTable(const WhyReport& report);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_WHY_WHY_TEXT_H_
