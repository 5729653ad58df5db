// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_HTML_HTML_REPORT_H_
#define SLABLAB_REPORTS_HTML_HTML_REPORT_H_

#include <string>

#include "reports/comparison/comparison.h"

namespace slablab {

// One self-contained HTML file of a result or a set of them: what differs and why in words, then
// charts, each with its table beside it. It asks nothing of any network (and forbids itself to),
// follows the reader's light or dark setting, and is the same bytes for the same set. Names from
// results are data in it, never markup.
//
// REQUIRES: labels are unique. `title` is the page's.
std::string HtmlReport(ResultSet set, const std::string& title);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_HTML_HTML_REPORT_H_
