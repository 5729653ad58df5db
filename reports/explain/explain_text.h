// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_EXPLAIN_EXPLAIN_TEXT_H_
#define SLABLAB_REPORTS_EXPLAIN_EXPLAIN_TEXT_H_

#include <string>
#include <vector>

#include "reports/explain/explain.pb.h"
#include "reports/tables.h"

namespace slablab {

// The whole change, of B to A.
ExplainFigures WholeChange(const ExplainReport& report);

// What is to be known first, a sentence each: how much, by which switches most, and what is left
// over.
std::vector<std::string> ExplainWords(const ExplainReport& report);
// "cpu-slabs: yes to no, slabs.marked-listed: no to yes".
std::string StepName(const ExplainStep& step);
// Where a step shows, a sentence each.
std::vector<std::string> StepWords(const ExplainStep& step);
// The same of A and B as a whole.
std::string FirstWords(const ExplainFirst& first);

// For people, in 80 columns.
std::string ExplainText(const ExplainReport& report, bool colour);
// A row a step, then what is left over and the whole.
DataTable ExplainTable(const ExplainReport& report);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_EXPLAIN_EXPLAIN_TEXT_H_
