// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/text/text_page.h"

#include <string>

#include "gtest/gtest.h"
#include "reports/text/fitted_table.h"

namespace slablab {
namespace {

TEST(TextPageTest, ParagraphsBreakBetweenWordsAtEightyColumns) {
  TextPage page(/*colour=*/false);
  page.Paragraph(std::string(40, 'a') + " " + std::string(39, 'b') + " c");
  EXPECT_EQ(page.Take(), std::string(40, 'a') + " " + std::string(39, 'b') + "\nc\n");
}

TEST(TextPageTest, WordsLongerThanALineAreCut) {
  TextPage page(/*colour=*/false);
  page.Item(std::string(100, 'a'));
  EXPECT_EQ(page.Take(), "- " + std::string(78, 'a') + "\n  " + std::string(22, 'a') + "\n");
}

TEST(TextPageTest, LabelsStandInTheMargin) {
  TextPage page(/*colour=*/false);
  page.Labelled("cycles", "one two");
  page.Labelled("", "three");
  EXPECT_EQ(page.Take(), "cycles       one two\n             three\n");
}

TEST(TextPageTest, ColourIsAskedFor) {
  TextPage plain(/*colour=*/false);
  plain.Heading("Locks");
  EXPECT_EQ(plain.Take(), "Locks\n" + std::string(80, '-') + "\n");
  TextPage coloured(/*colour=*/true);
  coloured.Heading("Locks");
  EXPECT_EQ(coloured.Take(), "\033[1mLocks\033[0m\n" + std::string(80, '-') + "\n");
}

TEST(TextTableTest, TextIsShortenedAndNumbersAreRounded) {
  TextTable table({{"name", 8, TextTable::Column::kLeft}, {"n", 6}, {"mean", 6}});
  table.AddRow({"dentry", uint64_t{1'234}, TextCell::Mean(10, 4, 1)});
  table.AddRow({"a_long_name", uint64_t{1'234'567}, TextCell::Mean(12'345'678, 1, 1)});
  table.AddRow({"ends"});
  TextPage page(/*colour=*/false);
  page.Table(table);
  EXPECT_EQ(page.Take(),
            "name          n   mean\n"
            "----------------------\n"
            "dentry    1,234    2.5\n"
            "a_long.. 1.235M 12.35M\n"
            "ends\n");
}

TEST(TextTableTest, AMeanThatDoesNotFitIsRoundedAndATextIsCut) {
  TextTable table({{"name", 6, TextTable::Column::kLeft}, {"mean", 7}, {"share", 6}});
  table.AddRow({"a", TextCell::Mean(51'975, 10, 1), "100.0%"});
  table.AddRow({"b", TextCell::Mean(103'054, 10, 1), "-"});
  table.AddRow({"12345678", TextCell::Mean(12'345'678, 10, 1), "of none"});
  EXPECT_EQ(table.body(),
            "a      5,197.5 100.0%\n"
            "b       10,305      -\n"
            "1234..  1.235M of n..\n");
}

TEST(TextTableTest, NamesCannotMoveTheCursor) {
  TextTable table({{"", 20, TextTable::Column::kLeft}});
  table.AddRow({"\033[31m\r\n\t\u00e9"});
  EXPECT_EQ(table.body(), "?[31m?????\n");
}

// Nothing is cut; titles stand on the rule.
TEST(FittedTableTest, ColumnsAreAsWideAsWhatIsInThem) {
  FittedTable table;
  table.AddColumn({{"file"}, FittedTable::Column::kLeft});
  table.AddColumn({{"cycles", "per", "op"}});
  table.AddColumn({{""}, FittedTable::Column::kLeft});
  table.AddRow({"a/rather/long/name", "1.5", ""});
  table.AddRow({"b", "12,345.6", "WORSE"});
  EXPECT_EQ(table.Text(2),
            "                        cycles\n"
            "                           per\n"
            "  file                      op\n"
            "  -----------------------------------\n"
            "  a/rather/long/name       1.5\n"
            "  b                   12,345.6  WORSE\n");
}

TEST(FittedTableTest, ColumnsMoveTogetherWhereTheyWouldBeTooWide) {
  FittedTable table;
  table.AddColumn({{"a"}});
  table.AddColumn({{"b"}});
  table.AddRow({std::string(39, 'x'), std::string(39, 'y')});
  EXPECT_EQ(table.width(), 80u);
  table.AddRow({std::string(40, 'x'), std::string(39, 'y')});
  EXPECT_EQ(table.width(), 80u);
  table.AddRow({std::string(90, 'x'), "\033[31m"});
  EXPECT_EQ(table.width(), 130u);
  EXPECT_EQ(table.Text().find('\033'), std::string::npos);
}

}  // namespace
}  // namespace slablab
