// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/cmd_compare.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "allocators/registry.h"
#include "base/interrupt.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/print.h"
#include "cli/printable.h"
#include "cli/progress.h"
#include "cli/result_output.h"
#include "cli/saved_results.h"
#include "cli/simulation.h"
#include "cli/simulation_flags.h"

ABSL_FLAG(
    std::string, allocators, "",
    "NAME,...: the models to compare, the first is the base; all: every one there is. Without "
    "this, --allocator and --machines, all.");
ABSL_FLAG(std::string, machines, "", "MACHINE,...: the machines to compare.");
ABSL_FLAG(std::string, html, "slablab-demo.html", "FILE: where to leave the HTML report.");

namespace slablab {

namespace {

std::vector<std::string> AllAllocators() {
  std::vector<std::string> names;
  for (const AllocatorInfo& allocator : ListAllocators()) names.emplace_back(allocator.name);
  return names;
}

// Every allocator on every machine, as `options` says in all else.
std::vector<SimulationOptions> Crossed(const SimulationOptions& options,
                                       const std::vector<std::string>& allocators,
                                       const std::vector<std::string>& machines) {
  std::vector<SimulationOptions> all;
  for (const std::string& machine : machines) {
    for (const std::string& allocator : allocators) {
      all.push_back(options);
      all.back().allocator = allocator;
      all.back().machine = machine;
    }
  }
  return all;
}

absl::StatusOr<std::vector<LabelledResult>> SimulateAll(
    const std::vector<SimulationOptions>& simulations) {
  std::vector<RunResult> results;
  const InterruptScope interrupts;
  for (const SimulationOptions& options : simulations) {
    std::unique_ptr<Progress> progress;
    const std::string what =
        absl::StrCat(options.allocator, " (", results.size() + 1, " of ", simulations.size(), ")");
    const SimulationHooks hooks = {.progress =
                                       [&](uint64_t events, uint64_t total) {
                                         if (progress == nullptr) {
                                           progress = std::make_unique<Progress>(Progress::Options{
                                               .what = what, .unit = "events", .total = total});
                                         }
                                         progress->Update(events);
                                       },
                                   .stop = InterruptRequested};
    absl::StatusOr<RunResult> result = Simulate(options, hooks);
    if (!result.ok()) {
      return absl::Status(result.status().code(),
                          simulations.size() == 1
                              ? std::string(result.status().message())
                              : absl::StrCat(options.allocator, " on ", options.machine, ": ",
                                             result.status().message()));
    }
    MakePrintable(&*result);
    results.push_back(*std::move(result));
  }
  return Labelled(std::move(results));
}

absl::Status CheckDistinct(const std::vector<std::string>& names, std::string_view flag) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", std::string(flag), ": '", name, "' is named twice"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SimulationOptions>> SimulationsOfFlags() {
  const absl::StatusOr<SimulationOptions> options = SimulationOptionsFromFlags("compare");
  if (!options.ok()) return options.status();
  for (const char* name : {"allocator", "machine"}) {
    const std::string several = absl::StrCat(name, "s");
    if (WasGiven(name) && WasGiven(several)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, " and --", several, " say the same: give one of them"));
    }
  }
  const std::string allocators_flag =
      WasGiven("allocator") ? options->allocator : absl::GetFlag(FLAGS_allocators);
  std::vector<std::string> allocators = absl::StrSplit(allocators_flag, ',', absl::SkipEmpty());
  std::vector<std::string> machines =
      absl::StrSplit(absl::GetFlag(FLAGS_machines), ',', absl::SkipEmpty());
  if (allocators_flag == "all" || (allocators.empty() && machines.empty())) {
    allocators = AllAllocators();
  }
  for (const absl::Status& status :
       {CheckDistinct(allocators, "allocators"), CheckDistinct(machines, "machines")}) {
    if (!status.ok()) return status;
  }
  if (allocators.empty()) allocators = {options->allocator};
  if (machines.empty()) machines = {options->machine};
  if (allocators.size() * machines.size() < 2) {
    return absl::InvalidArgumentError(
        "compare needs two runs or more: several of --allocators or --machines");
  }
  return Crossed(*options, allocators, machines);
}

int Ended(const absl::Status& status) {
  if (absl::IsCancelled(status)) return kExitInterrupted;
  return status.ok() ? kExitOk : Fail(status);
}

}  // namespace

int RunCompare(const std::vector<std::string>& arguments) {
  if (absl::Status status = CheckSetFlags(); !status.ok()) return Fail(status);
  absl::StatusOr<std::vector<LabelledResult>> set;
  if (arguments.empty()) {
    const absl::StatusOr<std::vector<SimulationOptions>> simulations = SimulationsOfFlags();
    if (!simulations.ok()) return Fail(simulations.status());
    set = SimulateAll(*simulations);
  } else {
    set = ReadSavedResults(arguments);
    if (set.ok() && set->size() < 2) {
      set = absl::InvalidArgumentError(
          absl::StrCat("compare needs two results or more; ", arguments[0], " has one"));
    }
  }
  return Ended(set.ok() ? WriteSet(*set) : set.status());
}

int RunDemo(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) return Fail(absl::InvalidArgumentError("demo takes no arguments"));
  if (absl::Status status = CheckSetFlags(); !status.ok()) return Fail(status);
  // The launcher names the folder it stands in; without it, the folder called from.
  const char* root = std::getenv("SLABLAB_ROOT");
  SimulationOptions options;
  options.trace_path = (std::filesystem::path(root == nullptr ? "." : root) /
                        "traces/samples/linux-6.1-slub-c4n2-hackbench.slt")
                           .string();
  const absl::StatusOr<std::vector<LabelledResult>> set =
      SimulateAll(Crossed(options, AllAllocators(), {"xeon-8380"}));
  if (!set.ok()) return Ended(set.status());
  if (absl::Status status = WriteSet(*set); !status.ok()) return Fail(status);
  const std::string path = absl::GetFlag(FLAGS_html);
  if (absl::Status status = WriteHtml(*set, path); !status.ok()) return Fail(status);
  if (path.empty() || path == "-") return kExitOk;
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(path, error);
  Print(stderr, "slablab: the same with charts, for a browser: {}\n",
        error ? path : whole.string());
  return kExitOk;
}

}  // namespace slablab
