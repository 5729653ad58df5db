// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_HTML_WEB_ASSETS_H_
#define SLABLAB_REPORTS_HTML_WEB_ASSETS_H_

#include <string_view>

namespace slablab {

// The parts of every HTML report that are not data; kept in the program so that a report needs no
// other file.
struct WebAsset {
  static const std::string_view kReportCss;
  static const std::string_view kReportJs;
  static const std::string_view kPlotJs;  // Observable Plot and d3 (third_party/plot)
};

}  // namespace slablab

#endif  // SLABLAB_REPORTS_HTML_WEB_ASSETS_H_
