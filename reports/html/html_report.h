// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_HTML_HTML_REPORT_H_
#define SLABLAB_REPORTS_HTML_HTML_REPORT_H_

#include <string>

#include "reports/comparison/comparison.h"
#include "reports/explain/explain.pb.h"
#include "reports/html_page.pb.h"

namespace slablab {

// One self-contained HTML file of a result or a set of them: what differs and why in words, then
// charts, each with its table beside it. It asks nothing of any network (and forbids itself to),
// follows the reader's light or dark setting, and is the same bytes for the same set. Names from
// results are data in it, never markup.
//
// REQUIRES: labels are unique. `title` is the page's. `explain` is of the set's two runs, in that
// order: the page then says since which switch they differ.
std::string HtmlReport(ResultSet set, const std::string& title,
                       const ExplainReport* explain = nullptr);

// The data in such a page.
HtmlPage HtmlPageOf(const std::string& html);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_HTML_HTML_REPORT_H_
