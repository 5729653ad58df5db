// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/comparison/setting.h"

#include <string_view>
#include <utility>

#include "fmt/format.h"
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
  kernels.AppendTo(runs.size(), "pairs of a recorded and a simulated kernel", words);
  choices.AppendTo(runs.size(), "models chosen by the recorded kernel", words);
  otherwise.AppendTo(runs.size(), "ways in which caches worked otherwise when recorded", words);
  rounding.AppendTo(runs.size(), "ways to round kmallocs", words);
  folded.AppendTo(runs.size(), "ways to fold CPUs and nodes", words);
  return words;
}

}  // namespace slablab
