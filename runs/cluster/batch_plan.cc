// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/cluster/batch_plan.h"

#include <algorithm>
#include <map>
#include <queue>
#include <tuple>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr std::string_view kFirstLine = "slablab tasks: number, milliseconds, points";
constexpr uint64_t kMsPerMinute = 60'000;

}  // namespace

absl::StatusOr<BatchPlan> PlanBatch(const SweepPlan& plan, const std::vector<size_t>& todo,
                                    const BatchPlanOptions& options, CostModel& costs) {
  BatchPlan batch;
  batch.points = todo.size();
  std::vector<std::pair<uint64_t, std::string>> points;
  for (const size_t index : todo) {
    const absl::StatusOr<PointCost> cost = costs.Of(plan.points[index]);
    if (!cost.ok()) return cost.status();
    points.emplace_back(cost->milliseconds, plan.points[index].name);
    batch.milliseconds += cost->milliseconds;
    batch.point_milliseconds = std::max(batch.point_milliseconds, cost->milliseconds);
    batch.mebibytes = std::max(batch.mebibytes, cost->mebibytes);
  }
  const auto workers = static_cast<uint64_t>(options.workers);
  const uint64_t room = options.minutes * kMsPerMinute * workers;
  const size_t wanted = options.tasks > 0
                            ? options.tasks
                            : std::min((batch.milliseconds + room - 1) / room, options.tasks_max);
  const size_t count = std::min(wanted, points.size());
  batch.tasks.resize(count);
  // The costliest first, each to who has least.
  std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) {
    return std::tie(b.first, a.second) < std::tie(a.first, b.second);
  });
  using Load = std::pair<uint64_t, size_t>;
  std::priority_queue<Load, std::vector<Load>, std::greater<>> least;
  for (size_t i = 0; i < count; ++i) least.emplace(0, i);
  for (auto& [milliseconds, name] : points) {
    const auto [load, task] = least.top();
    least.pop();
    batch.tasks[task].points.push_back(std::move(name));
    batch.tasks[task].milliseconds = load + milliseconds;
    least.emplace(load + milliseconds, task);
  }
  for (const BatchTask& task : batch.tasks) {
    batch.task_milliseconds =
        std::max(batch.task_milliseconds, (task.milliseconds + workers - 1) / workers);
  }
  batch.task_milliseconds = std::max(batch.task_milliseconds, batch.point_milliseconds);
  return batch;
}

uint64_t LimitMinutes(const BatchPlan& batch) {
  return 10 + (4 * batch.task_milliseconds + kMsPerMinute - 1) / kMsPerMinute;
}

uint64_t LimitMebibytes(const BatchPlan& batch, int workers) {
  // The task itself holds the plan.
  constexpr uint64_t kPlanMib = 128;
  constexpr uint64_t kStep = 64;
  const uint64_t wanted = kPlanMib + static_cast<uint64_t>(workers) * batch.mebibytes * 3 / 2;
  return (wanted + kStep - 1) / kStep * kStep;
}

std::string TasksText(const BatchPlan& batch) {
  std::string text = fmt::format("{}\n", kFirstLine);
  for (size_t i = 0; i < batch.tasks.size(); ++i) {
    const BatchTask& task = batch.tasks[i];
    text += fmt::format("{} {} {}\n", i + 1, task.milliseconds, absl::StrJoin(task.points, " "));
  }
  return text;
}

absl::StatusOr<std::set<std::string>> PointsOfTask(std::string_view text, uint64_t number) {
  const std::vector<std::string> lines =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '\n', absl::SkipEmpty());
  if (lines.empty() || lines[0] != kFirstLine) {
    return absl::DataLossError("not the tasks that 'slablab sweep submit' has written");
  }
  if (number == 0 || number >= lines.size()) {
    return absl::InvalidArgumentError(
        fmt::format("--task={}: there are {} tasks", number, lines.size() - 1));
  }
  const std::vector<std::string> words = absl::StrSplit(lines[number], ' ');
  uint64_t said = 0;
  if (words.size() < 3 || !absl::SimpleAtoi(words[0], &said) || said != number) {
    return absl::DataLossError(fmt::format("line {} is not of task {}", number + 1, number));
  }
  return std::set<std::string>(words.begin() + 2, words.end());
}

}  // namespace slablab
