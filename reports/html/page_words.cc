// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "reports/comparison/headline.h"
#include "reports/html/figures.h"
#include "reports/text/mail.h"
#include "reports/text/text.h"
#include "runs/switches.h"

// What the page says in words: with each run as the base, and the command that says since when runs
// differ.

namespace slablab {
namespace {

constexpr size_t kCausesMax = 3;

uint32_t NumberOf(ResultSet set, const std::string& label) {
  const auto at = std::find_if(set.begin(), set.end(),
                               [&](const LabelledResult& run) { return run.label == label; });
  return static_cast<uint32_t>(at - set.begin());
}

// `set` in the page's order; `from_base` has the base first.
void FillWords(ResultSet set, ResultSet from_base, HtmlWords& words) {
  if (from_base.size() == 1) {
    for (std::string& sentence : HeadlineSentences(from_base[0].result)) {
      words.add_headline(std::move(sentence));
    }
  } else {
    const Sides sides = SidesOf(from_base);
    const Headline headline = HeadlineOf(sides, kCausesMax);
    if (!headline.reservations.empty()) words.add_headline(headline.reservations);
    for (const std::string& sentence : headline.sentences) words.add_headline(sentence);
    words.set_other(NumberOf(set, sides.sides[headline.other].label));
  }
  for (std::string& sentence : DifferencesInWords(from_base)) {
    words.add_sentences(std::move(sentence));
  }
}

// As a shell takes them, in one line.
std::string ShellWords(const std::vector<std::string>& words) {
  std::string line = ShellLines(words, ~size_t{0} / 2)[0];
  return line.substr(line.find_first_not_of(' '));
}

// "slub-7.3:sheaves.capacity=4"
std::string SideOf(const RunSpec& run) {
  std::string side = run.allocator();
  const std::vector<std::string> policies = WordsOf(run.policy());
  for (size_t i = 0; i < policies.size(); ++i) side += (i == 0 ? ":" : ",") + policies[i];
  return side;
}

// All but the model, as flags; the trace first.
std::vector<std::string> RestOf(const RunSpec& run) {
  static const auto& defaults = *new RunSpec(WithDefaults(RunSpec()));
  std::vector<std::string> rest;
  for (const RunSwitch& each : Switches()) {
    if (each.name() == "allocator" || each.name() == "policy" || !IsSet(run, each)) continue;
    const std::string value = SwitchText(run, each);
    if (value == SwitchText(defaults, each)) continue;
    if (each.name() == "trace") {
      constexpr std::string_view kSuffix = ".slt";
      const bool has_suffix = value.ends_with(kSuffix);
      rest.insert(rest.begin(), value.substr(0, value.size() - (has_suffix ? 4 : 0)));
      continue;
    }
    std::string name(each.name());
    std::replace(name.begin(), name.end(), '_', '-');
    rest.push_back(fmt::format("--{}={}", name, value));
  }
  return rest;
}

}  // namespace

void AppendWords(ResultSet set, PageData& page) {
  if (set.empty()) return;
  std::vector<LabelledResult> ordered(set.begin(), set.end());
  const size_t bases = set.size() <= kRunsShownAlone ? set.size() : 1;
  for (size_t base = 0; base < bases; ++base) {
    const auto from = ordered.begin();
    const auto to = from + static_cast<std::ptrdiff_t>(base) + 1;
    std::rotate(from, to - 1, to);
    FillWords(set, ordered, page.AddWords());
    std::rotate(from, from + 1, to);
  }
}

void AppendExplainCommand(ResultSet set, PageData& page) {
  if (set.size() < 2 || set.size() > kRunsShownAlone) return;
  std::vector<std::string> sides;
  const std::vector<std::string> rest = RestOf(set[0].result.config().run());
  for (const LabelledResult& run : set) {
    const RunConfig& config = run.result.config();
    // Results of before did not hold the run.
    if (!config.has_run() || RestOf(config.run()) != rest) return;
    sides.push_back(ShellWords({SideOf(config.run())}));
  }
  if (std::equal(sides.begin() + 1, sides.end(), sides.begin())) return;
  for (std::string& side : sides) page.explain().add_sides(std::move(side));
  page.explain().set_rest(ShellWords(rest));
}

}  // namespace slablab
