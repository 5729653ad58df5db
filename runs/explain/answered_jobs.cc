// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/explain/answered_jobs.h"

#include "runs/experiments/worker_pool.h"

namespace slablab {
namespace {

// The first byte of an answer says what the rest is.
constexpr char kIsAnswer = '+';
constexpr char kIsRefusal = '-';
constexpr char kIsOurFault = '!';

}  // namespace

absl::Status RunAnswered(
    const AnsweredJobs& options, const std::function<absl::StatusOr<std::string>(size_t)>& work,
    const std::function<absl::Status(size_t, absl::StatusOr<std::string>)>& take) {
  size_t ended = 0;
  const auto stop = [&] {
    if (options.progress) options.progress(ended, options.jobs);
    return options.stop && options.stop();
  };
  const auto answer_of = [&](size_t job) -> std::string {
    const absl::StatusOr<std::string> answer = work(job);
    if (answer.ok()) return kIsAnswer + *answer;
    const char kind = absl::IsInternal(answer.status()) ? kIsOurFault : kIsRefusal;
    return kind + std::string(answer.status().message());
  };
  return RunInProcesses({.jobs = options.jobs, .workers = options.workers, .stop = stop}, answer_of,
                        [&](size_t job, const JobEnd& end) -> absl::Status {
                          ++ended;
                          if (!end.death.empty()) return end.DeathOf("a run");
                          if (end.answer.empty()) return absl::InternalError("a run said nothing");
                          std::string said = end.answer.substr(1);
                          if (end.answer[0] == kIsOurFault) return absl::InternalError(said);
                          if (end.answer[0] == kIsRefusal) {
                            return take(job, absl::InvalidArgumentError(said));
                          }
                          return take(job, std::move(said));
                        });
}

}  // namespace slablab
