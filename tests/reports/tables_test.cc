// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/tables.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/gz_input.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/percpu_stats.h"
#include "reports/slabinfo.h"
#include "tests/reports/example_result.h"
#include "traces/sidecar/sidecar.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;

std::string Table(const std::string& name, Delimiter delimiter) {
  const absl::StatusOr<DataTable> table = FindTable(DataTables(ExampleResult()), name);
  return table.ok() ? WideText(*table, delimiter) : std::string(table.status().message());
}

TEST(TablesTest, WideTablesHaveAColumnForEachField) {
  EXPECT_EQ(Table("causes", Delimiter::kComma).substr(0, 40),
            "site,cause,cycles\nslub: alloc fast,instr");
  EXPECT_EQ(Table("skipped", Delimiter::kTab),
            "name\tcount\npercpu events\t1200\npage events\t34\n");
  EXPECT_THAT(Table("locks", Delimiter::kComma), HasSubstr("\nlist_lock,310,480,12,2210,96000,"));
}

TEST(TablesTest, LongFormHasAValueALine) {
  const std::string text = LongText(DataTables(ExampleResult()), Delimiter::kComma);
  EXPECT_EQ(text.substr(0, text.find('\n')), "table,row,column,value");
  EXPECT_THAT(text, HasSubstr("\nskipped,percpu events,count,1200\n"));
  EXPECT_THAT(text, HasSubstr("\ncounters,dentry/alloc_fastpath/all,value,36000\n"));
  EXPECT_THAT(text, HasSubstr("\ncounters,dentry/alloc_fastpath/C1,value,6000\n"));
  EXPECT_THAT(text, HasSubstr("\nkernel,all/alloc_fastpath,kernel,47100\n"));
  EXPECT_THAT(text, HasSubstr("\nrun,end_state_digest,value,00000000deadbeef\n"));
}

// A spreadsheet of runs says what their reports' heads say.
TEST(TablesTest, TheSettingIsInTheRunsTable) {
  RunResult result = ExampleResult();
  result.mutable_machine()->set_caches_source("assumed");
  result.mutable_kernel_match()->set_recorded("6.18.5");
  result.mutable_kernel_match()->set_rounded_otherwise(7);
  result.mutable_kernel_match()->add_worst()->set_recorded(24);
  result.mutable_places()->set_nodes_folded(3);
  const std::string text = LongText(DataTables(result), Delimiter::kComma);
  EXPECT_THAT(text, HasSubstr("\nrun,machine_caches_source,value,assumed\n"));
  EXPECT_THAT(text, HasSubstr("\nrun,kernels_recorded,value,6.18.5\n"));
  EXPECT_THAT(text, HasSubstr("\nrun,kernels_rounded_otherwise,value,7\n"));
  EXPECT_THAT(text, HasSubstr("\nrun,places_nodes_folded,value,3\n"));
  EXPECT_THAT(text, HasSubstr("\nrounding,0/0/24/0,kmallocs,0\n"));
}

TEST(TablesTest, FieldsAreQuotedOnlyWhereTheyMust) {
  const DataTable table{
      .name = "t", .keys = 1, .columns = {"a", "b"}, .rows = {{"plain", "x,\"y\"\nz\tw"}}};
  EXPECT_EQ(WideText(table, Delimiter::kComma), "a,b\nplain,\"x,\"\"y\"\"\nz\tw\"\n");
  EXPECT_EQ(WideText(table, Delimiter::kTab), "a\tb\nplain\tx,\"y\" z w\n");
}

TEST(TablesTest, NoFieldIsAFormulaAndNumbersStayNumbers) {
  const auto written = [](const std::string& field) {
    const DataTable table{.name = "t", .keys = 1, .columns = {"a"}, .rows = {{field}}};
    const std::string text = WideText(table, Delimiter::kTab);
    return text.substr(2, text.size() - 3);
  };
  for (const std::string field : {"=1+1", "+cmd()", "-2+3", "@SUM(A1)", "--1", "=", "@"}) {
    EXPECT_EQ(written(field), "'" + field);
  }
  for (const std::string field : {"-5", "-61.7%", "+5.4", "-1,204", "-", "a=b", "'=1", ""}) {
    EXPECT_EQ(written(field), field);
  }
  EXPECT_EQ(written("\x1b[31m"), "\\x1b[31m");
}

TEST(TablesTest, AnyResultsTablesAreRectangular) {
  Random random(5);
  for (int i = 0; i < 10; ++i) {
    std::set<std::string> names;
    for (const DataTable& table : DataTables(AnyResult(random))) {
      EXPECT_TRUE(names.insert(table.name).second) << table.name;
      EXPECT_LT(table.keys, table.columns.size());
      for (const auto& row : table.rows) {
        ASSERT_EQ(row.size(), table.columns.size()) << table.name;
      }
      const std::string text = WideText(table, Delimiter::kTab);
      EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')),
                table.rows.size() + 1);
    }
  }
}

TEST(TablesTest, UnknownTablesAreAnsweredWithThoseThereAre) {
  EXPECT_THAT(Table("lock", Delimiter::kComma),
              HasSubstr("unknown table 'lock' (did you mean locks?); valid are: run, totals, "
                        "skipped, rounding, otherwise, paths, "));
}

// Two lines as Linux 6.1 printed them, from the same figures.
TEST(SlabInfoTest, IsWhatTheKernelPrints) {
  EXPECT_EQ(
      SlabInfoText(ExampleResult()),
      "slabinfo - version: 2.1\n"
      "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
      " : tunables <limit> <batchcount> <sharedfactor>"
      " : slabdata <active_slabs> <num_slabs> <sharedavail>\n"
      "dentry              6867   6867    192   21    1 : tunables    0    0    0 : slabdata    "
      "327    327      0\n"
      "kmalloc-64           741    832     64   64    1 : tunables    0    0    0 : slabdata     "
      "13     13      0\n"
      "kmem_cache           160    160    256   16    1 : tunables    0    0    0 : slabdata     "
      "10     10      0\n");
}

void SetFigure(const std::string& name, int64_t value, google::protobuf::Message* message) {
  const google::protobuf::FieldDescriptor* const field =
      message->GetDescriptor()->FindFieldByName(name);
  ASSERT_NE(field, nullptr) << name;
  if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_UINT64) {
    message->GetReflection()->SetUInt64(message, field, static_cast<uint64_t>(value));
  } else {
    message->GetReflection()->SetInt64(message, field, value);
  }
}

// A file of a real kernel's, taken apart and put together again.
TEST(PercpuStatsTest, IsWhatTheKernelPrints) {
  for (const std::string machine : {"c1n1", "c16n4"}) {
    const std::string path = "tests/reference/machine-slub-" + machine + "/percpu_stats";
    const std::string text = ReadWholeFile(path).value();
    const PercpuStats stats = ParsePercpuStats(text, path).value();
    RunResult result;
    PercpuReport& percpu = *result.mutable_percpu();
    for (const auto& [name, value] : stats.values) {
      const bool is_of_layout =
          name.ends_with("_size") && name != "min_alloc_size" && name != "max_alloc_size";
      SetFigure(name, value,
                is_of_layout ? static_cast<google::protobuf::Message*>(percpu.mutable_layout())
                             : &percpu);
    }
    for (const PercpuChunkStats& each : stats.chunks) {
      PercpuChunkReport& chunk = *percpu.add_chunks();
      chunk.set_kind(each.is_first ? "first" : (each.is_reserved ? "reserved" : ""));
      for (const auto& [name, value] : each.values) SetFigure(name, value, &chunk);
    }
    EXPECT_EQ(PercpuStatsText(result), text);
    EXPECT_THAT(WideText(*FindTable(DataTables(result), "percpu_chunks"), Delimiter::kTab),
                HasSubstr("\n1\tfirst\t"));
    EXPECT_THAT(WideText(*FindTable(DataTables(result), "percpu"), Delimiter::kTab),
                HasSubstr("\nlayout_dyn_size\t29848\n"));
    percpu.mutable_chunks(0)->set_kind("sidelined");
    EXPECT_THAT(PercpuStatsText(result), HasSubstr("\nChunk (sidelined):\n  nr_alloc "));
  }
}

}  // namespace
}  // namespace slablab
