// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_EXPLAIN_BISECT_TEXT_H_
#define SLABLAB_REPORTS_EXPLAIN_BISECT_TEXT_H_

#include <string>

#include "reports/explain/bisect.pb.h"
#include "reports/tables.h"

namespace slablab {

// Which step moved the metric, and by how much, in a sentence. REQUIRES: there is such a metric.
std::string BisectSentence(const BisectReport& report);

// For people, in 80 columns where names allow it.
std::string BisectText(const BisectReport& report);
// A row a step that ran.
DataTable BisectTable(const BisectReport& report);
// One file that asks for nothing.
std::string BisectPage(const BisectReport& report);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_EXPLAIN_BISECT_TEXT_H_
