// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// `slablab list`: what it lists is what there is, in 80 columns and for programs.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "allocators/percpu/registry.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "cli/commands/commands.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/comparison/comparison.h"
#include "reports/tables.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Rows = std::vector<std::vector<std::string>>;

class ListTest : public FolderTest {
 protected:
  void SetUp() override {
    const std::string sample = Sample("fs");
    setenv("SLABLAB_ROOT", sample.substr(0, sample.find("/traces/samples/")).c_str(), 1);
  }
  // What --format=tsv prints, without the line of columns.
  static Rows RowsOf(const std::string& topic) {
    Rows rows;
    const Ending list = Stdout(absl::StrCat("list ", topic, " --format=tsv"));
    EXPECT_EQ(list.exit_status, 0) << topic;
    for (const absl::string_view line : absl::StrSplit(list.text, '\n', absl::SkipEmpty())) {
      rows.push_back(absl::StrSplit(line, '\t'));
    }
    if (!rows.empty()) rows.erase(rows.begin());
    return rows;
  }
};

std::vector<std::string> Models() {
  std::vector<std::string> models;
  for (const AllocatorInfo& info : ListAllocators()) models.emplace_back(info.name);
  for (const PercpuInfo& info : ListPercpuAllocators()) models.emplace_back(info.name);
  return models;
}

TEST_F(ListTest, EveryTopicIsWithinEightyColumnsAndReadableByPrograms) {
  const absl::Span<const Command> commands = Commands();
  const auto list = std::find_if(commands.begin(), commands.end(),
                                 [](const Command& command) { return command.name == "list"; });
  ASSERT_NE(list, commands.end());
  const std::string topics(list->synopsis);
  const std::vector<std::string> names = absl::StrSplit(topics, '|');
  for (const std::string& topic : names) {
    SCOPED_TRACE(topic);
    const Ending text = Stdout("list " + topic);
    EXPECT_EQ(text.exit_status, 0);
    for (const absl::string_view line : absl::StrSplit(text.text, '\n')) {
      EXPECT_LE(line.size(), 80u) << line;
    }
    const Rows rows = RowsOf(topic);
    EXPECT_FALSE(rows.empty());
    for (const auto& row : rows) {
      EXPECT_THAT(text.text, HasSubstr(row[0]));
      EXPECT_EQ(row.size(), rows[0].size());
    }
    const Ending json = Collect(absl::StrCat(
        Runfile("cli/slablab"), " list ", topic,
        " --format=json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))'"));
    EXPECT_EQ(json.text, absl::StrCat(rows.size(), "\n"));
    const Ending csv = Collect(absl::StrCat(
        Runfile("cli/slablab"), " list ", topic,
        " --format=csv | python3 -c 'import csv, sys; print(len(list(csv.reader(sys.stdin))))'"));
    EXPECT_EQ(csv.text, absl::StrCat(rows.size() + 1, "\n"));
  }
}

TEST_F(ListTest, EveryQuirkAndTunableOfEveryModelIsThereWithItsMeaning) {
  const Rows quirks = RowsOf("quirks");
  const Rows tunables = RowsOf("tunables");
  size_t expected_quirks = 0;
  size_t expected_tunables = 0;
  for (const std::string& model : Models()) {
    const ModelSwitches switches = SwitchesOf(model);
    for (const QuirkInfo& quirk : switches.quirks) {
      ++expected_quirks;
      EXPECT_FALSE(quirk.meaning.empty());
      EXPECT_THAT(quirks, Contains(std::vector<std::string>{model, std::string(quirk.name),
                                                            std::string(quirk.meaning)}));
    }
    for (const TunableInfo& tunable : switches.tunables) {
      ++expected_tunables;
      EXPECT_FALSE(tunable.meaning.empty());
      EXPECT_THAT(tunables, Contains(std::vector<std::string>{
                                model, std::string(tunable.name), absl::StrCat(tunable.least),
                                absl::StrCat(tunable.most), std::string(tunable.initial),
                                std::string(tunable.meaning), tunable.at_boot ? "boot" : "run"}));
    }
    expected_tunables += switches.counters.size();
  }
  EXPECT_THAT(quirks, SizeIs(expected_quirks));
  EXPECT_THAT(tunables, SizeIs(expected_tunables));
}

TEST_F(ListTest, EveryTableAndColumnThatCanBePrintedIsThere) {
  std::set<std::string> listed;
  for (const auto& row : RowsOf("tables")) listed.insert(absl::StrCat(row[0], " ", row[3]));
  const LabelledResult none;
  for (const std::vector<DataTable>& tables :
       {DataTables(RunResult()), ComparisonTables({&none, 1})}) {
    for (const DataTable& table : tables) {
      for (const std::string& column : table.columns) {
        EXPECT_THAT(listed, Contains(absl::StrCat(table.name, " ", column)));
      }
    }
  }
  EXPECT_THAT(listed, AllOf(Contains("points end_state"), Contains("points cycles_per_operation")));
}

TEST_F(ListTest, BundledTracesAreListedWithWhatTheyHold) {
  std::map<std::string, std::vector<std::string>> traces;
  for (const auto& row : RowsOf("traces")) traces[row[0]] = row;
  ASSERT_TRUE(traces.contains("linux-6.1-slub-c4n2-hackbench"));
  const std::vector<std::string>& hackbench = traces["linux-6.1-slub-c4n2-hackbench"];
  EXPECT_THAT(hackbench[2], HasSubstr("6.1"));
  EXPECT_EQ(hackbench[3], "4");
  EXPECT_EQ(hackbench[4], "2");
  EXPECT_EQ(hackbench[5], "554404");
}

TEST_F(ListTest, WhatThereIsNotIsAnsweredWithTheNearest) {
  EXPECT_THAT(Stderr("list quriks").text,
              HasSubstr("unknown list 'quriks' (did you mean quirks?); valid are: allocators, "));
  EXPECT_THAT(Stderr("list").text, HasSubstr("list what? There are: allocators, machines, "));
  EXPECT_EQ(Stderr("list").exit_status, 2);
}

}  // namespace
}  // namespace slablab
