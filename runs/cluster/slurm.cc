// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/cluster/slurm.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/child_process.h"
#include "base/gz_input.h"
#include "base/whole_file.h"
#include "fmt/format.h"
#include "runs/cluster/command_output.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

std::string JobsPath(const Staged& staged) { return staged.folder + "/jobs"; }

bool IsNumber(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// What a command of Slurm's prints.
absl::StatusOr<std::string> Ask(const std::vector<std::string>& words) {
  absl::StatusOr<CommandOutput> output = OutputOf(words);
  if (absl::IsNotFound(output.status())) {
    return absl::FailedPreconditionError(fmt::format(
        "there is no {} on PATH: is this a machine of a cluster with Slurm? 'sweep submit "
        "--dry-run' shows what would be submitted; --parallel and --snakemake need no Slurm",
        words[0]));
  }
  if (!output.ok()) return output.status();
  if (output->wait_status == 0) return std::string(absl::StripAsciiWhitespace(output->out));
  std::string said(absl::StripAsciiWhitespace(output->errors));
  if (said.empty()) said = DescribeWaitStatus(output->wait_status);
  const std::string prefix = words[0] + ": ";
  return absl::UnavailableError(said.starts_with(prefix) ? said : prefix + said);
}

// "123", or of one of several clusters "123;name".
absl::StatusOr<std::string> Submit(const Staged& staged, const std::string& script,
                                   const std::string& after) {
  std::vector<std::string> words = {"sbatch", "--parsable", "--chdir=" + staged.folder};
  if (!after.empty()) words.push_back("--dependency=afterany:" + after);
  words.push_back(staged.folder + "/" + script);
  const absl::StatusOr<std::string> said = Ask(words);
  if (!said.ok()) return said.status();
  const std::string id = said->substr(0, said->find(';'));
  if (IsNumber(id)) return id;
  return absl::UnavailableError(fmt::format("sbatch: answered \"{}\", not a job's number", *said));
}

}  // namespace

absl::Status CheckSlurm() { return Ask({"sbatch", "--version"}).status(); }

absl::StatusOr<SlurmJobs> SubmitToSlurm(const Staged& staged) {
  SlurmJobs jobs;
  const absl::StatusOr<std::string> array = Submit(staged, "array.sh", "");
  if (!array.ok()) return array.status();
  jobs.array = *array;
  const absl::StatusOr<std::string> merge = Submit(staged, "merge.sh", *array);
  if (!merge.ok()) {
    (void)Ask({"scancel", *array});
    return merge.status();
  }
  jobs.merge = *merge;
  const absl::Status kept =
      WriteOutput(JobsPath(staged), fmt::format("array {}\nmerge {}\n", jobs.array, jobs.merge));
  if (kept.ok()) return jobs;
  (void)CancelJobs(jobs);
  return kept;
}

absl::StatusOr<std::optional<SlurmJobs>> JobsOf(const Staged& staged) {
  const absl::StatusOr<std::string> text = ReadWholeFile(JobsPath(staged));
  std::error_code error;
  if (!text.ok() && !fs::exists(JobsPath(staged), error)) return std::nullopt;
  if (!text.ok()) return text.status();
  SlurmJobs jobs;
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "array ")) jobs.array = std::string(rest);
    if (absl::ConsumePrefix(&rest, "merge ")) jobs.merge = std::string(rest);
  }
  if (IsNumber(jobs.array) && IsNumber(jobs.merge)) return jobs;
  return absl::DataLossError(
      fmt::format("{}: not the jobs that 'slablab sweep submit' has written", JobsPath(staged)));
}

absl::StatusOr<SlurmQueue> QueueOf(const SlurmJobs& jobs) {
  // Asked for one job that has ended long ago, squeue fails; so it is asked for all of the user's.
  const absl::StatusOr<std::string> said =
      Ask({"squeue", "--me", "--noheader", "--array", "--format=%F|%T|%r"});
  if (!said.ok()) return said.status();
  SlurmQueue queue;
  for (const absl::string_view line : absl::StrSplit(*said, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> fields = absl::StrSplit(line, '|');
    if (fields.size() != 3) continue;
    const std::string state =
        fields[2] == "None" ? fields[1] : fmt::format("{} ({})", fields[1], fields[2]);
    if (fields[0] == jobs.array) ++queue.array[state];
    if (fields[0] == jobs.merge) ++queue.merge[state];
  }
  return queue;
}

absl::Status CancelJobs(const SlurmJobs& jobs) {
  // Of what has ended by itself nothing is said.
  return Ask({"scancel", "--quiet", jobs.merge, jobs.array}).status();
}

}  // namespace slablab
