// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/output/junit.h"

#include <algorithm>

#include "base/printable.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// What is not printable ASCII (XML 1.0 forbids most control characters however they are written) is
// a question mark.
std::string Escaped(std::string_view text) {
  std::string plain(text);
  for (char& c : plain) {
    if (c != '\n' && (c < ' ' || c > '~')) c = '?';
  }
  return EscapedMarkup(plain);
}

std::string Seconds(uint64_t milliseconds) {
  return fmt::format("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
}

size_t CountOf(const std::vector<JunitCase>& cases, JunitCase::Outcome outcome) {
  return static_cast<size_t>(std::count_if(
      cases.begin(), cases.end(), [&](const JunitCase& each) { return each.outcome == outcome; }));
}

// What is between a case's tags; empty if it passed.
std::string Body(const JunitCase& each) {
  std::string_view element = "failure";
  switch (each.outcome) {
    case JunitCase::Outcome::kPassed:
      return "";
    case JunitCase::Outcome::kSkipped:
      return fmt::format("      <skipped message=\"{}\" />\n", Escaped(each.message));
    case JunitCase::Outcome::kError:
      element = "error";
      break;
    case JunitCase::Outcome::kFailed:
      break;
  }
  return fmt::format("      <{} message=\"{}\" type=\"\">{}</{}>\n", element, Escaped(each.message),
                     Escaped(each.details), element);
}

}  // namespace

std::string JunitXml(std::string_view suite, const std::vector<JunitCase>& cases) {
  uint64_t milliseconds = 0;
  for (const JunitCase& each : cases) milliseconds += each.milliseconds;
  const std::string counts = fmt::format(
      "tests=\"{}\" failures=\"{}\" disabled=\"0\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
      cases.size(), CountOf(cases, JunitCase::Outcome::kFailed),
      CountOf(cases, JunitCase::Outcome::kError), CountOf(cases, JunitCase::Outcome::kSkipped),
      Seconds(milliseconds));
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  xml += fmt::format("<testsuites {} name=\"slablab check\">\n", counts);
  xml += fmt::format("  <testsuite name=\"{}\" {}>\n", Escaped(suite), counts);
  for (const JunitCase& each : cases) {
    const bool ran = each.outcome != JunitCase::Outcome::kSkipped;
    xml += fmt::format(
        "    <testcase name=\"{}\" status=\"{}\" result=\"{}\" time=\"{}\" classname=\"{}\"",
        Escaped(each.name), ran ? "run" : "notrun", ran ? "completed" : "skipped",
        Seconds(each.milliseconds), Escaped(suite));
    const std::string body = Body(each);
    xml += body.empty() ? " />\n" : fmt::format(">\n{}    </testcase>\n", body);
  }
  return xml + "  </testsuite>\n</testsuites>\n";
}

}  // namespace slablab
