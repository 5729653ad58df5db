// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What bash offers when the tabulator is pressed, and what man makes of the manual page.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "cli/commands/commands.h"
#include "cli/flags.h"
#include "cli/help.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"
#include "tests/traces/random_trace.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

std::string Collected(const std::string& command) {
  std::string text;
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  char buffer[4096];
  while (const size_t bytes = std::fread(buffer, 1, sizeof(buffer), pipe)) {
    text.append(buffer, bytes);
  }
  pclose(pipe);
  return text;
}

class CompletionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Ending script = Stdout("completion bash");
    ASSERT_EQ(script.exit_status, 0);
    WriteContents(Path("script"), script.text);
    WriteContents(Path("fork.slt"), "");
    WriteContents(Path("file with blanks.slt"), "");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return absl::StrCat(folder_, "/", name); }

  // What is offered for a line with the cursor at its end, its words cut as bash cuts them.
  std::vector<std::string> Offered(const std::string& line) const {
    std::vector<std::string> words = {""};
    for (const char c : line) {
      if (c == ' ') {
        words.emplace_back();
      } else if (c == '=' || c == ':') {
        if (words.back().empty()) words.pop_back();
        words.emplace_back(1, c);
        words.emplace_back();
      } else {
        words.back() += c;
      }
    }
    // After "=" bash has no empty word: the cursor is on the "=".
    if (words.back().empty() && line.back() != ' ') words.pop_back();
    std::string quoted;
    for (const std::string& word : words) absl::StrAppend(&quoted, " '", word, "'");
    WriteContents(Path("driver"),
                  absl::StrCat("cd ", folder_, "\nset -u\nsource ./script\nCOMP_WORDS=(", quoted,
                               ")\nCOMP_CWORD=", words.size() - 1,
                               "\n_slablab\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"));
    std::vector<std::string> offered = absl::StrSplit(
        Collected(absl::StrCat("bash ", Path("driver"), " 2>&1")), '\n', absl::SkipEmpty());
    std::sort(offered.begin(), offered.end());
    return offered;
  }
  const std::string folder_ = NewFolder();
};

TEST_F(CompletionTest, CommandsAreOffered) {
  EXPECT_THAT(Offered("slablab "), IsSupersetOf({"run", "sweep", "trace", "check", "help"}));
  EXPECT_THAT(Offered("slablab ver"), ElementsAre("verify", "version"));
  EXPECT_THAT(Offered("slablab trace "), ElementsAre("dump", "info", "slice", "stat", "validate"));
  EXPECT_THAT(Offered("slablab sweep m"), ElementsAre("merge"));
  EXPECT_THAT(Offered("slablab help swe"), ElementsAre("sweep"));
  EXPECT_THAT(Offered("slablab nosuch "), Not(Contains("run")));
}

TEST_F(CompletionTest, EveryCommandsFlagsAreOffered) {
  for (const Command& command : Commands()) {
    SCOPED_TRACE(command.name);
    const std::vector<std::string> offered =
        Offered(absl::StrCat("slablab ", std::string(command.name), " --"));
    EXPECT_EQ(offered.size(), FlagNames(command).size() + 1);
    EXPECT_THAT(offered, Contains("--help"));
  }
  EXPECT_THAT(Offered("slablab run --merge"), ElementsAre("--merge-caches"));
  EXPECT_THAT(Offered("slablab run --no-st"), ElementsAre("--no-statistics"));
  EXPECT_THAT(Offered("slablab sweep run --wo"), ElementsAre("--workers="));
}

TEST_F(CompletionTest, ValuesOfFlagsAreOffered) {
  EXPECT_THAT(Offered("slablab run --allocator=slub"),
              IsSupersetOf({"slub", "slub-2010", "slubq-v2", "slubq", "slubq-v4"}));
  EXPECT_THAT(Offered("slablab run --allocator="), Contains("slab-2014"));
  EXPECT_THAT(Offered("slablab run --allocator slab-"),
              AllOf(Contains("slab-2014"), Each(StartsWith("slab-"))));
  EXPECT_THAT(Offered("slablab run --machine=xe"), ElementsAre("xeon-8380"));
  EXPECT_THAT(Offered("slablab report --format=t"), ElementsAre("text", "tsv"));
  EXPECT_THAT(Offered("slablab sweep merge --metrics=frees,lock_w"),
              ElementsAre("frees,lock_wait_cycles"));
  EXPECT_THAT(Offered("slablab list m"), ElementsAre("machines", "metrics"));
  EXPECT_THAT(Offered("slablab run --workload=hack"), ElementsAre("hackbench", "hackbench-pipes"));
  EXPECT_THAT(Offered("slablab workload show slab-r"), ElementsAre("slab-remote"));
  EXPECT_THAT(Offered("slablab workload write lars"), ElementsAre("larson"));
}

// A tunable is a word up to its "="; it may have a cache before it, and others before that.
TEST_F(CompletionTest, TunablesAreOfferedForTuneAndVary) {
  std::vector<std::string> keys;
  for (const AllocatorInfo& allocator : ListAllocators()) {
    const ModelSwitches switches = SwitchesOf(allocator.name);
    for (const TunableInfo& tunable : switches.tunables) {
      keys.push_back(absl::StrCat(std::string(tunable.name), "="));
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  EXPECT_THAT(Offered("slablab run --tune="), ElementsAreArray(keys));
  EXPECT_THAT(Offered("slablab compare --vary "), IsSupersetOf(keys));
  EXPECT_THAT(Offered("slablab run --tune=cpu_p"), ElementsAre("cpu_partial="));
  EXPECT_THAT(Offered("slablab run --tune kmalloc-64:cpu_p"), ElementsAre("cpu_partial="));
  // Bash replaces what is behind its last cut: behind the "=" here.
  EXPECT_THAT(Offered("slablab run --tune=limit=5,cpu_p"), ElementsAre("5,cpu_partial="));
  EXPECT_THAT(Offered("slablab run --tune=limit=5,dentry:cpu_p"), ElementsAre("cpu_partial="));
  EXPECT_THAT(Offered("slablab compare --vary=see"), ElementsAre("seed="));
  EXPECT_THAT(Offered("slablab compare --vary=merge"), ElementsAre("merge-caches="));
  EXPECT_THAT(Offered("slablab compare --vary=cpu_partial=0,6;see"), ElementsAre("0,6;seed="));
  // Behind the "=" stand numbers, which no list has.
  EXPECT_THAT(Offered("slablab compare --vary=cpu_partial=0,see"),
              Not(Contains(HasSubstr("seed="))));
}

TEST_F(CompletionTest, FilesAreOfferedWhereFilesAreWanted) {
  EXPECT_THAT(Offered("slablab run --trace=fo"), ElementsAre("fork.slt"));
  EXPECT_THAT(Offered("slablab run --trace fi"), ElementsAre("file with blanks.slt"));
  EXPECT_THAT(Offered("slablab trace info f"), ElementsAre("file with blanks.slt", "fork.slt"));
  EXPECT_THAT(Offered("slablab report -o fo"), ElementsAre("fork.slt"));
}

TEST(ManPageTest, RendersWithoutAWarning) {
  const std::string folder = NewFolder();
  const std::string page = folder + "/slablab.1";
  const Ending man = Stdout("man");
  ASSERT_EQ(man.exit_status, 0);
  WriteContents(page, man.text);
  EXPECT_THAT(Collected(absl::StrCat("groff -man -ww -Tutf8 ", page, " 2>&1 >/dev/null")),
              IsEmpty());
  const std::string text =
      Collected(absl::StrCat("groff -man -Tascii -P-cbou -rLL=300n ", page, " 2>/dev/null"));
  // No flag and no command is missing.
  for (const Command& command : Commands()) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("slablab ", std::string(command.name))));
    for (const FlagHelp& flag : FlagsOf(command)) {
      EXPECT_THAT(text, HasSubstr(flag.written)) << command.name;
    }
  }
  EXPECT_THAT(text,
              AllOf(HasSubstr("EXIT STATUS"), HasSubstr("source <(slablab completion bash)")));
  for (const WorkloadInfo& workload : ListWorkloads()) {
    EXPECT_THAT(text, HasSubstr(workload.description));
    for (const WorkloadParameterSpec& parameter : workload.spec.parameters()) {
      EXPECT_THAT(text, HasSubstr(absl::StrCat(parameter.name(), "=", parameter.value(), ": ")));
    }
  }
  std::filesystem::remove_all(folder);
}

// Of each workload its parameters with their defaults, and of each kind of object why it is used.
TEST(ListTest, WorkloadsSayWhatTheyTakeAndUse) {
  const Ending list = Stdout("list workloads");
  ASSERT_EQ(list.exit_status, 0);
  std::string flat;
  for (const absl::string_view line : absl::StrSplit(list.text, '\n')) {
    EXPECT_LE(line.size(), 80u) << line;
    absl::StrAppend(&flat, absl::StripAsciiWhitespace(line), " ");
  }
  for (const WorkloadInfo& workload : ListWorkloads()) {
    for (const WorkloadParameterSpec& parameter : workload.spec.parameters()) {
      EXPECT_THAT(flat, HasSubstr(absl::StrCat(parameter.name(), "=", parameter.value(), ": ",
                                               parameter.description())));
    }
    for (const WorkloadUse& use : workload.spec.uses()) {
      EXPECT_THAT(flat, HasSubstr(absl::StrCat(" for ", use.name(), ": ", use.why())));
    }
  }
  EXPECT_EQ(Stderr("list workload").exit_status, 2);
}

TEST(InstallTest, BashAndManFindWhatIsInstalled) {
  const std::string folder = NewFolder();
  namespace fs = std::filesystem;
  const std::string runfiles = absl::StrCat(std::getenv("TEST_SRCDIR"), "/slablab/");
  fs::create_directory(folder + "/source");
  fs::copy(fs::canonical(runfiles + "install.sh"), folder + "/source/install.sh");
  fs::create_symlink(fs::canonical(runfiles + "cli/slablab"), folder + "/source/slablab");
  const std::string prefix = folder + "/a prefix";
  const std::string said =
      Collected(absl::StrCat(folder, "/source/install.sh '", prefix, "' 2>&1"));
  EXPECT_THAT(said, HasSubstr("slablab: installed in "));
  EXPECT_THAT(Collected(absl::StrCat("'", prefix, "/bin/slablab' version")),
              StartsWith("slablab "));
  EXPECT_THAT(Collected(absl::StrCat("bash -c 'source \"", prefix,
                                     "/share/bash-completion/completions/slablab\"; "
                                     "complete -p slablab' 2>&1")),
              HasSubstr("_slablab"));
  EXPECT_TRUE(fs::exists(prefix + "/share/man/man1/slablab.1"));
  fs::remove_all(folder);
}

TEST(HelpTest, EveryCommandSaysWhatItDoesAndEveryFlagToo) {
  for (const Command& command : Commands()) {
    const Ending help = Stdout(absl::StrCat("help ", std::string(command.name)));
    EXPECT_EQ(help.exit_status, 0);
    EXPECT_THAT(help.text, HasSubstr(absl::StrCat("usage: slablab ", std::string(command.name))));
    EXPECT_GT(command.summary.size(), 15u) << command.name;
    EXPECT_EQ(command.summary.back(), '.') << command.name;
    for (const FlagHelp& flag : FlagsOf(command)) {
      EXPECT_GT(flag.text.size(), 10u) << command.name << " " << flag.written;
      EXPECT_THAT(flag.written, Not(EndsWith("=VALUE"))) << command.name;
    }
    for (const absl::string_view line : absl::StrSplit(help.text, '\n')) {
      EXPECT_LE(line.size(), 80u) << line;
    }
  }
}

}  // namespace
}  // namespace slablab
