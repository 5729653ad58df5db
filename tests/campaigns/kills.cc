// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Commands that write, killed at random moments by every signal that ends a program. Afterwards
// there is the whole new output, or what was there before, and no other file; inputs are what they
// were; a sweep that was killed has only whole results, and gone on with gives the same bytes; and
// after a killed capture the next slablab leaves nothing of it.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/random.h"
#include "fmt/format.h"
#include "tests/campaigns/campaign.h"
#include "tests/campaigns/child.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Files = std::map<std::string, std::string>;  // contents by name

constexpr char kHalf[] = "half-written output";
constexpr char kStray[] = "stray file";
constexpr char kInput[] = "changed input";
constexpr char kFailed[] = "command failed by itself";
constexpr char kResumed[] = "resumed sweep differs";
constexpr char kCapture[] = "capture left something";
constexpr char kOld[] = "what was there before";

// All that by default end a program, but for those that are dumped from within.
const std::vector<int>& Signals() {
  static const auto& signals = *new std::vector<int>{
      SIGKILL, SIGINT,  SIGTERM, SIGHUP,    SIGQUIT, SIGPIPE,   SIGALRM,  SIGUSR1,
      SIGUSR2, SIGABRT, SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,     SIGPWR,   SIGSYS,
      SIGTRAP, SIGSEGV, SIGBUS,  SIGFPE,    SIGILL,  SIGSTKFLT, SIGRTMIN, SIGRTMIN + 7};
  return signals;
}

// Every third is the one that nobody can catch.
int SignalOf(Random& random) {
  return random.Chance(1, 3) ? SIGKILL : Signals()[random.Below(Signals().size())];
}

// A command that makes `outputs`, in a folder where "recording.txt", "in.slt" and the like are.
struct Command {
  std::string name;
  std::vector<std::string> words;
  std::vector<std::string> outputs;
  // Of an uninterrupted run:
  Files whole = {};
  std::chrono::microseconds duration = {};
};

Files FilesOf(const std::string& folder) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      files[fs::relative(entry.path(), folder).string()] = Contents(entry.path().string());
    }
  }
  return files;
}

class Kills {
 public:
  explicit Kills(Campaign& campaign) : campaign_(campaign) {
    WriteInputs();
    for (Command& command : commands_) Learn(command);
    LearnSweep();
    LearnCapture();
  }

  void Round(Random& random) {
    // A capture takes as long as several others, and a sweep as its points.
    const uint64_t choice = random.Below(60);
    if (choice < 3) {
      RoundOfSweep(random);
    } else if (choice == 3 && captures_) {
      RoundOfCapture(random);
    } else {
      RoundOfCommand(commands_[random.Below(commands_.size())], random);
    }
  }

 private:
  std::string Path(const std::string& name) const { return campaign_.folder() + "/" + name; }

  ChildOptions Options() const {
    return {.folder = campaign_.folder(),
            .environment = {"TMPDIR=" + Path("tmp")},
            .cpu_seconds = 0};  // SIGXCPU is among the signals
  }
  std::vector<std::string> Words(const std::vector<std::string>& words) const {
    std::vector<std::string> all = {campaign_.program()};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  ChildEnding Do(const std::vector<std::string>& words) const {
    return RunChild(Words(words), Options());
  }

  void WriteInputs() {
    std::string text = "cpus=2\n";
    for (uint64_t i = 0; i < 8'000; ++i) {
      fmt::format_to(std::back_inserter(text),
                     "  sh-7  [00{}]  {}.{:09}: kmalloc: call_site=f+0x1 ptr={:#x} bytes_req=60 "
                     "bytes_alloc=64 gfp_flags=GFP_KERNEL node=-1 accounted=false\n",
                     i % 2, 1 + i / 1'000'000, i % 1'000'000 * 1000, 0xffff888100000000 + 64 * i);
    }
    inputs_["recording.txt"] = text;
    inputs_["in.slt"] = Contents(Runfile("traces/samples/linux-6.1-slub-c4n2-net.slt"));
    const std::string base = "base { trace: \"in.slt\" machine: \"vm-c4n2\" events_max: 3000 }\n";
    inputs_["sweep.textproto"] = base + "allocator: [\"slub\", \"slab\", \"slubq\"] seed: [1, 2]\n";
    inputs_["suite.textproto"] = base + "point { name: \"slub\" }\n";
    fs::create_directory(Path("tmp"));
    for (const auto& [name, contents] : inputs_) WriteContents(Path(name), contents);
    CHECK_EQ(Do({"run", "--trace=in.slt", "--machine=vm-c4n2", "--events-max=3000",
                 "--format=proto", "-o", "a.result"})
                 .exit_status,
             0);
    inputs_["a.result"] = Contents(Path("a.result"));
    const std::vector<std::string> run = {"--trace=in.slt", "--machine=vm-c4n2",
                                          "--events-max=3000"};
    const auto with_run = [&run](std::vector<std::string> words) {
      words.insert(words.end(), run.begin(), run.end());
      return words;
    };
    commands_ = {
        {"import", {"import", "recording.txt", "-o", "out"}, {"out"}},
        {"slice", {"trace", "slice", "in.slt", "--events", "1..", "-o", "out"}, {"out"}},
        {"workload",
         {"workload", "write", "slab-batch", "--machine=vm-c4n2", "-o", "out"},
         {"out"}},
        {"run",
         with_run({"run", "--operations=log", "--format=proto", "-o", "out"}),
         {"out", "log"}},
        {"compare",
         with_run({"compare", "--allocators=slub,slab", "--format=html", "-o", "out"}),
         {"out"}},
        {"timeline", with_run({"timeline", "-o", "out"}), {"out"}},
        {"report", {"report", "a.result", "--format=html", "-o", "out"}, {"out"}},
        {"check",
         {"check", "--update", "--workers=1", "suite.textproto"},
         {"suite.baselines.textproto"}},
    };
  }

  // Puts the folder into the state before a round.
  void Reset(const Command* command, bool old_outputs) const {
    campaign_.ClearFolder();
    fs::create_directory(Path("tmp"));
    for (const auto& [name, contents] : inputs_) WriteContents(Path(name), contents);
    if (command == nullptr || !old_outputs) return;
    for (const std::string& output : command->outputs) {
      // A baseline is read too.
      const bool is_read = command->name == "check";
      WriteContents(Path(output), is_read ? command->whole.at(output) : kOld);
    }
  }

  void Learn(Command& command) const {
    Reset(nullptr, false);
    const Clock::time_point start = Clock::now();
    const ChildEnding ending = Do(command.words);
    command.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    if (ending.exit_status != 0) {
      campaign_.Fault(kFailed, command.name + ": " + ending.error);
    }
    for (const std::string& output : command.outputs) {
      command.whole[output] = Contents(Path(output));
    }
  }

  // Waits a random part of `duration`, and a little more, and sends the signal.
  ChildEnding Kill(const std::vector<std::string>& words, std::chrono::microseconds duration,
                   int number, Random& random) const {
    Child child(Words(words), Options());
    const auto moment = static_cast<int64_t>(
        random.Below(static_cast<uint64_t>(duration.count() + duration.count() / 8 + 1)));
    usleep(static_cast<useconds_t>(moment));
    // As a shell's Ctrl-C does, or to it alone.
    kill(random.Chance(1, 3) ? -child.pid() : child.pid(), number);
    return child.End();
  }

  // Everything that is there but what `allowed` says, and inputs that are not what they were.
  void CheckFolder(const std::vector<std::string>& allowed, const std::string& what) const {
    Files files = FilesOf(campaign_.folder());
    // Who gives a file its name outlives a kill by a moment.
    for (int polls = 0; polls < 5'000; ++polls) {
      const bool naming = std::any_of(files.begin(), files.end(), [](const auto& file) {
        return absl::StartsWith(fs::path(file.first).filename().string(), ".slablab.tmp-");
      });
      if (!naming) break;
      usleep(1'000);
      files = FilesOf(campaign_.folder());
    }
    for (const auto& [name, contents] : files) {
      if (const auto input = inputs_.find(name); input != inputs_.end()) {
        if (contents != input->second) campaign_.Fault(kInput, what + ": " + name);
      } else if (std::find(allowed.begin(), allowed.end(), name) == allowed.end() &&
                 !absl::StartsWith(name, "sweep.results/")) {
        campaign_.Fault(kStray, what + ": " + name);
      }
    }
    for (const auto& [name, contents] : inputs_) {
      if (files.count(name) == 0) campaign_.Fault(kInput, what + ": " + name + " is gone");
    }
  }

  static std::string Described(const std::string& name, int number, const ChildEnding& ending) {
    return absl::StrCat(name, " by signal ", number, " (exit status ", ending.exit_status,
                        ", signal ", ending.signal, "): ", ending.error);
  }

  void CountEnding(const std::string& name, int number, const ChildEnding& ending) {
    campaign_.Count("kills of " + name);
    campaign_.Count(number == SIGKILL ? "kills by SIGKILL" : "kills by other signals");
    campaign_.Count(ending.exit_status == 0 ? "that came too late" : "that ended it");
  }

  void RoundOfCommand(const Command& command, Random& random) {
    const bool old_outputs = random.Chance(1, 2);
    Reset(&command, old_outputs);
    const int number = SignalOf(random);
    const ChildEnding ending = Kill(command.words, command.duration, number, random);
    CountEnding(command.name, number, ending);
    const std::string what = Described(command.name, number, ending);
    if (ending.hung) campaign_.Fault(kFailed, what + " hung");
    CheckFolder(command.outputs, what);
    for (const std::string& output : command.outputs) {
      const bool is_there = fs::exists(Path(output));
      const std::string contents = is_there ? Contents(Path(output)) : "";
      const bool is_whole = is_there && contents == command.whole.at(output);
      const bool is_old = old_outputs ? contents == kOld : !is_there;
      if (ending.exit_status == 0 ? !is_whole : !is_whole && !is_old) {
        campaign_.Fault(kHalf, absl::StrCat(what, ": ", output, " of ", contents.size(), " bytes"));
      }
    }
  }

  void LearnSweep() {
    Reset(nullptr, false);
    const Clock::time_point start = Clock::now();
    const ChildEnding ending = Do({"sweep", "run", "--workers=2", "sweep.textproto"});
    sweep_duration_ = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    if (ending.exit_status != 0) campaign_.Fault(kFailed, "sweep: " + ending.error);
    sweep_whole_ = FilesOf(Path("sweep.results"));
    sweep_merged_ = Do({"sweep", "merge", "--format=proto", "sweep.textproto"}).out;
  }

  // Killed several times over, and then gone on with.
  void RoundOfSweep(Random& random) {
    Reset(nullptr, false);
    const uint64_t kills = 1 + random.Below(3);
    for (uint64_t i = 0; i < kills; ++i) {
      const int number = SignalOf(random);
      const ChildEnding ending =
          Kill({"sweep", "run", "--workers=2", "sweep.textproto"}, sweep_duration_, number, random);
      CountEnding("sweep", number, ending);
      const std::string what = Described("sweep", number, ending);
      CheckFolder({}, what);
      if (!fs::exists(Path("sweep.results"))) continue;
      for (const auto& [name, contents] : FilesOf(Path("sweep.results"))) {
        const auto whole = sweep_whole_.find(name);
        if (whole == sweep_whole_.end()) {
          campaign_.Fault(kStray, what + ": " + name);
        } else if (whole->second != contents) {
          campaign_.Fault(kHalf, what + ": " + name);
        }
      }
    }
    const ChildEnding rest = Do({"sweep", "run", "--workers=2", "sweep.textproto"});
    campaign_.Count("sweeps gone on with");
    if (rest.exit_status != 0) campaign_.Fault(kFailed, "sweep: " + rest.error);
    if (FilesOf(Path("sweep.results")) != sweep_whole_ ||
        Do({"sweep", "merge", "--format=proto", "sweep.textproto"}).out != sweep_merged_) {
      campaign_.Fault(kResumed, rest.error);
    }
  }

  static std::vector<std::string> CaptureWords() {
    return {"capture", "--buffer-kib=1024", "-o", "out.slt", "--", "true"};
  }

  static std::string TracingState() {
    std::string state;
    for (const char* name : {"trace_clock", "tracing_on", "current_tracer", "events/enable"}) {
      state += Contents(std::string("/sys/kernel/tracing/") + name);
    }
    return state;
  }

  void LearnCapture() {
    Reset(nullptr, false);
    const Clock::time_point start = Clock::now();
    captures_ = Do(CaptureWords()).exit_status == 0;
    capture_duration_ = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    if (!captures_) fmt::print("this machine does not let us capture\n");
  }

  void RoundOfCapture(Random& random) {
    Reset(nullptr, false);
    const std::string before = TracingState();
    const int number = SignalOf(random);
    Child child(Words(CaptureWords()), Options());
    const pid_t pid = child.pid();
    usleep(static_cast<useconds_t>(
        random.Below(static_cast<uint64_t>(capture_duration_.count()) + 1)));
    child.Signal(number);
    const ChildEnding ending = child.End();
    CountEnding("capture", number, ending);
    const std::string what = Described("capture", number, ending);
    Do({"version"});
    CheckFolder({"out.slt"}, what);
    if (fs::exists(Path("out.slt")) && Do({"trace", "validate", "out.slt"}).exit_status != 0) {
      campaign_.Fault(kHalf, what);
    }
    if (!fs::is_empty(Path("tmp"))) campaign_.Fault(kCapture, what + ": a folder");
    if (fs::exists(fmt::format("/sys/kernel/tracing/instances/slablab-{}", pid))) {
      campaign_.Fault(kCapture, what + ": an instance");
    }
    if (TracingState() != before) campaign_.Fault(kCapture, what + ": settings");
  }

  Campaign& campaign_;
  Files inputs_;
  std::vector<Command> commands_;
  std::chrono::microseconds sweep_duration_ = {};
  Files sweep_whole_;
  std::string sweep_merged_;
  bool captures_ = false;
  std::chrono::microseconds capture_duration_ = {};
};

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) {
  using namespace slablab;
  Campaign campaign("kills", 250, {kHalf, kStray, kInput, kFailed, kResumed, kCapture});
  if (!campaign.ParseFlags(argc, argv)) return 2;
  Kills kills(campaign);
  return campaign.Run([&](uint64_t, Random& random) { kills.Round(random); });
}
