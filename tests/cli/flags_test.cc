// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/flags.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/names.h"
#include "cli/commands/commands.h"
#include "cli/help.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

ABSL_FLAG(std::string, pet, "", "NAME: of the animal to feed.");
ABSL_FLAG(bool, warm_start, false, "Feed it warm.");
ABSL_FLAG(bool, loud, true, "Call it first.");
ABSL_FLAG(slablab::CommaList, toys, {}, "TOY,...: what it is given with it.");
ABSL_FLAG(slablab::SemicolonList, songs, {}, "WORDS,...: what it is sung; several with ';'.");
ABSL_FLAG(int, unrelated, 0, "A flag of no command.");

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

int Nothing(const std::vector<std::string>&) { return kExitOk; }

absl::Span<const Command> Table() {
  static constexpr std::string_view kFeedFlags[] = {"pet",   "warm_start", "loud", "output",
                                                    "limit", "format",     "toys", "songs"};
  static constexpr std::string_view kCloseFlags[] = {"pet"};
  static constexpr Format kFormats[] = {Format::kText, Format::kJson};
  static constexpr Command kTable[] = {
      {.name = "help", .synopsis = "[COMMAND]", .summary = "Help.", .run = Nothing},
      {.name = "version", .synopsis = "", .summary = "Version.", .run = Nothing},
      {.name = "feed",
       .synopsis = "FOOD...",
       .summary = "Feeds.",
       .flags = kFeedFlags,
       .formats = kFormats,
       .run = Nothing},
      {.name = "zoo open", .synopsis = "", .summary = "Opens the zoo.", .run = Nothing},
      {.name = "zoo close",
       .synopsis = "",
       .summary = "Closes the zoo.",
       .flags = kCloseFlags,
       .run = Nothing},
  };
  return kTable;
}

// Splits a command line at its spaces and parses it. Flags keep their values until the test ends.
class ParseTest : public ::testing::Test {
 protected:
  absl::StatusOr<Invocation> Parse(const std::string& line) {
    return ParseInvocation(Table(), absl::StrSplit(line, ' ', absl::SkipEmpty()));
  }
  std::string ErrorOf(const std::string& line) {
    const absl::StatusOr<Invocation> invocation = Parse(line);
    if (invocation.ok()) return "no error";
    EXPECT_EQ(invocation.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(invocation.status().message());
  }

 private:
  absl::FlagSaver saver_;
};

TEST_F(ParseTest, FindsCommandsOfOneAndTwoWords) {
  EXPECT_EQ(Parse("feed")->command->name, "feed");
  EXPECT_EQ(Parse("zoo close")->command->name, "zoo close");
  EXPECT_THAT(Parse("zoo close now")->arguments, ElementsAre("now"));
}

TEST_F(ParseTest, EveryWayToGiveAValueGivesIt) {
  for (const std::string words : {"--pet=cat", "--pet cat"}) {
    absl::SetFlag(&FLAGS_pet, "");
    ASSERT_TRUE(Parse("feed " + words).ok()) << words;
    EXPECT_EQ(absl::GetFlag(FLAGS_pet), "cat") << words;
  }
  for (const std::string words : {"--output=f", "--output f", "-o f", "-of"}) {
    absl::SetFlag(&FLAGS_output, "");
    ASSERT_TRUE(Parse("feed " + words).ok()) << words;
    EXPECT_EQ(absl::GetFlag(FLAGS_output), "f") << words;
  }
  for (const std::string words : {"--limit=7", "--limit 7", "-l 7", "-l7"}) {
    absl::SetFlag(&FLAGS_limit, std::nullopt);
    ASSERT_TRUE(Parse("feed " + words).ok()) << words;
    EXPECT_EQ(absl::GetFlag(FLAGS_limit), 7) << words;
  }
}

TEST_F(ParseTest, AValueMayBeEmptyOrADashOrHoldAnEqualsSign) {
  ASSERT_TRUE(Parse("feed --pet=cat --pet=").ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_pet), "");
  ASSERT_TRUE(Parse("feed --pet=a=b -o -").ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_pet), "a=b");
  EXPECT_EQ(absl::GetFlag(FLAGS_output), "-");
}

TEST_F(ParseTest, BooleansAreSetAndUnsetWithoutTakingTheNextWord) {
  const absl::StatusOr<Invocation> invocation = Parse("feed --warm-start hay --noloud oats");
  ASSERT_TRUE(invocation.ok());
  EXPECT_THAT(invocation->arguments, ElementsAre("hay", "oats"));
  EXPECT_TRUE(absl::GetFlag(FLAGS_warm_start));
  EXPECT_FALSE(absl::GetFlag(FLAGS_loud));
  ASSERT_TRUE(Parse("feed --loud --no-warm_start").ok());
  EXPECT_TRUE(absl::GetFlag(FLAGS_loud));
  EXPECT_FALSE(absl::GetFlag(FLAGS_warm_start));
  ASSERT_TRUE(Parse("feed --warm_start=true --no-loud").ok());
  EXPECT_TRUE(absl::GetFlag(FLAGS_warm_start));
  EXPECT_FALSE(absl::GetFlag(FLAGS_loud));
}

TEST_F(ParseTest, AListsValuesAddUpAndOfOtherFlagsTheLastCounts) {
  ASSERT_TRUE(Parse("feed --toys=ball,bone --songs=la,li --pet=cat --toys=rope --songs=lo "
                    "--pet=dog")
                  .ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_toys).text, "ball,bone,rope");
  EXPECT_EQ(absl::GetFlag(FLAGS_songs).text, "la,li;lo");
  EXPECT_EQ(absl::GetFlag(FLAGS_pet), "dog");
  ASSERT_TRUE(Parse("feed --toys=ball").ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_toys).text, "ball");
}

TEST_F(ParseTest, TwoDashesEndTheFlagsOnce) {
  const absl::StatusOr<Invocation> invocation = Parse("feed a --pet=cat -- --pet=dog -- -o");
  ASSERT_TRUE(invocation.ok());
  EXPECT_THAT(invocation->arguments, ElementsAre("a", "--pet=dog", "--", "-o"));
  EXPECT_EQ(absl::GetFlag(FLAGS_pet), "cat");
}

TEST_F(ParseTest, ASingleDashIsAnArgument) {
  EXPECT_THAT(Parse("feed -")->arguments, ElementsAre("-"));
}

TEST_F(ParseTest, EveryCallForHelpOrVersionBecomesThatCommand) {
  EXPECT_THAT(Parse("--help")->arguments, IsEmpty());
  EXPECT_THAT(Parse("-h feed")->arguments, ElementsAre("feed"));
  EXPECT_THAT(Parse("feed --pet=cat --help x")->arguments, ElementsAre("feed"));
  EXPECT_THAT(Parse("zoo open -h")->arguments, ElementsAre("zoo", "open"));
  EXPECT_THAT(Parse("zoo --help")->arguments, ElementsAre("zoo"));
  EXPECT_EQ(Parse("zoo --help")->command->name, "help");
  EXPECT_EQ(Parse("--version")->command->name, "version");
  EXPECT_EQ(Parse("feed -- --help")->command->name, "feed");
}

TEST_F(ParseTest, UnknownCommandsNameTheNearest) {
  EXPECT_THAT(ErrorOf("fede"), HasSubstr("no command 'fede' (did you mean feed?)"));
  EXPECT_THAT(ErrorOf("zoo opne"), HasSubstr("(did you mean open?); 'zoo' has: open, close"));
  EXPECT_THAT(ErrorOf("zo open"), HasSubstr("(did you mean zoo open?)"));
  EXPECT_THAT(ErrorOf("zoo"), HasSubstr("'zoo' wants one of: open, close"));
  EXPECT_THAT(ErrorOf("elephant"), Not(HasSubstr("did you mean")));
  EXPECT_THAT(ErrorOf(""), HasSubstr("what is to be done?"));
  EXPECT_THAT(ErrorOf("--pet=cat feed"), HasSubstr("the command comes before its flags"));
}

TEST_F(ParseTest, OnlyTheCommandsOwnFlagsAreTaken) {
  EXPECT_THAT(ErrorOf("feed --pte=cat"), HasSubstr("no flag --pte (did you mean --pet?)"));
  EXPECT_THAT(ErrorOf("feed --unrelated=1"), HasSubstr("'feed' has no flag --unrelated"));
  EXPECT_THAT(ErrorOf("zoo open --pet=cat"), HasSubstr("it takes none"));
  EXPECT_THAT(ErrorOf("zoo close -o x"), HasSubstr("'zoo close' has no flag -o"));
  EXPECT_THAT(ErrorOf("feed -x"), HasSubstr("no flag -x"));
  EXPECT_THAT(ErrorOf("feed --nopet"), HasSubstr("no flag --nopet"));
  EXPECT_THAT(ErrorOf("feed --flagfile=x"), HasSubstr("no flag --flagfile"));
}

TEST_F(ParseTest, BadValuesAreNamedWithTheirFlag) {
  const std::string range = "it takes a whole number in 0..18446744073709551615";
  EXPECT_EQ(ErrorOf("feed --limit=many"), "--limit=many: " + range);
  EXPECT_EQ(ErrorOf("feed --limit=-1"), "--limit=-1: " + range);
  EXPECT_EQ(ErrorOf("feed --warm_start=perhaps"), "--warm-start=perhaps: it takes true or false");
  EXPECT_EQ(ErrorOf("feed --format=josn"),
            "--format=josn: unknown format of 'feed' 'josn' (did you mean json?); valid are: text, "
            "json");
  EXPECT_THAT(ErrorOf("feed --pet"), HasSubstr("--pet wants a value"));
  EXPECT_THAT(ErrorOf("feed --pet --loud"), HasSubstr("--pet wants a value"));
  EXPECT_THAT(ErrorOf("feed -o"), HasSubstr("-o wants a value"));
}

TEST_F(ParseTest, AFormatThatTheCommandLacksIsRefusedWithThoseItHas) {
  ASSERT_TRUE(Parse("feed --format=json").ok());
  EXPECT_EQ(*FormatAmong({Format::kText, Format::kJson}), Format::kJson);
  EXPECT_THAT(ErrorOf("feed --format=csv"),
              HasSubstr("unknown format of 'feed' 'csv'; valid are: text, json"));
  EXPECT_THAT(FormatAmong({Format::kText}).status().message(),
              HasSubstr("--format=json: it is not offered here; valid are: text"));
}

TEST(NearestTest, OrdersByNearnessAndStopsAtThree) {
  EXPECT_THAT(NearestNames("slub", {"slab", "slob", "slub", "slubb", "percpu"}),
              ElementsAre("slub", "slubb", "slab"));
  EXPECT_THAT(NearestNames("lsub", {"slub"}), ElementsAre("slub"));
  EXPECT_THAT(NearestNames("x", {"percpu", "slub"}), IsEmpty());
  EXPECT_THAT(NearestNames("", {"slub"}), IsEmpty());
  EXPECT_THAT(NearestNames("hackbnech", {"netperf", "hackbench-pipes", "hackbench"}),
              ElementsAre("hackbench"));
  EXPECT_THAT(NearestNames("slbu", {"slub", "slab", "slub-2010"}), ElementsAre("slub"));
  EXPECT_THAT(NearestNames("penrin", {"penryn-2x4", "r910"}), ElementsAre("penryn-2x4"));
  EXPECT_THAT(NearestNames("hackbench", {"linux-6.1-hackbench", "x"}),
              ElementsAre("linux-6.1-hackbench"));
}

TEST(HelpTest, ShowsACommandsFlagsWithTheirValuesAndDefaults) {
  EXPECT_EQ(*HelpText(Table(), {"feed"}),
            "usage: slablab feed [FLAGS] FOOD...\n"
            "\n"
            "Feeds.\n"
            "\n"
            "flags:\n"
            "  --pet=NAME              of the animal to feed.\n"
            "  --warm-start            Feed it warm.\n"
            "  --loud                  Call it first. On by default: --no-loud turns it off.\n"
            "  --output=FILE           where to write; '-' is standard output (a trace is\n"
            "                          always a file). The file appears whole or not at all.\n"
            "                          Short: -o FILE.\n"
            "  --limit=N               show at most N rows of a table; 0 shows all. Short: -l\n"
            "                          N.\n"
            "  --format=FORMAT         how to print: text or json. Default: text.\n"
            "  --toys=TOY,...          what it is given with it.\n"
            "  --songs=WORDS,...       what it is sung; several with ';'.\n");
}

TEST(HelpTest, AFirstWordListsItsCommandsAndAnUnknownTopicIsAnError) {
  EXPECT_THAT(*HelpText(Table(), {"zoo"}), HasSubstr("  zoo close  Closes the zoo.\n"));
  EXPECT_THAT(*HelpText(Table(), {"zoo"}), Not(HasSubstr("feed")));
  EXPECT_THAT(HelpText(Table(), {"zoo", "clos"}).status().message(),
              HasSubstr("no command 'zoo clos' (did you mean zoo close?)"));
}

// The program's own table: a flag that is named and not defined would end the program.
TEST(HelpTest, EveryCommandOfTheProgramHasHelpWithinEightyColumns) {
  std::vector<std::string> names = {""};
  for (const Command& command : Commands()) names.emplace_back(command.name);
  for (const std::string& name : names) {
    const absl::StatusOr<std::string> help =
        HelpText(Commands(), absl::StrSplit(name, ' ', absl::SkipEmpty()));
    ASSERT_TRUE(help.ok()) << help.status();
    for (const absl::string_view line : absl::StrSplit(*help, '\n')) {
      EXPECT_LE(line.size(), 80u) << line;
    }
  }
}

// Help shows by three dots that a flag takes a list; its type has it take one in parts, too.
TEST(CommandTableTest, TheFlagsThatHelpShowsAsListsAreLists) {
  size_t lists = 0;
  for (const Command& command : Commands()) {
    for (const FlagHelp& help : FlagsOf(command)) {
      const std::string name =
          absl::StrReplaceAll(help.written.substr(2, help.written.find('=') - 2), {{"-", "_"}});
      EXPECT_EQ(absl::EndsWith(help.written, ",..."), (InfoOf(name).separator != 0))
          << command.name << " " << help.written;
      lists += (InfoOf(name).separator != 0);
    }
  }
  EXPECT_GT(lists, 20u);
}

// Whatever is written for it, a number's flag says its name and what it takes.
TEST(CommandTableTest, EveryNumbersFlagHasARangeThatItsErrorNames) {
  const absl::FlagSaver saver;
  size_t numbers = 0;
  for (const Command& command : Commands()) {
    for (const std::string& name : FlagNames(command)) {
      const RunSwitch* const of_run = FindSwitch(name);
      const absl::CommandLineFlag* const flag = absl::FindCommandLineFlag(name);
      ASSERT_NE(of_run == nullptr, flag == nullptr) << name;
      const bool is_number = of_run != nullptr
                                 ? of_run->is_number()
                                 : !flag->IsOfType<bool>() && !flag->IsOfType<std::string>() &&
                                       !flag->IsOfType<Format>() && InfoOf(name).separator == 0;
      ASSERT_EQ(RangeOf(name) != nullptr, is_number) << name;
      if (!is_number) continue;
      ++numbers;
      std::vector<std::string> words =
          absl::StrSplit(absl::string_view(command.name.data(), command.name.size()), ' ');
      const std::string dashed = absl::StrReplaceAll(name, {{"_", "-"}});
      for (const std::string value : {"", "x", "-1", "1e9", "18446744073709551616", "1.5"}) {
        words.push_back(absl::StrCat("--", dashed, "=", value));
        const absl::StatusOr<Invocation> invocation = ParseInvocation(Commands(), words);
        EXPECT_EQ(invocation.status().message(),
                  absl::StrCat("--", dashed, "=", value, ": it takes a whole number in ",
                               RangeOf(name)->least, "..", RangeOf(name)->most));
        words.pop_back();
      }
    }
  }
  EXPECT_GT(numbers, 20u);
}

// Help offers what is taken, and nothing else is.
TEST(CommandTableTest, EveryFormatThatHelpOffersIsTakenAndNoOther) {
  const absl::FlagSaver saver;
  for (const Command& command : Commands()) {
    const bool has_flag =
        std::find(command.flags.begin(), command.flags.end(), "format") != command.flags.end();
    EXPECT_EQ(has_flag, !command.formats.empty()) << command.name;
    if (!has_flag) continue;
    const std::vector<std::string> topic =
        absl::StrSplit(absl::string_view(command.name.data(), command.name.size()), ' ');
    const std::string help =
        absl::StrReplaceAll(*HelpText(Commands(), topic), {{"\n                          ", " "}});
    const size_t begin = help.find("how to print: ");
    const std::string offered = help.substr(begin, help.find('.', begin) - begin);
    for (const Format format :
         {Format::kText, Format::kMail, Format::kJson, Format::kCsv, Format::kTsv,
          Format::kJsonLines, Format::kSlabinfo, Format::kPercpuStats, Format::kProto,
          Format::kSqlite, Format::kHtml}) {
      std::vector<std::string> words = topic;
      words.push_back("--format=" + FormatName(format));
      const bool taken = ParseInvocation(Commands(), words).ok();
      EXPECT_EQ(taken, offered.find(FormatName(format)) != std::string::npos)
          << command.name << " " << FormatName(format);
    }
  }
}

TEST(CommandTableTest, NamesAreUniqueAndOfOneOrTwoWords) {
  std::vector<std::string> names;
  for (const Command& command : Commands()) {
    names.emplace_back(command.name);
    EXPECT_LE(std::count(names.back().begin(), names.back().end(), ' '), 1) << command.name;
    EXPECT_NE(command.run, nullptr) << command.name;
    EXPECT_FALSE(command.summary.empty()) << command.name;
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace slablab
