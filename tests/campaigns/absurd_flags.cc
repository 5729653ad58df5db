// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Absurd command lines: every flag of every command with values that nobody means (missing, empty,
// huge, repeated, bytes that are no text, files of another kind, folders, devices), through the
// real program. Whatever is asked, it answers with status 0, 1 or 2 and words; it never dies of a
// signal, blames itself, hangs, speaks control characters to the terminal, or leaves a file half
// written.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "base/check.h"
#include "base/random.h"
#include "cli/commands/commands.h"
#include "cli/flags.h"
#include "tests/campaigns/campaign.h"
#include "tests/campaigns/child.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr std::string_view kPrecious = "what was there before\n";

void WriteFile(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The kinds of file that a user may hand over, right or wrong, in a folder that stays.
class Inputs {
 public:
  explicit Inputs(const std::string& program) {
    std::string name = (fs::temp_directory_path() / "absurd-XXXXXX").string();
    CHECK(mkdtemp(name.data()) != nullptr);
    folder_ = name;
    Make(program, {"workload", "write", "larson", "--set=slots=20", "--machine=vm-c4n2", "-o",
                   Path("tiny.slt")});
    for (const char* format : {"proto", "json"}) {
      Make(program,
           {"run", Path("tiny.slt"), "--machine=vm-c4n2", absl::StrCat("--format=", format), "-o",
            Path(absl::StrCat("result.", format))});
    }
    Make(program, {"run", Path("tiny.slt"), "--machine=vm-c4n2",
                   absl::StrCat("--operations=", Path("operations.log")), "-o", "/dev/null"});
    Add("suite.textproto",
        "base { trace: \"tiny.slt\" machine: \"vm-c4n2\" } point { name: \"a\" }");
    Add("sweep.textproto", "base { trace: \"tiny.slt\" machine: \"vm-c4n2\" } seed: [1, 2]");
    Add("run.textproto", "trace: \"tiny.slt\" machine: \"vm-c4n2\"");
    Add("storm.textproto", "events { at_us: 5 pressure { node: -1 } }");
    Add("machine.textproto", "base: \"vm-c4n2\"");
    Add("half.slt", ReadFile(Path("tiny.slt")).substr(0, 999));
    Add("tracefs.txt",
        "# tracer: nop\n            sh-1  [000] .....  1.000001: kmalloc: call_site=f+0x1/0x2 "
        "ptr=0000000000001000 bytes_req=8 bytes_alloc=8 gfp_flags=GFP_KERNEL\n");
    Add("empty", "");
    std::string noise;
    Random random(1, 1);
    for (int i = 0; i < 5000; ++i) noise += static_cast<char>(random.Next());
    Add("noise", noise);
    fs::create_directory(Path("folder"));
    fs::create_symlink("loop", Path("loop"));
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names_.push_back(entry.path());
      std::error_code is_a_loop;
      if (entry.is_regular_file(is_a_loop)) contents_[entry.path()] = ReadFile(entry.path());
    }
    std::sort(names_.begin(), names_.end());
    for (const char* name : {"/dev/null", "/dev/full", "/dev/zero", "/proc/self/mem", "/", ".",
                             "..", "/nonexistent/x", "-", "tiny", "mine.slt"}) {
      names_.emplace_back(name);
    }
  }
  ~Inputs() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;

  // As they were: a command may have been told to write to one.
  void Restore() const {
    for (const auto& [path, bytes] : contents_) {
      if (ReadFile(path) != bytes) WriteFile(path, bytes);
    }
  }

  std::string Path(const std::string& name) const { return (fs::path(folder_) / name).string(); }
  const Words& names() const { return names_; }
  const std::string& folder() const { return folder_; }

 private:
  void Add(const std::string& name, std::string_view bytes) { WriteFile(Path(name), bytes); }
  static void Make(const std::string& program, Words words) {
    words.insert(words.begin(), program);
    const ChildEnding ending = RunChild(words, {.patience = std::chrono::minutes(2)});
    if (ending.exit_status == 0) return;
    std::fprintf(stderr, "absurd_flags: cannot begin: %s\n", ending.error.c_str());
    std::exit(1);
  }

  std::string folder_;
  Words names_;
  std::map<std::string, std::string> contents_;  // by path
};

// Makes command lines by chance.
class CommandLines {
 public:
  CommandLines(const Inputs& inputs, Random& random) : inputs_(inputs), random_(random) {}

  Words Next() {
    const absl::Span<const Command> commands = Commands();
    const Command* command = nullptr;
    // These would record this machine.
    do {
      command = &commands[random_.Below(commands.size())];
    } while (command->name == "capture" || command->name == "demo" || command->name == "why");
    Words words =
        absl::StrSplit(absl::string_view(command->name.data(), command->name.size()), ' ');
    if (Chance(3)) words.pop_back();
    if (Chance(70)) AddUsual(*command, &words);
    const uint64_t more = random_.Below(6);
    for (uint64_t i = 0; i < more; ++i) AddWord(*command, &words);
    return words;
  }

 private:
  bool Chance(uint64_t percent) { return random_.Below(100) < percent; }
  template <typename List>
  std::string Any(const List& list) {
    return std::string(*(std::begin(list) + static_cast<ptrdiff_t>(random_.Below(
                                                static_cast<uint64_t>(std::size(list))))));
  }

  // What makes the command line nearly right, so that what follows is reached.
  void AddUsual(const Command& command, Words* words) {
    const std::string name(command.name);
    if (name == "explain") words->insert(words->end(), {"slub-7.2", "slub-7.3"});
    if (name == "run" || name == "compare" || name == "timeline" || name == "slowest" ||
        name == "explain" || absl::StartsWith(name, "trace ")) {
      words->push_back(inputs_.Path("tiny.slt"));
    } else if (name == "check") {
      words->push_back(inputs_.Path("suite.textproto"));
    } else if (absl::StartsWith(name, "sweep")) {
      words->push_back(inputs_.Path("sweep.textproto"));
      words->push_back("--folder=results");
    } else if (name == "report" || name == "diff") {
      words->push_back(inputs_.Path("result.proto"));
      if (name == "diff") words->push_back(inputs_.Path("run.textproto"));
    } else if (absl::StartsWith(name, "workload")) {
      words->push_back("larson");
    } else if (name == "import") {
      words->push_back(inputs_.Path("tracefs.txt"));
    } else if (name == "list") {
      words->push_back("quirks");
    }
    if (name == "timeline" || name == "import" || name == "trace slice" ||
        name == "workload write") {
      words->push_back("-o");
      words->push_back("out");
    }
    if (name == "compare") words->push_back("--allocators=slub,slab");
  }

  void AddWord(const Command& command, Words* words) {
    if (command.flags.empty() || Chance(15)) {
      words->push_back(Chance(60) ? Any(inputs_.names()) : Junk());
      return;
    }
    if (Chance(4)) {
      words->push_back(Any(std::vector<std::string>{"--", "-o", "-l", "--=", "--no", "---", "-x",
                                                    "--output", "--help=1", "-h=", "--=x"}));
      return;
    }
    const std::string flag = Any(FlagNames(command));
    const std::string dashed = absl::StrReplaceAll(flag, {{"_", "-"}});
    const uint64_t form = random_.Below(100);
    if (form < 80) {
      words->push_back(absl::StrCat("--", dashed, "=", ValueOf(flag)));
    } else if (form < 90) {
      words->push_back("--" + dashed);
      words->push_back(ValueOf(flag));
    } else if (form < 95) {
      words->push_back("--" + dashed);
    } else {
      words->push_back("--no-" + dashed);
    }
  }

  // A value that the flag might have, or a wild one.
  std::string ValueOf(const std::string& flag) {
    if (Chance(45)) return Junk();
    if (Chance(10)) return Any(inputs_.names());
    if (const OptionRange* range = RangeOf(flag); range != nullptr) return Near(flag, *range);
    if (flag == "format") {
      return Any(Words{"text", "json", "jsonl", "csv", "tsv", "slabinfo", "percpu_stats", "proto",
                       "sqlite", "html"});
    }
    if (flag == "machine" || flag == "machines") return Machine();
    if (flag == "allocator" || flag == "allocators")
      return Allocator() + (Chance(20) ? ",slab" : "");
    if (flag == "quirks" || flag == "percpu_quirks") return Quirk();
    if (flag == "policy") return Policy();
    if (flag == "tune" || flag == "vary") return Tunable();
    if (flag == "workload") return Chance(80) ? "larson" : "nosuch";
    if (flag == "set") return absl::StrCat(Any(Words{"slots", "threads", "x", ""}), "=", Number());
    if (flag == "place") return Any(Words{"recorded", "spread", "pack"});
    if (flag == "order") return Any(Words{"recorded", "closed"});
    if (flag == "start") return Any(Words{"cold", "warm"});
    if (flag == "percpu") return Any(Words{"percpu", "percpu-km", "percpu-2010", "percpu-2010-km"});
    if (flag == "table") return Any(Words{"run", "causes", "metrics", "delta"});
    if (flag == "metrics") return Any(Words{"cycles_per_operation", "nosuch", ","});
    if (flag == "time") return Any(Words{"0,1", "1,", ",0.5", "8.05,", "1ns,2ns"});
    if (flag == "cpus") return Any(Words{"0", "0-3", "4095", "3-0", "0-4096"});
    if (flag == "events") return Any(Words{"0..5", "..", "5..1", "18446744073709551615.."});
    if (flag == "shard") return Any(Words{"1/2", "0/1", "2/1", "1/0", "9999999999/9999999999"});
    if (flag == "scenario") return inputs_.Path("storm.textproto");
    if (flag == "trace") return inputs_.Path("tiny.slt");
    if (flag == "output" || flag == "html" || flag == "junit" || flag == "operations") {
      return Any(Words{"out", "precious", "no/such/folder/out", "/dev/null", "/dev/full", "."});
    }
    return Junk();
  }

  // Small enough not to take long where it is right.
  std::string Near(const std::string& flag, const OptionRange& range) {
    if (flag == "scale") return Any(Words{"1", "2", "0", "4097"});
    if (flag == "pressure_us") return Any(Words{"0", "1000", "3600000001"});
    const uint64_t value = Any(Words{"0", "1"}) == "0" ? range.least : range.most;
    return absl::StrCat(value + random_.Below(3) - 1);
  }

  std::string Machine() {
    return Any(Words{"vm-c4n2", "vm-c4n2@8x2", "xeon-8380@4x1", "pack:2 core:2 pu:1", "numa:0",
                     "vm-c4n2@0x0", "vm-c4n2@99999x1", "pack:99999999", "generic", "host",
                     inputs_.Path("machine.textproto"), "vm-c4n2@1x2"});
  }
  std::string Allocator() {
    if (Chance(10)) return Any(Words{"all", "slbu", "percpu", "percpu-km"});
    return std::string(ListAllocators()[random_.Below(ListAllocators().size())].name);
  }
  std::string Policy() {
    const std::vector<PolicyInfo> policies = PoliciesOf(Allocator());
    if (policies.empty() || Chance(10)) return "sheaves.which=none";
    const PolicyInfo& policy = policies[random_.Below(policies.size())];
    const std::string value = policy.words.empty() || Chance(10) ? Number() : Any(policy.words);
    return absl::StrCat(Chance(10) ? Allocator() + ":" : "", std::string(policy.name), "=", value);
  }

  std::string Quirk() {
    const absl::Span<const QuirkInfo> quirks = SwitchesOf(Allocator()).quirks;
    return quirks.empty() || Chance(20) ? "32-bit"
                                        : std::string(quirks[random_.Below(quirks.size())].name);
  }
  std::string Tunable() {
    const ModelSwitches switches = SwitchesOf(Allocator());
    if (switches.tunables.empty()) return "limit=1";
    const TunableInfo& tunable = switches.tunables[random_.Below(switches.tunables.size())];
    const std::string value =
        Chance(50) ? Number() : absl::StrCat(Chance(50) ? tunable.least : tunable.least + 10);
    return absl::StrCat(Chance(10) ? "kmalloc-64:" : "", std::string(tunable.name), "=", value);
  }
  std::string Number() {
    return Any(Words{"0", "1", "-1", "7", "2147483647", "4294967296", "9223372036854775807",
                     "-9223372036854775808", "18446744073709551616", "1e9", "0x10", "", " 3",
                     "NaN"});
  }

  std::string Junk() {
    switch (random_.Below(8)) {
      case 0:
        return "";
      case 1:
        return Number();
      case 2:
        return std::string(1 + random_.Below(20'000), 'x');
      case 3: {
        std::string bytes;
        const uint64_t size = 1 + random_.Below(40);
        for (uint64_t i = 0; i < size; ++i) bytes += static_cast<char>(1 + random_.Below(255));
        return bytes;
      }
      case 4:
        return Any(Words{"=", ",", ",,,", "a=b=c", ":", ":=", "%s%n", "$(id)", "\033[31m", "..",
                         "a,a", ";", ";;", "=;=", "x=1;x=2"});
      case 5:
        return Any(inputs_.names());
      case 6:
        return "--" + Any(Words{"x", "help", "format=json", "version"});
      default:
        return Any(Words{"slub", "true", "false", "off", "text", "1/1", "0..1", "\xff\xfe", "ä"});
    }
  }

  const Inputs& inputs_;
  Random& random_;
};

std::string Shown(const Words& words) {
  std::string text;
  for (const std::string& word : words) {
    std::string safe = word.size() > 300 ? word.substr(0, 300) + "..." : word;
    for (char& c : safe) {
      if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) > '~') c = '?';
    }
    absl::StrAppend(&text, " '", safe, "'");
  }
  return text;
}

void Judge(Campaign& campaign, const Words& words, const ChildEnding& ending) {
  const std::string told = absl::StrCat(Shown(words), "\n    status ", ending.exit_status,
                                        ", said: ", ending.error.substr(0, 400));
  if (ending.hung) {
    campaign.Fault("hangs", told);
  } else if (ending.signal != 0) {
    campaign.Fault("signals", absl::StrCat("signal ", ending.signal, told));
  } else if (ending.exit_status < 0 || ending.exit_status > 2) {
    campaign.Fault("other statuses", told);
  } else {
    campaign.Count(absl::StrCat("of status ", ending.exit_status));
  }
  if (ending.exit_status == 2 && !absl::StartsWith(ending.error, "slablab: ")) {
    campaign.Fault("refusals without words", told);
  }
  if (HasControlBytes(ending.error)) campaign.Fault("control bytes in messages", told);
  for (const auto& entry : fs::recursive_directory_iterator(campaign.folder())) {
    if (absl::StrContains(entry.path().filename().string(), ".tmp-")) {
      campaign.Fault("temporaries left", absl::StrCat(entry.path().string(), told));
    }
  }
  // A JUnit report tells of refusals too.
  const bool reports = std::any_of(words.begin(), words.end(), [](const std::string& word) {
    return absl::StrContains(word, "junit");
  });
  const std::string precious = ReadFile(campaign.folder() + "/precious");
  if (ending.exit_status == 2 && !reports && precious != kPrecious) {
    campaign.Fault("files lost", told);
  }
}

}  // namespace

int AbsurdFlags(int argc, char** argv) {
  Campaign campaign("absurd_flags", 800,
                    {"hangs", "signals", "other statuses", "refusals without words",
                     "control bytes in messages", "temporaries left", "files lost"});
  if (!campaign.ParseFlags(argc, argv)) return 2;
  const Inputs inputs(campaign.program());
  return campaign.Run([&](uint64_t, Random& random) {
    WriteFile(campaign.folder() + "/precious", kPrecious);
    inputs.Restore();
    const Words words = CommandLines(inputs, random).Next();
    Words arguments = words;
    arguments.insert(arguments.begin(), campaign.program());
    Judge(campaign, words, RunChild(arguments, {.folder = campaign.folder()}));
  });
}

}  // namespace slablab

int main(int argc, char** argv) { return slablab::AbsurdFlags(argc, argv); }
