// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Mutated inputs of every kind that slablab reads, under the real program. Whatever is in a file,
// the program ends in time with status 0 or 2 (or 1, where it is an answer), an error is one line
// that names the file, nothing but the asked-for output is left, and no control character is
// printed. A mutated workload may be a long one: it has to show on a terminal that it goes on, and
// to end when it is asked to.

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/gz_input.h"
#include "tests/campaigns/campaign.h"
#include "tests/campaigns/child.h"
#include "tests/campaigns/mutations.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

constexpr int kExitInterrupted = 130;

// A command line; words with a blank at their ends do not occur. "IN" is the mutated file, "OUT" a
// trace that the command makes.
struct Trial {
  std::vector<std::string> words;
  bool may_answer_one = false;
  bool may_be_long = false;
};

// What is mutated, under which name, and what reads it.
struct Subject {
  std::string name;
  std::string file_name;
  std::vector<std::string> seeds;
  std::vector<Trial> trials;
};

std::string Data(const std::string& path) {
  const char* runfiles = std::getenv("TEST_SRCDIR");
  return runfiles == nullptr ? path : std::string(runfiles) + "/slablab/" + path;
}

std::string BytesOf(const std::string& path) {
  std::ifstream file(Data(path), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The first lines of a text, which may be gzipped: enough events to matter, few enough to be quick.
std::string HeadOf(const std::string& path, size_t lines) {
  const absl::StatusOr<std::string> text = ReadWholeFile(Data(path));
  if (!text.ok()) return {};
  size_t end = 0;
  for (; lines > 0 && end != std::string::npos; --lines) end = text->find('\n', end + 1);
  return end == std::string::npos ? *text : text->substr(0, end + 1);
}

std::vector<Trial> RecordingTrials() {
  return {{{"import", "IN", "-o", "OUT"}},
          {{"import", "--lenient", "IN", "-o", "OUT"}},
          {{"trace", "stat", "--caller", "--alloc", "IN"}}};
}

std::vector<Subject> Subjects() {
  const std::string sample = Data("traces/samples/linux-6.1-percpu-c8n2.slt");
  const std::vector<std::string> quick = {"--events-max=2000", "--trace=" + sample,
                                          "--allocator=percpu"};
  const auto run = [&quick](std::vector<std::string> words) {
    words.insert(words.begin(), "run");
    words.insert(words.end(), quick.begin(), quick.end());
    return Trial{words};
  };
  return {
      {"report text",
       "trace.txt",
       {HeadOf("tests/traces/data/recording-6.18.report-t.txt.gz", 80),
        HeadOf("tests/traces/data/recording-6.18.report-raw.txt.gz", 80),
        BytesOf("tests/traces/data/trace-cmd-report-3.1.6-6.18.txt")},
       RecordingTrials()},
      {"tracefs text",
       "trace.txt",
       {HeadOf("tests/traces/data/recording-6.18.tracefs.txt.gz", 80)},
       RecordingTrials()},
      {"perf text",
       "perf.txt",
       {HeadOf("tests/traces/data/perf-script-6.18.txt.gz", 80),
        HeadOf("tests/traces/data/perf-script-F-ip-sym.txt", 80)},
       RecordingTrials()},
      {"trace.dat",
       "trace.dat",
       {BytesOf("tests/traces/data/recording-6.18.dat")},
       RecordingTrials()},
      {"slt",
       "trace.slt",
       {BytesOf("traces/samples/linux-6.1-percpu-c8n2.slt")},
       {{{"trace", "info", "IN"}},
        {{"trace", "info", "--salvage", "IN"}},
        {{"trace", "dump", "--limit=200", "IN"}},
        {{"trace", "validate", "IN"}, /*may_answer_one=*/true},
        {{"trace", "stat", "IN"}},
        {{"run", "--trace=IN", "--allocator=percpu", "--events-max=2000", "--machine=vm-c4n2"}},
        {{"run", "--trace=IN", "--events-max=2000", "--machine=vm-c4n2"}},
        {{"run", "--trace=IN", "--events-max=2000", "--order=closed", "--machine=vm-c4n2"}}}},
      {"machine XML",
       "machine.xml",
       {BytesOf("tests/campaigns/data/machine.xml")},
       {run({"--machine=IN"})}},
      {"machine textproto",
       "machine.textproto",
       {BytesOf("tests/campaigns/data/machine.textproto")},
       {run({"--machine=IN"})}},
      {"workload textproto",
       "workload.textproto",
       {BytesOf("tests/campaigns/data/workload.textproto")},
       {{{"workload", "show", "IN"}},
        {{"run", "--machine=vm-c4n2", "--workload=IN"}, false, /*may_be_long=*/true},
        {{"run", "--machine=xeon-8380@4x2", "--allocator=slab", "--workload=IN"},
         false,
         /*may_be_long=*/true}}},
      {"scenario textproto",
       "scenario.textproto",
       {BytesOf("tests/campaigns/data/scenario.textproto")},
       {{{"run", "--machine=vm-c4n2", "--workload=slab-pairs", "--set=objects=100",
          "--scenario=IN"}}}},
      {"sweep textproto",
       "sweep.textproto",
       {BytesOf("tests/campaigns/data/sweep.textproto")},
       {{{"sweep", "plan", "IN"}}}},
      {"result",
       "result.json",
       {BytesOf("tests/campaigns/data/result.json")},
       {{{"report", "IN"}},
        {{"report", "--format=csv", "IN"}},
        {{"report", "--format=html", "IN", "-o", "OUT"}}}},
      {"reference run",
       "run.ref",
       {HeadOf("tests/reference/slub-c2n1-x008-bursts.ref.gz", 200)},
       {{{"verify", "IN"}, /*may_answer_one=*/true}}},
  };
}

// What a terminal shows after all: without what was drawn and erased again.
std::string WithoutDrawings(const std::string& text) {
  constexpr std::string_view kErase = "\r\033[K";
  std::string left;
  size_t at = 0;
  while (at < text.size()) {
    const size_t erase = std::min(text.find(kErase, at), text.size());
    const size_t next = std::min(erase + kErase.size(), text.size());
    // Messages end with a line end.
    const size_t line = text.rfind('\n', erase);
    if (line != text.npos && line >= at) left += text.substr(at, line + 1 - at);
    at = next;
  }
  return left;
}

std::string LastDrawn(const std::string& text) {
  const size_t at = text.rfind('\r');
  return at == text.npos ? "" : text.substr(at);
}

class MutatedInputs {
 public:
  explicit MutatedInputs(Campaign& campaign) : campaign_(campaign), subjects_(Subjects()) {}

  void Round(Random& random) {
    const Subject& subject = subjects_[random.Below(subjects_.size())];
    std::string bytes = subject.seeds[random.Below(subject.seeds.size())];
    Mutate(random, &bytes);
    const std::string input = campaign_.folder() + "/" + subject.file_name;
    input_ = input;
    std::ofstream(input, std::ios::binary) << bytes;
    campaign_.Count("inputs");
    const Trial& trial = subject.trials[random.Below(subject.trials.size())];
    const ChildEnding ending = Try(trial, input);
    const std::string output = campaign_.folder() + "/out";
    if (ending.exit_status != 0 || !fs::exists(output)) return;
    // What was imported can be looked at and replayed.
    if (trial.words[0] != "import") return;
    Try({{"trace", "dump", output}}, output);
    Try({{"trace", "validate", output}}, output);
    Try({{"run", "--machine=vm-c4n2", "--trace=" + output}}, output);
  }

 private:
  ChildEnding Try(const Trial& trial, const std::string& input) {
    const std::string output = campaign_.folder() + "/out";
    std::vector<std::string> command = {campaign_.program()};
    std::string shown;
    for (std::string word : trial.words) {
      const size_t at = word.find("IN");
      if (at != word.npos && at + 2 == word.size()) word.replace(at, 2, input);
      if (word == "OUT") word = output;
      command.push_back(word);
      shown += " " + word;
    }
    const bool had_output = fs::exists(output);
    Child child(command, {.folder = campaign_.folder(),
                          .environment = {"NO_COLOR=1"},
                          .terminal = trial.may_be_long});
    const bool was_long = trial.may_be_long && EndedLongRun(child);
    ChildEnding ending = child.End();
    if (trial.may_be_long) ending.error = WithoutDrawings(ending.error);
    if (was_long && ending.exit_status == kExitInterrupted) {
      campaign_.Count("commands");
      campaign_.Count("long runs that went on and ended when asked");
    } else {
      Judge(trial, input, ending, shown, had_output);
    }
    return ending;
  }

  // Asks for the end of a run that takes long and goes on. What does not go on is left to the
  // program's own watchdog, and to our patience.
  static bool EndedLongRun(Child& child) {
    constexpr std::chrono::seconds kLong(3);
    constexpr int kTurnsMax = 20;
    if (child.WaitFor(kLong)) return false;
    const std::string drawn = LastDrawn(child.on_terminal());
    for (int turn = 0; turn < kTurnsMax; ++turn) {
      if (child.WaitFor(kLong)) return false;
      if (LastDrawn(child.on_terminal()) == drawn) continue;
      child.Signal(SIGINT);
      return true;
    }
    return false;
  }

  void Judge(const Trial& trial, const std::string& input, const ChildEnding& ending,
             const std::string& shown, bool had_output) {
    const int status = ending.exit_status;
    const std::string detail = "slablab" + shown + ": status " + std::to_string(status) + ": " +
                               ending.error.substr(0, 400) + ending.out.substr(0, 400);
    campaign_.Count("commands");
    if (ending.hung) return Fault("hung", input, detail);
    if (ending.signal != 0) return Fault("crashed", input, detail);
    if (status == 0) {
      campaign_.Count("accepted");
    } else if (status == 2) {
      campaign_.Count("refused with status 2");
      if (!IsError(ending.error, input)) Fault("errors that name no file", input, detail);
    } else if (status == 1 && trial.may_answer_one) {
      campaign_.Count("answered with status 1");
    } else {
      Fault("other exit statuses", input, detail);
    }
    if (HasControlBytes(ending.out) || HasControlBytes(ending.error)) {
      Fault("control characters printed", input, detail);
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(campaign_.folder())) {
      const bool is_asked_for = entry.path().filename() == "out" && (status == 0 || had_output);
      if (entry.path() != input_ && !is_asked_for) {
        Fault("files left over", input, detail + entry.path().string());
      }
    }
  }

  static bool IsError(const std::string& error, const std::string& input) {
    const size_t at = error.find("slablab: ");
    return at != error.npos &&
           error.find(fs::path(input).filename().string()) != std::string::npos && !error.empty() &&
           error.back() == '\n';
  }

  // Keeps what was read, and the mutated file that it was made of, for whoever looks at it.
  void Fault(const std::string& kind, const std::string& input, const std::string& detail) {
    ++faults_;
    std::string kept = Keep(input);
    if (input != input_) kept += ", made of " + Keep(input_);
    campaign_.Fault(kind, detail + " (its input: " + kept + ")");
  }

  std::string Keep(const std::string& input) const {
    const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
    const fs::path copy =
        fs::path(folder == nullptr ? "/tmp" : folder) /
        ("mutated-" + std::to_string(faults_) + "-" + fs::path(input).filename().string());
    std::error_code ignored;
    fs::copy_file(input, copy, fs::copy_options::overwrite_existing, ignored);
    return copy.string();
  }

  Campaign& campaign_;
  const std::vector<Subject> subjects_;
  std::string input_;  // the round's
  uint64_t faults_ = 0;
};

int Main(int argc, char** argv) {
  Campaign campaign("mutated_inputs", 1000,
                    {"crashed", "hung", "other exit statuses", "errors that name no file",
                     "control characters printed", "files left over"});
  if (!campaign.ParseFlags(argc, argv)) return 2;
  MutatedInputs inputs(campaign);
  return campaign.Run([&](uint64_t, Random& random) { inputs.Round(random); });
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) { return slablab::Main(argc, argv); }
