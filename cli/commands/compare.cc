// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "allocators/policies.h"
#include "allocators/registry.h"
#include "base/interrupt.h"
#include "base/names.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "cli/reproduce.h"
#include "cli/result_output.h"
#include "cli/simulation_flags.h"
#include "runs/experiments/printable.h"
#include "runs/experiments/saved_results.h"
#include "runs/experiments/variation.h"
#include "runs/recorded/bundled_traces.h"
#include "runs/simulation/model_choice.h"
#include "runs/simulation/simulation.h"
#include "traces/slt/trace.h"

ABSL_FLAG(
    slablab::CommaList, allocators, {},
    "NAME,...: the models to compare, the first is the base; all: every one there is. Without "
    "this, --allocator and --machines, all.");
ABSL_FLAG(slablab::CommaList, machines, {}, "MACHINE,...: the machines to compare.");
ABSL_FLAG(slablab::SemicolonList, vary, {},
          "NAME=V,...: the values to compare: of a tunable, a policy, a parameter of the "
          "workload, or a flag of run (cpu_partial=0,6,30, sheaves.which=none,default, seed=1,2); "
          "several NAMEs with ';' between them.");
ABSL_FLAG(
    uint32_t, seeds, 1,
    "N: run each with so many seeds, from --seed on; the first lines then are of medians, and "
    "say how far a change varies over the seeds.");
ABSL_FLAG(std::string, html, "slablab-demo.html", "FILE: where to leave the HTML report.");

namespace slablab {

namespace {

constexpr std::string_view kOwnFlags[] = {"allocators", "machines", "vary", "seeds"};
constexpr auto kFlags = Joined(kOwnFlags, kEverySwitch, kResultFlags, kSetFlags);
constexpr std::string_view kOwnDemoFlags[] = {"html"};
constexpr auto kDemoFlags = Joined(kOwnDemoFlags, kResultFlags, kSetFlags);

constexpr size_t kRunsMax = 1000;  // more are a sweep's work

std::vector<std::string> AllAllocators() { return NamesOf(ListAllocators()); }

// Every allocator on every machine, as `options` says in all else.
std::vector<VariedRun> Crossed(const SimulationOptions& options,
                               const std::vector<std::string>& allocators,
                               const std::vector<std::string>& machines) {
  std::vector<VariedRun> all;
  for (const std::string& machine : machines) {
    for (const std::string& allocator : allocators) {
      all.push_back({.options = options, .varied = {}, .notes = {}});
      all.back().options.run.set_allocator(allocator);
      all.back().options.run.set_machine(machine);
      DropForeignPolicies(&all.back().options.run);
    }
  }
  return all;
}

absl::StatusOr<std::vector<RunResult>> SimulateAll(const std::vector<VariedRun>& simulations) {
  std::vector<RunResult> results;
  const InterruptScope interrupts;
  for (const VariedRun& run : simulations) {
    const SimulationOptions& options = run.options;
    const std::string what = absl::StrCat(options.run.allocator(), run.varied, " (",
                                          results.size() + 1, " of ", simulations.size(), ")");
    const SimulationHooks hooks = {.progress = SimulationProgress(what),
                                   .stop = InterruptRequested};
    absl::StatusOr<RunResult> result = Simulate(options, hooks);
    if (!result.ok()) {
      return absl::Status(
          result.status().code(),
          simulations.size() == 1
              ? std::string(result.status().message())
              : absl::StrCat(options.run.allocator(), run.varied, " on ", options.run.machine(),
                             ": ", result.status().message()));
    }
    for (const std::string& note : run.notes) {
      *result->add_assumptions() = note;
      Print(stderr, "slablab: {}\n", Printable(note));
    }
    MakePrintable(&*result);
    results.push_back(*std::move(result));
  }
  return results;
}

// The first of every `seeds` results labelled, with the rest behind it.
std::vector<LabelledResult> LabelledWithSeeds(std::vector<RunResult> results, size_t seeds) {
  std::vector<RunResult> firsts;
  for (size_t i = 0; i < results.size(); i += seeds) firsts.push_back(std::move(results[i]));
  std::vector<LabelledResult> set = Labelled(std::move(firsts));
  for (size_t i = 0; i < results.size(); ++i) {
    if (i % seeds != 0) set[i / seeds].further.push_back(std::move(results[i]));
  }
  return set;
}

// Each of `runs` with `seeds` seeds, one after another.
absl::StatusOr<std::vector<VariedRun>> WithSeeds(const std::vector<VariedRun>& runs, size_t seeds) {
  std::vector<VariedRun> all;
  std::set<uint64_t> first_seeds;
  for (const VariedRun& run : runs) {
    first_seeds.insert(run.options.run.seed());
    for (size_t i = 0; i < seeds; ++i) {
      all.push_back(run);
      RunSpec& one = all.back().options.run;
      one.set_seed(one.seed() + i);
      if (seeds > 1) absl::StrAppend(&all.back().varied, " seed ", i + 1);
      if (i > 0) all.back().notes.clear();
    }
  }
  if (seeds > 1 && first_seeds.size() > 1) {
    return absl::InvalidArgumentError(
        "--vary=seed=... and --seeds both say which seeds to run: give one of them");
  }
  return all;
}

absl::Status CheckDistinct(const std::vector<std::string>& names, std::string_view flag) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) {
      return BadFlag(flag, absl::StrJoin(names, ","), absl::StrCat("'", name, "' is named twice"));
    }
  }
  return absl::OkStatus();
}

// Makes "slub" a model wherever it is asked for; another that is asked for would be run twice.
absl::Status ChooseModels(const std::vector<std::string>& allocators,
                          std::vector<VariedRun>& runs) {
  ModelChooser chooser;
  for (VariedRun& run : runs) {
    chooser.Choose(&run.options);
    const std::string& model = run.options.run.allocator();
    if (!run.options.allocator_of_kernel ||
        std::find(allocators.begin(), allocators.end(), model) == allocators.end()) {
      continue;
    }
    return BadFlag("allocators", absl::StrJoin(allocators, ","),
                   absl::StrCat("'slub' is ", model, " here, so that is named twice"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<VariedRun>> SimulationsOfFlags(
    const std::vector<std::string>& arguments) {
  const absl::StatusOr<SimulationOptions> options =
      SimulationOptionsFromFlags("compare", arguments);
  if (!options.ok()) return options.status();
  for (const char* name : {"allocator", "machine"}) {
    const std::string several = absl::StrCat(name, "s");
    if (WasGiven(name) && WasGiven(several)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, " and --", several, " say the same: give one of them"));
    }
  }
  const std::string allocators_flag =
      WasGiven("allocator") ? options->run.allocator() : absl::GetFlag(FLAGS_allocators).text;
  std::vector<std::string> allocators = absl::StrSplit(allocators_flag, ',', absl::SkipEmpty());
  std::vector<std::string> machines =
      absl::StrSplit(absl::GetFlag(FLAGS_machines).text, ',', absl::SkipEmpty());
  const std::string vary = absl::GetFlag(FLAGS_vary).text;
  if (allocators_flag == "all" || (allocators.empty() && machines.empty() && vary.empty())) {
    allocators = AllAllocators();
  }
  for (const absl::Status& status :
       {CheckDistinct(allocators, "allocators"), CheckDistinct(machines, "machines")}) {
    if (!status.ok()) return status;
  }
  if (allocators.empty()) allocators = {options->run.allocator()};
  for (const std::string& text : WordsOf(options->run.policy())) {
    const std::string of = ParsePolicy(text)->allocator;
    if (of.empty() || std::find(allocators.begin(), allocators.end(), of) != allocators.end()) {
      continue;
    }
    return BadFlag("policy", text, UnknownNameText("allocator to compare", of, allocators));
  }
  if (machines.empty()) machines = {options->run.machine()};
  std::vector<VariedRun> crossed = Crossed(*options, allocators, machines);
  if (absl::Status status = ChooseModels(allocators, crossed); !status.ok()) return status;
  if (vary.empty() && machines.size() == 1) {  // Labels are the allocators' names.
    std::vector<std::string> labels;
    for (const VariedRun& run : crossed) labels.push_back(run.options.run.allocator());
    if (absl::Status status = CheckBase(labels); !status.ok()) return status;
  }
  absl::StatusOr<std::vector<VariedRun>> runs = Varied(vary, std::move(crossed));
  if (!runs.ok()) return runs.status();
  if (runs->size() < 2) {
    return absl::InvalidArgumentError(
        "compare needs two runs or more: several of --allocators or --machines, or values of "
        "--vary");
  }
  const size_t all = runs->size() * absl::GetFlag(FLAGS_seeds);
  if (all > kRunsMax) {
    return absl::InvalidArgumentError(absl::StrCat("compare takes at most ", kRunsMax,
                                                   " runs, and these are ", all,
                                                   "; 'slablab sweep' does more"));
  }
  return WithSeeds(*runs, absl::GetFlag(FLAGS_seeds));
}

// Whether the words are one trace, and no results that were kept.
bool IsTrace(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) return false;
  const absl::StatusOr<std::string> path = FindTrace(arguments[0]);
  if (!path.ok()) return absl::EndsWith(arguments[0], ".slt");
  return absl::EndsWith(arguments[0], ".slt") || *path != arguments[0] ||
         TraceReader::Open(*path, TraceReader::Options()).ok();
}

// Results are what they are: a flag that says how to run is a misunderstanding.
absl::Status CheckNothingToRun() {
  std::vector<std::string> names = SwitchNames();
  names.insert(names.end(), std::begin(kOwnFlags), std::end(kOwnFlags));
  for (const std::string& name : names) {
    if (!WasGiven(name)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--", absl::StrReplaceAll(name, {{"_", "-"}}),
                     " says how to run, and results have run already"));
  }
  return absl::OkStatus();
}

int Ended(const absl::Status& status) {
  if (absl::IsCancelled(status)) return kExitInterrupted;
  return status.ok() ? kExitOk : Fail(status);
}

int RunCompare(const std::vector<std::string>& arguments) {
  if (absl::Status status = CheckSetFlags(); !status.ok()) return Fail(status);
  absl::StatusOr<std::vector<LabelledResult>> set;
  std::vector<Words> commands;
  if (arguments.empty() || IsTrace(arguments)) {
    const absl::StatusOr<std::vector<VariedRun>> simulations = SimulationsOfFlags(arguments);
    if (!simulations.ok()) return Fail(simulations.status());
    absl::StatusOr<std::vector<RunResult>> results = SimulateAll(*simulations);
    if (!results.ok()) return Ended(results.status());
    set = LabelledWithSeeds(*std::move(results), absl::GetFlag(FLAGS_seeds));
    commands = {CommandAsGiven("compare", arguments)};
  } else {
    if (absl::Status status = CheckNothingToRun(); !status.ok()) return Fail(status);
    set = ReadSavedResults(arguments);
    if (set.ok() && set->size() < 2) {
      set = absl::InvalidArgumentError(
          absl::StrCat("compare needs two results or more; ", arguments[0], " has one"));
    }
  }
  if (!set.ok()) return Ended(set.status());
  if (absl::Status status = ApplyBase(&*set); !status.ok()) return Fail(status);
  return Ended(WriteSet(*set, commands.empty() ? CommandsOfResults(*set) : commands));
}

// The recorded kernel's SLUB against the last of long life before it, and what was there before and
// beside them: as many as the words tell apart run by run.
const std::vector<std::string>& DemoAllocators() {
  static const auto& names = *new std::vector<std::string>{
      "slub-6.12", "slub-7.3", "slub-6.1", "slab", "slub-2010", "slubq-v2", "slubq", "slubq-v4"};
  return names;
}

int RunDemo(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) return Fail(absl::InvalidArgumentError("demo takes no arguments"));
  if (absl::Status status = CheckSetFlags(); !status.ok()) return Fail(status);
  SimulationOptions options;
  options.run.set_trace(BundledTracePath("linux-7.3-slub-c4n2-hackbench"));
  if (absl::Status status = CheckBase(DemoAllocators()); !status.ok()) return Fail(status);
  absl::StatusOr<std::vector<RunResult>> results =
      SimulateAll(Crossed(options, DemoAllocators(), {"xeon-8380"}));
  if (!results.ok()) return Ended(results.status());
  std::vector<LabelledResult> set = Labelled(*std::move(results));
  if (absl::Status status = ApplyBase(&set); !status.ok()) return Fail(status);
  absl::Status status = WriteSet(set, {CommandAsGiven("demo", arguments)});
  if (!status.ok()) return Fail(status);
  const std::string path = absl::GetFlag(FLAGS_html);
  status = WriteHtml(set, path);
  if (!status.ok()) return Fail(status);
  if (path.empty() || path == "-") return kExitOk;
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(path, error);
  Print(stderr, "slablab: the same with charts, for a browser: {}\n",
        Printable(error ? path : whole.string()));
  return kExitOk;
}

}  // namespace

extern const Command kCompareCommand = {
    .name = "compare",
    .synopsis = "TRACE | --workload=WORKLOAD | RESULT...",
    .summary =
        "Runs one workload through several allocators, on several machines or with several values "
        "of something, or takes results that were kept, and says what differs and why: in words, "
        "A/B tables, or charts (--format=html).",
    .flags = kFlags,
    .formats = kSetFormats,
    .run = RunCompare,
};

extern const Command kDemoCommand = {
    .name = "demo",
    .synopsis = "",
    .summary =
        "Compares allocators of all eras on a bundled trace of a real kernel, and leaves an HTML "
        "report.",
    .flags = kDemoFlags,
    .formats = kSetFormats,
    .run = RunDemo,
};

}  // namespace slablab
