// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/comparison/setting.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "reports/numbers.h"
#include "reports/setting.h"

namespace slablab {
namespace {

// One sentence for each group of runs that say the same, with their labels if that is not all.
class OncePerGroup {
 public:
  void Add(std::string sentence, std::string_view label) {
    if (sentence.empty()) return;
    for (auto& [known, labels] : groups_) {
      if (known != sentence) continue;
      labels.emplace_back(label);
      return;
    }
    groups_.emplace_back(std::move(sentence), std::vector<std::string>{std::string(label)});
  }

  // `many`: what they are, if they are more than can be told.
  void AppendTo(size_t runs, std::string_view many, std::vector<std::string>& words) const {
    if (groups_.size() > kToldMax) {
      words.push_back(fmt::format("{} {}: the report of a run says which.", groups_.size(), many));
      return;
    }
    for (const auto& [sentence, labels] : groups_) {
      const bool of_all = labels.size() == runs;
      words.push_back(of_all ? sentence + "." : fmt::format("{}: {}.", Listed(labels), sentence));
    }
  }

 private:
  static constexpr size_t kToldMax = 8;

  static std::string Listed(const std::vector<std::string>& labels) {
    if (labels.size() > kToldMax) return fmt::format("In {} runs", labels.size());
    return fmt::format("{}", fmt::join(labels, ", "));
  }

  std::vector<std::pair<std::string, std::vector<std::string>>> groups_;
};

// The kernels of runs whose recording is of one kernel and whose models are of several: "recorded
// on Linux 7.3.4 with SLUB; the models are of Linux 6.12 (slub-6.12) and Linux 7.3 (slub-7.3)".
// Empty for others.
std::string KernelsOfModels(absl::Span<const RunNamed> runs) {
  constexpr size_t kLabelsMax = 4;
  std::vector<std::pair<std::string, std::vector<std::string>>> models;
  for (const RunNamed& run : runs) {
    const std::string& model = run.result->kernel_match().model();
    if (model.empty() || RecordedPhrase(*run.result) != RecordedPhrase(*runs[0].result)) return "";
    auto known = std::find_if(models.begin(), models.end(),
                              [&](const auto& entry) { return entry.first == model; });
    if (known == models.end()) known = models.insert(models.end(), {model, {}});
    known->second.emplace_back(run.label);
  }
  if (models.size() < 2) return "";
  std::vector<std::string> told;
  for (const auto& [model, labels] : models) {
    told.push_back(labels.size() > kLabelsMax
                       ? fmt::format("{} ({} runs)", model, labels.size())
                       : fmt::format("{} ({})", model, fmt::join(labels, ", ")));
  }
  return fmt::format("{}; the models are of {}.", RecordedPhrase(*runs[0].result),
                     fmt::join(told, ", "));
}

}  // namespace

std::vector<std::string> SettingInWords(ResultSet set) {
  std::vector<RunNamed> runs;
  for (const LabelledResult& run : set) runs.push_back({run.label, &run.result});
  return SettingInWords(runs);
}

std::vector<std::string> SettingInWords(absl::Span<const RunNamed> runs) {
  OncePerGroup machines;
  OncePerGroup kernels;
  OncePerGroup choices;
  OncePerGroup otherwise;
  OncePerGroup rounding;
  OncePerGroup folded;
  for (const RunNamed& run : runs) {
    const RunResult& result = *run.result;
    if (!result.has_machine()) continue;
    const std::string sources = SourcesSentence(result);
    machines.Add(MachineSentence(result) + (sources.empty() ? "" : "; " + sources), run.label);
    kernels.Add(KernelsSentence(result), run.label);
    choices.Add(ChoiceSentence(result), run.label);
    otherwise.Add(OtherwiseInShort(result), run.label);
    const std::vector<std::string> sentences = RoundingSentences(result);
    rounding.Add(fmt::format("{}", fmt::join(sentences, "; ")), run.label);
    folded.Add(FoldedSentence(result), run.label);
  }
  std::vector<std::string> words;
  machines.AppendTo(runs.size(), "machines", words);
  if (std::string models = KernelsOfModels(runs); !models.empty()) {
    words.push_back(std::move(models));
  } else {
    kernels.AppendTo(runs.size(), "pairs of a recorded and a simulated kernel", words);
  }
  choices.AppendTo(runs.size(), "models chosen by the recorded kernel", words);
  otherwise.AppendTo(runs.size(), "ways in which caches worked otherwise when recorded", words);
  rounding.AppendTo(runs.size(), "ways to round kmallocs", words);
  folded.AppendTo(runs.size(), "ways to fold CPUs and nodes", words);
  return words;
}

std::vector<std::string> LossesInWords(absl::Span<const RunNamed> runs) {
  std::vector<std::string> said;
  for (const RunNamed& run : runs) {
    const Totals& totals = run.result->totals();
    const std::string loss = LossSentence(totals.trace_lost_events(), totals.trace_lost_unknown());
    if (loss.empty()) continue;
    std::string sentence = fmt::format("LOST: {}: {}: every figure is of the rest.",
                                       run.result->config().trace(), loss);
    if (std::find(said.begin(), said.end(), sentence) == said.end()) {
      said.push_back(std::move(sentence));
    }
  }
  return said;
}

std::vector<std::string> HeadInWords(absl::Span<const RunNamed> runs) {
  std::vector<std::string> head = LossesInWords(runs);
  for (std::string& sentence : SettingInWords(runs)) head.push_back(std::move(sentence));
  return head;
}

}  // namespace slablab
