// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/saved_results.h"

#include <set>
#include <utility>

#include "reports/result_io.h"
#include "runs/experiments/printable.h"

namespace slablab {

absl::StatusOr<std::vector<LabelledResult>> ReadSavedResults(
    const std::vector<std::string>& paths) {
  std::vector<LabelledResult> set;
  std::set<std::string> labels;
  for (const std::string& path : paths) {
    absl::StatusOr<RunResults> file = ReadResults(path);
    if (!file.ok()) return file.status();
    for (LabelledRun& run : *file->mutable_runs()) {
      MakePrintable(&run);
      if (!run.label().empty()) labels.insert(run.label());
      set.push_back({.label = run.label(), .result = std::move(*run.mutable_result())});
      for (RunResult& further : *run.mutable_further()) {
        set.back().further.push_back(std::move(further));
      }
    }
  }
  if (labels.size() == set.size()) return set;
  std::vector<RunResult> results;
  for (LabelledResult& run : set) results.push_back(std::move(run.result));
  std::vector<LabelledResult> labelled = Labelled(std::move(results));
  for (size_t i = 0; i < set.size(); ++i) labelled[i].further = std::move(set[i].further);
  return labelled;
}

}  // namespace slablab
