// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// `slablab slowest` and `slablab explain` as a user starts them.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/html/html_report.h"
#include "reports/numbers.h"
#include "reports/result_io.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;

class SlowestTest : public FolderTest {
 protected:
  std::string Text(const std::string& arguments) {
    const Ending run = Stdout(arguments);
    EXPECT_EQ(run.exit_status, 0) << arguments;
    return run.text;
  }
  static void ExpectRefusal(const std::string& arguments, const std::string& words) {
    const Ending run = Stderr(arguments);
    EXPECT_EQ(run.exit_status, 2) << arguments;
    EXPECT_THAT(run.text, HasSubstr(words)) << arguments;
  }

  const std::string trace_ = absl::StrCat(Sample("hackbench"), " --events-max=30000");
};

// A run that is done anew and a result that was kept say the same, in every format.
TEST_F(SlowestTest, OfARunAndOfItsResultAreTheSame) {
  const std::string kept = Path("a.result");
  Text(absl::StrCat("run ", trace_, " --format=proto -o ", kept));
  const absl::StatusOr<RunResult> result = ReadResult(kept);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->slowest_size(), 100);
  for (const std::string format : {"text", "csv", "tsv", "json"}) {
    // Of a window, a result has those of the whole run's that lie in it, which text tells.
    const std::string how =
        absl::StrCat(" --limit=30 --format=", format, format == "text" ? "" : " --window=0,0.5");
    EXPECT_EQ(Text(absl::StrCat("slowest ", trace_, how)),
              Text(absl::StrCat("slowest ", kept, how)))
        << format;
  }
  const std::string text = Text(absl::StrCat("slowest ", kept, " --limit=0"));
  const std::string csv = Text(absl::StrCat("slowest ", kept, " --limit=0 --format=csv"));
  const std::string table = Text(absl::StrCat("report ", kept, " --format=csv --table=slowest"));
  EXPECT_EQ(csv, table);
  for (const SlowOperation& slow : result->slowest()) {
    EXPECT_THAT(text, HasSubstr(Grouped(slow.cycles())));
    EXPECT_THAT(text, HasSubstr(Duration(slow.time_ns())));
    EXPECT_THAT(csv, HasSubstr(absl::StrCat("\n", slow.rank(), ",", slow.time_ns(), ",")));
  }
  for (const absl::string_view line : absl::StrSplit(text, '\n')) EXPECT_LE(line.size(), 80u);
}

TEST_F(SlowestTest, WhatIsWrongIsSaid) {
  const std::string kept = Path("a.result");
  Text(absl::StrCat("run ", trace_, " --format=proto -o ", kept));
  ExpectRefusal(absl::StrCat("slowest ", kept, " --allocator=slab"), "--allocator");
  ExpectRefusal(absl::StrCat("slowest ", kept, " --window=2,1"), "--window=2,1");
  ExpectRefusal(absl::StrCat("slowest ", kept, " --limit=20000"), "--limit=20000");
  ExpectRefusal("slowest", "slowest");
  ExpectRefusal("slowest " + std::string(300, 'x'), "xxx");  // no file can have such a name
  ExpectRefusal(absl::StrCat("slowest --allocator=percpu ",
                             Runfile("traces/samples/linux-6.1-percpu-c8n2.slt")),
                "has no slabs");
  ExpectRefusal("explain slub-7.2", "explain takes two models");
  ExpectRefusal(absl::StrCat("explain slub-7.2 slub-7.9 ", trace_), "unknown slab allocator");
  ExpectRefusal(absl::StrCat("explain slub-7.2 slub-7.3:barns=few ", trace_), "valid are: none");
}

TEST_F(SlowestTest, ExplainIsTheSameForAnyNumberOfWorkers) {
  const std::string run = absl::StrCat("explain slub-7.1 slub-7.3 ", trace_);
  for (const std::string format : {"text", "csv", "json", "html"}) {
    const std::string one = Text(absl::StrCat(run, " --workers=1 --format=", format));
    EXPECT_EQ(one, Text(absl::StrCat(run, " --workers=3 --format=", format)));
    EXPECT_THAT(format == "html" ? HtmlPageOf(one).DebugString() : one,
                HasSubstr("sheaves.bulk-free"));
  }
}

}  // namespace
}  // namespace slablab
