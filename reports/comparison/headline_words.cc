// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/comparison/headline_words.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "fmt/format.h"
#include "reports/breakdown.h"
#include "reports/comparison/words.h"
#include "reports/delta.h"
#include "reports/numbers.h"
#include "reports/setting.h"
#include "reports/text/text_page.h"

namespace slablab {
namespace {

// Names are cut, so that the lines of a headline are few whatever they are.
constexpr size_t kNameColumns = 32;
constexpr size_t kListColumns = 130;
constexpr const char* kWins = " wins";

std::string Name(const std::string& label) { return Shortened(label, kNameColumns); }

int64_t MedianOfSigned(std::vector<int64_t> values) {
  return values.empty() ? 0 : RangeOf(std::move(values)).median;
}

// Of each part that some pair has, the median of how it moved in the pairs.
template <typename PartsOf>
std::vector<Contribution> MedianParts(const Side& base, const Side& side, PartsOf parts_of) {
  std::vector<std::pair<std::string, std::vector<int64_t>>> all;
  size_t pairs = 0;
  for (size_t k = 0; k < base.runs.size(); ++k) {
    if (base.runs[k] == nullptr || side.runs[k] == nullptr) continue;
    for (const Contribution& part : parts_of(*base.runs[k], *side.runs[k])) {
      auto at = std::find_if(all.begin(), all.end(),
                             [&](const auto& entry) { return entry.first == part.name; });
      if (at == all.end()) at = all.insert(all.end(), {part.name, {}});
      at->second.resize(pairs);  // Where it is not, it is nothing.
      at->second.push_back(part.difference);
    }
    ++pairs;
  }
  std::vector<Contribution> medians;
  for (auto& [name, differences] : all) {
    differences.resize(pairs);
    medians.push_back({.name = name, .difference = MedianOfSigned(std::move(differences))});
  }
  return medians;
}

int64_t SumOf(const std::vector<Contribution>& parts) {
  int64_t sum = 0;
  for (const Contribution& part : parts) sum += part.difference;
  return sum;
}

const Metric& HeldMetric() {
  static const Metric& metric = *FindMetric("peak_held_bytes");
  return metric;
}

// "-1.20% to +0.40%"
std::string RangeText(const Metric& metric, const Spread& spread) {
  return fmt::format("{} to {}", HundredthsText(metric, spread.low),
                     HundredthsText(metric, spread.high));
}

std::string OrHowMany(const std::vector<std::string>& texts, std::string_view many) {
  if (texts.empty()) return "";
  if (texts.size() == 1) return texts[0];
  return fmt::format("{} {}", texts.size(), many);
}

}  // namespace

std::optional<uint64_t> MedianOf(std::vector<uint64_t> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const uint64_t lower = values[(values.size() - 1) / 2];
  return lower + (values[values.size() / 2] - lower) / 2;
}

std::optional<uint64_t> MedianTogether(const Side& side) {
  std::vector<uint64_t> values;
  for (const RunResult* run : side.runs) {
    if (run == nullptr || run->totals().operations() == 0) continue;
    const uint64_t allocator = static_cast<uint64_t>(Told(CyclesOf(*run)));
    values.push_back(allocator +
                     static_cast<uint64_t>(PerOperation(*run, run->totals().use_cycles())));
  }
  return MedianOf(std::move(values));
}

template <typename Of>
std::vector<std::string> HeadlineWords::Distinct(Of of) const {
  std::vector<std::string> texts;
  for (const Side& side : sides_.sides) {
    for (const RunResult* run : side.runs) {
      if (run == nullptr) continue;
      std::string text = of(*run);
      if (text.empty() || std::find(texts.begin(), texts.end(), text) != texts.end()) continue;
      texts.push_back(std::move(text));
    }
  }
  return texts;
}

std::string HeadlineWords::BaseName() const { return Name(base().label); }
std::string HeadlineWords::OtherName() const { return Name(other().label); }

// "slub-7.3 wins", or that it does not.
std::string HeadlineWords::Verdict() const {
  const std::optional<Spread> change =
      ChangeOf(*headline_.metric, base(), other(), sides_.settings);
  if (!change.has_value()) return "Nothing to measure by";
  if (change->low == 0 && change->high == 0 &&
      MedianOf(*headline_.metric, base()) == MedianOf(*headline_.metric, other())) {
    return "No difference";
  }
  if (std::abs(change->median) < kNoiseHundredths) return "No winner by 1% or more";
  if (change->confidence_per_mille >= kTellingPerMille && !change->excludes_zero()) {
    return "No winner beyond the spread of the seeds";
  }
  return (headline_.best == 0 ? BaseName() + ", the base," : OtherName()) + kWins;
}

std::string HeadlineWords::OverSettings(size_t wins) const {
  const Metric& metric = *headline_.metric;
  const std::optional<Spread> change = ChangeOf(metric, base(), other(), sides_.settings);
  std::string text = fmt::format(
      " ({} best in {} of {} settings): {}'s {} change from {}'s by {}",
      Name(sides_.sides[headline_.best].label), wins, sides_.settings, OtherName(),
      &metric == &CyclesMetric() ? "cycles an operation in the allocator" : headline_.value_title,
      BaseName(), ChangeText(metric, base(), other(), sides_.settings));
  if (!change.has_value()) return text;
  return text + fmt::format(", {} (median and range)", RangeText(metric, *change));
}

std::string HeadlineWords::Winner(const std::vector<size_t>& wins) const {
  const std::string verdict = Verdict();
  if (sides_.settings > 1) {
    return verdict + OverSettings(wins[headline_.best]) + Causes() + ".";
  }
  const std::string whose = verdict == OtherName() + kWins ? "" : OtherName() + " ";
  const auto measured = [&](const Metric& metric, std::string_view what) {
    return fmt::format("{}{} {}, {} {} ({})", whose,
                       ShortMetricText(metric, MedianOf(metric, other())), what, BaseName(),
                       ShortMetricText(metric, MedianOf(metric, base())),
                       ChangeText(metric, base(), other(), 1));
  };
  constexpr std::string_view kCycles = "cycles an operation in the allocator";
  std::string text = verdict + ": ";
  if (headline_.metric == &CyclesMetric()) {
    text += measured(CyclesMetric(), kCycles);
  } else {
    const std::string unit = headline_.value_title.substr(0, headline_.value_title.rfind('/'));
    text += measured(*headline_.metric, Shortened(unit, 16) + " a second") + "; " +
            measured(CyclesMetric(), kCycles);
  }
  return text + Causes() + Together() + ".";
}

// ": less goes to x (-1.2) and y (-0.8), more to z (+0.5)"
std::string HeadlineWords::Causes() const {
  if (causes_max_ == 0) return "";
  const std::vector<Contribution> parts = MedianParts(base(), other(), ByCause);
  std::string text = CausesSentence(parts, SumOf(parts), causes_max_);
  if (text.empty()) return "";
  text.pop_back();  // the stop
  text.erase(0, 1);
  text[0] = text[0] == 'M' ? 'm' : 'l';
  return ": " + text;
}

// With what users pay for touching their objects: where another side is first then, or the change
// is another by a twentieth of what the base takes.
std::string HeadlineWords::Together() const {
  const std::optional<uint64_t> from = MedianTogether(base());
  const std::optional<uint64_t> own_from = MedianOf(CyclesMetric(), base());
  const std::optional<uint64_t> own_to = MedianOf(CyclesMetric(), other());
  if (!from || !own_from || !own_to) return "";
  size_t first = headline_.best;
  for (size_t i = 0; i < sides_.sides.size(); ++i) {
    const std::optional<uint64_t> all = MedianTogether(sides_.sides[i]);
    const std::optional<uint64_t> least = MedianTogether(sides_.sides[first]);
    if (all.has_value() && least.has_value() && *all < *least) first = i;
  }
  const Side& told = first == headline_.best || first == 0 ? other() : sides_.sides[first];
  const std::optional<uint64_t> to = MedianTogether(told);
  if (!to.has_value()) return "";
  const auto difference = [](uint64_t a, uint64_t b) {
    return static_cast<int64_t>(std::min<uint64_t>(a, INT64_MAX) / 2) -
           static_cast<int64_t>(std::min<uint64_t>(b, INT64_MAX) / 2);
  };
  const int64_t by_users = difference(*to, *from) - difference(*own_to, *own_from);
  const bool worth = static_cast<uint64_t>(std::abs(by_users)) >= *own_from / 40;
  if (first == headline_.best && (!worth || causes_max_ == 0)) return "";
  const std::string who = first == headline_.best ? "it is"
                          : first == 0 ? BaseName() + " is first; " + OtherName() + "'s is"
                                       : Name(told.label) + " is first,";
  return fmt::format("; with what users pay for touching objects {} {} instead of {} ({})", who,
                     Quotient(*to, 1000, 1), Quotient(*from, 1000, 1),
                     slablab::ChangeText(CyclesMetric(), from, to));
}

std::string HeadlineWords::Memory() const {
  const Metric& metric = HeldMetric();
  const std::optional<Spread> change = ChangeOf(metric, base(), other(), sides_.settings);
  if (!change.has_value()) return "What it costs in memory was not sampled.";
  const std::string moved = ChangeText(metric, base(), other(), sides_.settings);
  const std::vector<Contribution> parts =
      causes_max_ == 0 ? std::vector<Contribution>() : MedianParts(base(), other(), MemoryParts);
  std::string text;
  if (sides_.settings > 1) {
    text = fmt::format("Memory held in all when most is in slabs changes by {}, {}", moved,
                       RangeText(metric, *change));
  } else {
    const std::string to = Bytes(MedianOf(metric, other()).value_or(0));
    const std::string from = Bytes(MedianOf(metric, base()).value_or(0));
    if (moved == "0") {
      return fmt::format("{} holds as much as {}, {} in all when most is in slabs.", OtherName(),
                         BaseName(), to);
    }
    text = fmt::format("{} holds {} in all when most is in slabs, {} {} ({})", OtherName(), to,
                       BaseName(), from, moved);
  }
  if (std::abs(change->median) < kNoiseHundredths) return text + ".";
  return text + MemoryCauses(parts, SumOf(parts), causes_max_) + ".";
}

// What is known of chance.
std::string HeadlineWords::Chance() const {
  const size_t seeds = sides_.seeds();
  if (sides_.settings > 1) {
    return fmt::format("{} of each setting", Counted(seeds, "seed", "seeds"));
  }
  if (seeds == 1) return "One seed was run, so no spread is known (--seeds=5 shows it)";
  const bool alike = std::all_of(sides_.sides.begin(), sides_.sides.end(), [](const Side& side) {
    return std::all_of(side.runs.begin(), side.runs.end(), [&](const RunResult* run) {
      return run != nullptr && side.runs[0] != nullptr &&
             run->digests().end_state() == side.runs[0]->digests().end_state();
    });
  });
  if (alike) return fmt::format("{} seeds gave the same to the digit", seeds);
  const std::optional<Spread> change = ChangeOf(*headline_.metric, base(), other(), 1);
  std::string text = fmt::format("Medians of {} seeds", seeds);
  if (!change.has_value()) return text;
  text += fmt::format("; paired by seed the change is within {}",
                      RangeText(*headline_.metric, *change));
  return change->confidence_per_mille == 0
             ? text
             : text + fmt::format(" ({}.{}% sure, sign test)", change->confidence_per_mille / 10,
                                  change->confidence_per_mille % 10);
}

std::string HeadlineWords::Reservations() const {
  std::vector<std::string> texts;
  const auto losses = Distinct([](const RunResult& run) {
    return LossSentence(run.totals().trace_lost_events(), run.totals().trace_lost_unknown());
  });
  if (!losses.empty()) {
    texts.push_back(fmt::format(
        "LOST: {}, and every figure is of the rest",
        losses.size() == 1 ? *losses.begin() : "events were lost in recording of each trace"));
  }
  const auto failed = [](const RunResult& run) {
    return run.totals().failed_allocations() > 0 ? std::string("failed") : std::string();
  };
  if (!Distinct(failed).empty()) texts.emplace_back("ALLOCATIONS FAILED for want of memory");
  std::vector<std::string> differ;
  const auto several = [&](auto of, const char* what) {
    if (Distinct(of).size() > 1) differ.emplace_back(what);
  };
  if (sides_.settings == 1) {
    several([](const RunResult& run) { return fmt::format("{}", run.digests().trace()); },
            "traces");
  }
  several([](const RunResult& run) { return fmt::format("{}", run.config().clock_mhz()); },
          "clocks");
  several([](const RunResult& run) { return run.config().slablab_version(); },
          "versions of slablab");
  if (!differ.empty()) texts.push_back(fmt::format("WARNING: {} differ", Listed(differ)));
  return texts.empty() ? "" : fmt::format("{}.", fmt::join(texts, "; "));
}

std::string HeadlineWords::HowSure() const {
  std::vector<std::string> parts = {Chance()};
  for (const Side& side : sides_.sides) {
    const RunResult* run = side.runs[0];
    const std::string agreement = run == nullptr ? "" : AgreementSentence(*run);
    if (agreement.empty() || causes_max_ == 0) continue;
    parts.push_back(fmt::format("{}'s {}", Name(side.label), agreement));
    break;
  }
  return fmt::format("{}.", fmt::join(parts, "; "));
}

std::string HeadlineWords::Machine() const {
  const std::vector<std::string> machines = Distinct(MachineInShort);
  const std::vector<std::string> names =
      Distinct([](const RunResult& run) { return run.config().machine(); });
  if (machines.size() <= 1) return Shortened(OrHowMany(machines, ""), kListColumns);
  return Shortened(fmt::format("{} machines: {}", machines.size(), fmt::join(names, ", ")),
                   kListColumns);
}

std::string HeadlineWords::Kernel() const {
  const std::vector<std::string> recorded = Distinct(RecordedPhrase);
  std::string text = OrHowMany(recorded, "recorded kernels");
  std::vector<std::string> models =
      Distinct([](const RunResult& run) { return run.kernel_match().model(); });
  if (models.empty()) return Shortened(text, kListColumns);
  constexpr std::string_view kLinux = "Linux ";
  for (size_t i = 1; i < models.size(); ++i) {
    if (models[i].starts_with(kLinux)) models[i].erase(0, kLinux.size());
  }
  return Shortened(fmt::format("{}; {} of {}", text, models.size() == 1 ? "the model is" : "models",
                               fmt::join(models, ", ")),
                   kListColumns);
}

}  // namespace slablab
