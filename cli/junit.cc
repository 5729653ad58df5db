// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/junit.h"

#include <algorithm>

#include "fmt/format.h"

namespace slablab {
namespace {

// For text and for attributes between double quotes. What is not printable ASCII (XML 1.0 forbids
// most control characters however they are written) is a question mark.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '"') {
      escaped += "&quot;";
    } else if (c == '\n' || (c >= ' ' && c <= '~')) {
      escaped += c;
    } else {
      escaped += '?';
    }
  }
  return escaped;
}

}  // namespace

std::string JunitXml(std::string_view suite, const std::vector<JunitCase>& cases) {
  const auto failures = std::count_if(cases.begin(), cases.end(),
                                      [](const JunitCase& c) { return !c.failure.empty(); });
  std::string counts =
      fmt::format("tests=\"{}\" failures=\"{}\" disabled=\"0\" errors=\"0\" time=\"0\"",
                  cases.size(), failures);
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  xml += fmt::format("<testsuites {} name=\"slablab check\">\n", counts);
  xml += fmt::format("  <testsuite name=\"{}\" {}>\n", Escaped(suite), counts);
  for (const JunitCase& each : cases) {
    xml += fmt::format(
        "    <testcase name=\"{}\" status=\"run\" result=\"completed\" time=\"0\" "
        "classname=\"{}\"",
        Escaped(each.name), Escaped(suite));
    if (each.failure.empty()) {
      xml += " />\n";
      continue;
    }
    xml += fmt::format(">\n      <failure message=\"{}\" type=\"\">{}</failure>\n    </testcase>\n",
                       Escaped(each.failure), Escaped(each.details));
  }
  return xml + "  </testsuite>\n</testsuites>\n";
}

}  // namespace slablab
