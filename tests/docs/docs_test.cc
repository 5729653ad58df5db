// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The documentation, run: every command of README.md, ARCHITECTURE.md and docs/ is started, and
// what the pages say that it prints is what it prints. Commands that need what a test has not
// (root, a network, a file of the reader's, minutes) are at least understood by the program's own
// parser. doc_blocks.h has how a page says which is which.
//
//   bazel run //tests/docs:docs_test -- --write     # brings the pages' output up to date

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/types/span.h"
#include "cli/commands/commands.h"
#include "cli/flags.h"
#include "cli/simulation_flags.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runs/simulation/run_check.h"
#include "sim/machine/machine_loader.h"
#include "tests/cli/run_program.h"
#include "tests/docs/doc_blocks.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

bool writes_pages = false;

std::vector<std::string> Pages() {
  std::vector<std::string> pages = {"ARCHITECTURE.md", "README.md"};
  const fs::path docs = fs::path(Runfile("docs/report.md")).parent_path();
  for (const auto& entry : fs::recursive_directory_iterator(docs)) {
    if (entry.path().extension() != ".md") continue;
    pages.push_back("docs/" + entry.path().lexically_relative(docs).string());
  }
  std::sort(pages.begin(), pages.end());
  return pages;
}

// --- What is only looked at. ---

// "NAME", "N" and "..." stand for what a reader has.
bool IsPlaceholder(const std::string& text) {
  static const std::regex& placeholder =
      *new std::regex(R"re((^|[^A-Za-z])[A-Z][A-Z]+([^A-Za-z]|$)|=[A-Z]$|\||\.\.\.|…)re");
  return std::regex_search(text, placeholder);
}

// What the program's parser has against a command line; empty if nothing.
std::string ParserComplaint(const std::vector<std::string>& words) {
  const absl::FlagSaver saver;
  std::vector<std::string> known;
  std::vector<std::string> flags_only;
  for (const std::string& word : words) {
    if (!IsPlaceholder(word)) {
      known.push_back(word);
    } else if (absl::StartsWith(word, "--")) {
      flags_only.push_back(absl::StrReplaceAll(word.substr(2, word.find('=') - 2), {{"-", "_"}}));
    }
  }
  const absl::StatusOr<Invocation> invocation = ParseInvocation(Commands(), known);
  if (!invocation.ok()) return std::string(invocation.status().message());
  const std::vector<std::string> flags = FlagNames(*invocation->command);
  for (const std::string& flag : flags_only) {
    if (std::find(flags.begin(), flags.end(), flag) == flags.end()) return "no flag --" + flag;
  }
  const absl::StatusOr<RunSpec> run = RunOfFlags();
  if (!run.ok()) return std::string(run.status().message());
  SimulationOptions options;
  options.run = WithDefaults(*run);
  for (const ModelValue& value : ModelValues(options)) {
    if (!value.status.ok()) return std::string(value.status.message());
  }
  return "";
}

// The command lines of slablab in a shell's line: alone, in a pipe, or quoted for another program.
std::vector<std::vector<std::string>> SlablabWords(const std::string& line) {
  static const std::regex& call = *new std::regex(R"re((^|[\s('|;])(\./)?slablab\s)re");
  std::vector<std::vector<std::string>> found;
  for (std::sregex_iterator i(line.begin(), line.end(), call), end; i != end; ++i) {
    const char before = i->str()[0];
    std::string rest = line.substr(static_cast<size_t>(i->position() + i->length()));
    char quote = 0;
    for (size_t at = 0; at < rest.size(); ++at) {
      const char c = rest[at];
      const bool ends = quote == 0 && (c == '|' || c == ';' || c == '>' || c == '<' || c == ')' ||
                                       (before == '\'' && c == '\''));
      if (ends && !(c == '|' && at > 0 && rest[at - 1] != ' ')) {
        rest.resize(at);
        break;
      }
      if (quote == 0 && (c == '\'' || c == '"')) {
        quote = c;
      } else if (c == quote) {
        quote = 0;
      }
    }
    found.push_back(WordsOf(rest));
  }
  return found;
}

// --- What is run. ---

// A folder that has what the root of a clone has, and the bundled traces under short names.
class DocsTest : public FolderTest, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    const fs::path root = fs::path(Runfile("README.md")).parent_path();
    setenv("SLABLAB_ROOT", root.c_str(), 1);
    for (const char* name : {"traces", "docs", "tests"}) {
      fs::create_directory_symlink(root / name, Path(name));
    }
    fs::create_directory(Path("bin"));
    fs::create_symlink(Runfile("cli/slablab"), Path("bin/slablab"));
    fs::create_symlink(Runfile("cli/slablab"), Path("slablab"));
    for (const char* name : {"fork", "fs", "hackbench", "net"}) {
      // A copy: what a command writes goes where a link leads.
      fs::copy_file(Sample(name), Path(absl::StrCat(name, ".slt")));
    }
  }

  // What a command of the page prints. It has to succeed.
  std::string Output(const std::string& command) {
    const auto [known, added] = outputs_.try_emplace(command);
    if (!added) return known->second;
    const std::string errors = Path("errors");
    const std::string script = Write("script", absl::StrCat(command, "\n"));
    const Ending ending = Collect(absl::StrCat("cd ", folder(), " && PATH=", Path("bin"),
                                               ":$PATH bash ", script, " 2>", errors));
    EXPECT_EQ(ending.exit_status, 0) << command << "\n" << Contents(errors);
    return known->second = ending.text;
  }

  void Look(const std::string& line, const std::string& where) {
    for (const std::vector<std::string>& words : SlablabWords(line)) {
      EXPECT_EQ(ParserComplaint(words), "") << where << line;
      // The plan of a sweep says whether it could be run.
      if (words.size() < 3 || words[0] != "sweep" || !fs::exists(Path(words[2]))) continue;
      Output(absl::StrCat("slablab sweep plan --limit=1 ", words[2]));
    }
  }

 private:
  std::map<std::string, std::string> outputs_;
};

TEST_P(DocsTest, WhatThePageSaysIsSo) {
  const std::string path =
      writes_pages ? absl::StrCat(std::getenv("BUILD_WORKSPACE_DIRECTORY"), "/", GetParam())
                   : Runfile(GetParam());
  std::string page = Contents(path);
  std::string complaint;
  const size_t blocks = BlocksOf(page, &complaint).size();
  EXPECT_EQ(complaint, "") << GetParam();
  for (size_t i = 0; i < blocks; ++i) {
    const DocBlock block = BlocksOf(page, &complaint)[i];
    const std::string where = absl::StrCat(GetParam(), ":", block.line + 1, ": ");
    std::string says;
    switch (block.kind) {
      case DocBlock::Kind::kAsIs:
        continue;
      case DocBlock::Kind::kWrites:
        Write(block.subject, block.text);
        continue;
      case DocBlock::Kind::kParsed:
        for (const std::string& command : CommandsOf(block.text)) Look(command, where);
        continue;
      case DocBlock::Kind::kCommands:
        for (const std::string& command : CommandsOf(block.text)) {
          ASSERT_THAT(SlablabWords(command), Not(IsEmpty()))
              << where << "'" << command << "' is no command of slablab: say what holds this block";
          Output(command);
        }
        continue;
      case DocBlock::Kind::kFile: {
        static const std::regex& comment = *new std::regex(R"re((^|\n)#[^\n]*)re");
        says = std::regex_replace(Contents(Path(block.subject)), comment, "");
        says.erase(0, says.find_first_not_of('\n'));
        break;
      }
      case DocBlock::Kind::kPrints:
        says = Excerpt(block, Output(block.subject));
        ASSERT_NE(says, "") << where << "the command prints no such part: " << block.subject;
        break;
    }
    if (writes_pages) {
      page = WithBlock(page, block, says);
    } else {
      EXPECT_EQ(block.text, says) << where
                                  << "bazel run //tests/docs:docs_test -- --write mends it";
    }
  }
  if (writes_pages) WriteContents(path, page);
}

TEST_P(DocsTest, EveryCommandInProseIsUnderstood) {
  const std::string page = Contents(Runfile(GetParam()));
  for (const std::string& command : InlineCommands(page)) {
    Look(command, absl::StrCat(GetParam(), ": "));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Pages, DocsTest, ::testing::ValuesIn(Pages()),
    [](const ::testing::TestParamInfo<std::string>& page) {
      return absl::StrReplaceAll(page.param, {{"docs/", ""}, {".md", ""}, {"/", "_"}});
    });

// --- How pages are read. ---

TEST(DocBlocksTest, BlocksAreFoundWithWhatHoldsThem) {
  const std::string page =
      "Text.\n"
      "\n"
      "<!-- prints 2 lines from \"b\": slablab x | y -->\n"
      "```\n"
      "b\n"
      "c\n"
      "```\n"
      "\n"
      "    slablab list machines  # all\n"
      "      --format=tsv\n"
      "\n"
      "- an item\n"
      "\n"
      "    that goes on\n"
      "  <!-- parsed: takes\n"
      "       an hour -->\n"
      "  ```\n"
      "  slablab sweep run x\n"
      "  ```\n";
  std::string complaint;
  const std::vector<DocBlock> blocks = BlocksOf(page, &complaint);
  EXPECT_EQ(complaint, "");
  ASSERT_THAT(blocks, SizeIs(3));
  EXPECT_EQ(blocks[0].kind, DocBlock::Kind::kPrints);
  EXPECT_EQ(blocks[0].subject, "slablab x | y");
  EXPECT_EQ(blocks[0].text, "b\nc\n");
  EXPECT_EQ(Excerpt(blocks[0], "a\nb1\nb2\nb3\n"), "b1\nb2\n");
  EXPECT_THAT(WithBlock(page, blocks[0], "d\n"), HasSubstr("```\nd\n```\n\n    slablab"));
  EXPECT_EQ(blocks[1].kind, DocBlock::Kind::kCommands);
  EXPECT_THAT(CommandsOf(blocks[1].text), ElementsAre("slablab list machines --format=tsv"));
  EXPECT_EQ(blocks[2].kind, DocBlock::Kind::kParsed);
  EXPECT_EQ(blocks[2].text, "slablab sweep run x\n");
}

TEST(DocBlocksTest, ACommentThatSaysNothingKnownIsAComplaint) {
  std::string complaint;
  BlocksOf("<!-- print: x -->\n```\nx\n```\n", &complaint);
  EXPECT_THAT(complaint, HasSubstr("line 3: what is 'print: x'?"));
}

TEST(DocBlocksTest, WhatTheParserWouldRefuseIsFound) {
  EXPECT_EQ(ParserComplaint({"run", "x.slt", "--place=spread", "--allocator=NAME"}), "");
  EXPECT_THAT(ParserComplaint({"run", "--plcae=spread"}), HasSubstr("--place"));
  EXPECT_THAT(ParserComplaint({"run", "--place=sprad"}), HasSubstr("did you mean spread?"));
  EXPECT_THAT(ParserComplaint({"run", "--quirks=stale-node-counts"}), HasSubstr("unknown quirk"));
  EXPECT_THAT(ParserComplaint({"run", "--alocator=NAME"}), HasSubstr("no flag --alocator"));
  EXPECT_THAT(SlablabWords("sbatch --wrap 'slablab sweep run x.textproto --shard=1/2'"),
              ElementsAre(ElementsAre("sweep", "run", "x.textproto", "--shard=1/2")));
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  slablab::writes_pages = argc > 1 && std::string(argv[1]) == "--write";
  return RUN_ALL_TESTS();
}
