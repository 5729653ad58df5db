// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/interrupt.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/output/print.h"
#include "cli/simulation_flags.h"
#include "fmt/format.h"
#include "reports/numbers.h"
#include "reports/text/text_page.h"
#include "runs/experiments/diff_input.h"
#include "runs/experiments/run_diff.h"

namespace slablab {
namespace {

constexpr std::string_view kFlags[] = {"trace"};

using Inputs = std::array<DiffInput, 2>;
using States = std::array<std::optional<CacheState>, 2>;

// A and B beside each other, with a mark where they differ.
TextTable SideBySide() {
  constexpr auto kLeft = TextTable::Column::kLeft;
  return TextTable({{"", 26, kLeft}, {"A", 25}, {"B", 24}, {"", 1, kLeft}});
}

void AddRow(std::string_view label, const std::string& a, const std::string& b, bool differs,
            TextTable* table) {
  table->AddRow({fmt::format("  {}", label), a, b, differs ? "<" : ""});
}

struct Field {
  std::string_view name;  // of the log's column
  std::string (*text)(const LoggedOperation& operation);
};
constexpr Field kFields[] = {
    {"event", [](const LoggedOperation& o) { return Grouped(o.event); }},
    {"kind", [](const LoggedOperation& o) { return o.kind; }},
    {"cache", [](const LoggedOperation& o) { return o.cache; }},
    {"bytes", [](const LoggedOperation& o) { return Grouped(o.bytes); }},
    {"object", [](const LoggedOperation& o) { return fmt::format("{:#x}", o.object); }},
    {"path", [](const LoggedOperation& o) { return o.path; }},
    {"cpu", [](const LoggedOperation& o) { return fmt::format("{}", o.cpu); }},
    {"task", [](const LoggedOperation& o) { return fmt::format("{}", o.task); }},
    {"context", [](const LoggedOperation& o) { return o.context; }},
    {"start", [](const LoggedOperation& o) { return Grouped(o.start); }},
    {"end", [](const LoggedOperation& o) { return Grouped(o.end); }},
    {"cycles", [](const LoggedOperation& o) { return Grouped(o.cycles); }},
};

void AddOperation(const RunDifference& difference, TextTable* table) {
  for (const Field& field : kFields) {
    const auto text = [&](const DiffSide& side) {
      return side.operation.has_value() ? field.text(*side.operation) : "(ended)";
    };
    const bool differs = std::find(difference.columns.begin(), difference.columns.end(),
                                   field.name) != difference.columns.end();
    AddRow(field.name, text(difference.sides[0]), text(difference.sides[1]), differs, table);
  }
}

// Every name of either, in the order of the first; nothing of those that neither has.
template <typename Pairs>
void AddPairs(const Pairs& a, const Pairs& b, TextTable* table) {
  std::set<std::string> seen;
  const auto value = [](const Pairs& pairs, const std::string& name) {
    for (const auto& [each, text] : pairs) {
      if (each == name) return fmt::format("{}", text);
    }
    return std::string("-");
  };
  for (const Pairs* pairs : {&a, &b}) {
    for (const auto& [name, text] : *pairs) {
      if (!seen.insert(name).second) continue;
      const std::string left = value(a, name);
      const std::string right = value(b, name);
      if (left == "0" && right == "0") continue;
      AddRow(name, left, right, left != right, table);
    }
  }
}

std::string CacheOf(const DiffSide& side) {
  return side.operation.has_value() ? side.operation->cache : "-";
}

void AddStates(const RunDifference& difference, const States& states, TextTable* table) {
  const auto& [a, b] = difference.sides;
  table->AddText("");
  table->AddText(fmt::format(
      "Operations on {} so far, by path:",
      CacheOf(a) == CacheOf(b) ? CacheOf(a) : fmt::format("{} and on {}", CacheOf(a), CacheOf(b))));
  AddPairs(a.paths, b.paths, table);
  if (!states[0].has_value() && !states[1].has_value()) return;
  const auto figures = [](const std::optional<CacheState>& state) {
    return state.has_value() ? state->figures : decltype(state->figures)();
  };
  table->AddText("");
  table->AddText("Its counters and states right after:");
  AddPairs(figures(states[0]), figures(states[1]), table);
}

std::string DifferenceText(std::string_view heading, const RunDifference& difference,
                           const States& states) {
  std::string text = fmt::format("{}\n", heading);
  for (const LoggedOperation& operation : difference.before) {
    text += fmt::format("  {:<26} {} {} {}, CPU {}, {}\n",
                        fmt::format("before, event {}", Grouped(operation.event)), operation.kind,
                        Printable(operation.cache), fmt::format("{:#x}", operation.object),
                        operation.cpu, operation.path);
  }
  TextTable table = SideBySide();
  AddOperation(difference, &table);
  AddStates(difference, states, &table);
  TextPage page(/*colour=*/false);
  page.Table(table);
  return text + page.Take();
}

// Of the sides that can be run again.
absl::StatusOr<States> StatesAt(const Inputs& inputs, const RunDifference& difference) {
  States states;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].is_log || !difference.sides[i].operation.has_value()) continue;
    absl::StatusOr<std::optional<CacheState>> state =
        StateAfter(inputs[i].options, difference.sides[i].operations);
    if (!state.ok()) return state.status();
    states[i] = *std::move(state);
  }
  return states;
}

absl::Status PrintDifferences(const Inputs& inputs, const RunDiff& diff) {
  Print(stdout, "A  {}\nB  {}\n\n{} operations are alike.\n\n", Printable(inputs[0].path),
        Printable(inputs[1].path),
        Grouped(diff.first->sides[0].operations -
                (diff.first->sides[0].operation.has_value() ? 1 : 0)));
  const bool time_only_first =
      !diff.done.has_value() || diff.done->sides[0].operations != diff.first->sides[0].operations;
  const absl::StatusOr<States> first = StatesAt(inputs, *diff.first);
  if (!first.ok()) return first.status();
  Print(stdout, "{}",
        DifferenceText(time_only_first ? "They part in time:" : "They part:", *diff.first, *first));
  if (!diff.done.has_value()) {
    Print(stdout, "\nNothing else differs: what is done is the same to the end.\n");
    return absl::OkStatus();
  }
  if (!time_only_first) return absl::OkStatus();
  const absl::StatusOr<States> done = StatesAt(inputs, *diff.done);
  if (!done.ok()) return done.status();
  Print(stdout, "\n{}", DifferenceText("They part in what is done:", *diff.done, *done));
  return absl::OkStatus();
}

int RunDiffCommand(const std::vector<std::string>& arguments) {
  if (arguments.size() != 2) {
    return Fail(absl::InvalidArgumentError(
        "diff wants two runs: each a result, a .textproto, or a log of run --operations"));
  }
  const absl::StatusOr<RunSpec> given = RunOfFlags();
  if (!given.ok()) return Fail(given.status());
  const InterruptScope interrupts;
  Inputs inputs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    absl::StatusOr<DiffInput> input = ReadDiffInput(arguments[i], given->trace());
    if (!input.ok()) return Fail(input.status());
    inputs[i] = *std::move(input);
  }
  const absl::StatusOr<RunDiff> diff = DiffInputs(inputs);
  if (absl::IsCancelled(diff.status())) return kExitInterrupted;
  if (!diff.ok()) return Fail(diff.status());
  if (!diff->first.has_value()) {
    Print(stdout, "{} operations, and all are alike\n", Grouped(diff->operations));
    return kExitOk;
  }
  const absl::Status printed = PrintDifferences(inputs, *diff);
  if (absl::IsCancelled(printed)) return kExitInterrupted;
  return printed.ok() ? kExitDifference : Fail(printed);
}

}  // namespace

extern const Command kDiffCommand = {
    .name = "diff",
    .synopsis = "A B",
    .summary =
        "Finds the first operation at which two runs part, and shows it, what came before, and "
        "the state of its cache in both. Each is a result, a run as a .textproto, or a log of run "
        "--operations. Exit status 1 if they part.",
    .flags = kFlags,
    .example =
        "slablab diff before.textproto after.textproto\n"
        "slablab diff --trace=fork.slt before.pb after.pb",
    .run = RunDiffCommand,
};

}  // namespace slablab
