// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/cluster/batch_scripts.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <system_error>

#include "base/whole_file.h"
#include "fmt/format.h"
#include "runs/cluster/command_output.h"

namespace slablab {
namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

// What a job may be called everywhere.
std::string JobName(const std::string& sweep) {
  std::string name = "slablab-" + sweep;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '-') c = '_';
  }
  return name;
}

// A name in a comment of a script: in one line.
std::string InOneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, '?');
  return text;
}

std::string TaskScript(const Staged& staged, const BatchScriptOptions& options) {
  return fmt::format(
      "#!/bin/sh\n"
      "# task K: does the points of line K of `tasks`; started again, those that are not done.\n"
      "exec {} sweep run {} --folder={} --task=\"$1\" --workers={}\n",
      ShellQuoted(staged.run), ShellQuoted(staged.sweep), ShellQuoted(options.results),
      options.workers);
}

std::string MergeScript(const Staged& staged, const BatchScriptOptions& options) {
  const std::string merge = fmt::format("{} sweep merge {} --folder={}", ShellQuoted(staged.run),
                                        ShellQuoted(staged.sweep), ShellQuoted(options.results));
  return fmt::format(
      "#!/bin/sh\n"
      "# Makes the report of all points, or says which are missing.\n"
      "exec {} --output={}\n",
      merge, ShellQuoted(options.results + "/report.txt"));
}

// A merge of 182 points took 227 MiB and two seconds.
uint64_t MergeMinutes(const BatchScriptOptions& options) { return 10 + options.points / 1000; }
uint64_t MergeMebibytes(const BatchScriptOptions& options) { return 256 + options.points * 3 / 2; }

std::string Directives(const std::string& name, const std::vector<std::string>& ours,
                       const std::vector<std::string>& theirs) {
  std::string text = fmt::format("#SBATCH --job-name={}\n", name);
  for (const std::string& option : ours) text += fmt::format("#SBATCH {}\n", option);
  for (const std::string& option : theirs) text += fmt::format("#SBATCH {}\n", option);
  return text;
}

Files SlurmFiles(const BatchPlan& batch, const Staged& staged, const BatchScriptOptions& options) {
  const std::string mebibytes = fmt::format("--mem={}M", LimitMebibytes(batch, options.workers));
  const std::string array = fmt::format(
      "#!/bin/sh\n# The tasks of the sweep {}, an array of Slurm's.\n{}\n"
      "{} \"$SLURM_ARRAY_TASK_ID\"\n"
      "status=$?\n"
      "[ $status = 0 ] && exit\n"
      "# Once more, on whichever node, unless that was often enough. For nodes that fail Slurm\n"
      "# itself does so.\n"
      "if [ \"${{SLURM_RESTART_COUNT:-0}}\" -lt {} ]; then\n"
      "  echo \"task $SLURM_ARRAY_TASK_ID ended with status $status; it is tried again\"\n"
      "  scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID\" && exec sleep 600\n"
      "fi\n"
      "exit $status\n",
      InOneLine(options.name),
      Directives(JobName(options.name),
                 {fmt::format("--array=1-{}", batch.tasks.size()),
                  fmt::format("--time={}", LimitMinutes(batch)), mebibytes, "--nodes=1",
                  "--ntasks=1", fmt::format("--cpus-per-task={}", options.workers), "--requeue",
                  "--open-mode=append", "--output=logs/%a.log"},
                 options.sbatch),
      ShellQuoted(staged.folder + "/task"), options.retries);
  const std::string merge = fmt::format(
      "#!/bin/sh\n# After the tasks of the sweep {}, however they ended.\n{}\nexec {}\n",
      InOneLine(options.name),
      Directives(JobName(options.name) + "-merge",
                 {fmt::format("--time={}", MergeMinutes(options)),
                  fmt::format("--mem={}M", MergeMebibytes(options)), "--requeue",
                  "--open-mode=append", "--output=logs/merge.log"},
                 options.sbatch),
      ShellQuoted(staged.folder + "/merge"));
  return {{"array.sh", array}, {"merge.sh", merge}};
}

Files SnakemakeFiles(const BatchPlan& batch, const Staged& staged,
                     const BatchScriptOptions& options) {
  const std::string snakefile = fmt::format(
      "# The tasks of the sweep {}, and their report.\n"
      "rule report:\n"
      "    input: expand(\"done/{{task}}\", task=range(1, {} + 1))\n"
      "    output: touch(\"done/report\")\n"
      "    resources: mem_mb={}, runtime={}\n"
      "    shell: {:?}\n"
      "\n"
      "rule task:\n"
      "    output: touch(\"done/{{task}}\")\n"
      "    threads: {}\n"
      "    retries: {}\n"
      "    resources: mem_mb={}, runtime={}\n"
      "    shell: {:?}\n",
      InOneLine(options.name), batch.tasks.size(), MergeMebibytes(options), MergeMinutes(options),
      "./merge", options.workers, options.retries, LimitMebibytes(batch, options.workers),
      LimitMinutes(batch), "./task {wildcards.task}");
  const std::string profile = fmt::format(
      "# For snakemake --profile: on this machine, a task a core. On a cluster the last lines say\n"
      "# how it is given a job; Slurm's way is there.\n"
      "snakefile: {0}/Snakefile\n"
      "directory: {0}\n"
      "cores: all\n"
      "keep-going: true\n"
      "rerun-incomplete: true\n"
      "latency-wait: 60\n"
      "# jobs: 100\n"
      "# cluster: sbatch --parsable --time={{resources.runtime}} --mem={{resources.mem_mb}}\n"
      "#   --cpus-per-task={{threads}} --output=logs/%j.log{1}\n",
      staged.folder,
      options.sbatch.empty() ? "" : fmt::format(" {}", fmt::join(options.sbatch, " ")));
  return {{"Snakefile", snakefile}, {"profile/config.yaml", profile}};
}

Files ParallelFiles(const BatchPlan& batch, const Staged& staged) {
  std::string lines;
  for (size_t task = 1; task <= batch.tasks.size(); ++task) {
    lines += fmt::format("{} {}\n", ShellQuoted(staged.folder + "/task"), task);
  }
  return {{"commands", lines}};
}

}  // namespace

Files BatchScripts(Launcher launcher, const BatchPlan& batch, const Staged& staged,
                   const BatchScriptOptions& options) {
  Files files = {{"tasks", TasksText(batch)},
                 {"task", TaskScript(staged, options)},
                 {"merge", MergeScript(staged, options)}};
  Files further;
  switch (launcher) {
    case Launcher::kSlurm:
      further = SlurmFiles(batch, staged, options);
      break;
    case Launcher::kSnakemake:
      further = SnakemakeFiles(batch, staged, options);
      break;
    case Launcher::kParallel:
      further = ParallelFiles(batch, staged);
      break;
  }
  files.insert(files.end(), further.begin(), further.end());
  return files;
}

std::string StartCommand(Launcher launcher, const Staged& staged) {
  const std::string folder = ShellQuoted(staged.folder);
  switch (launcher) {
    case Launcher::kSlurm:
      return fmt::format(
          "sbatch --parsable --chdir={0} {0}/array.sh\n"
          "sbatch --parsable --chdir={0} --dependency=afterany:ARRAY {0}/merge.sh\n",
          folder);
    case Launcher::kSnakemake:
      return fmt::format("snakemake --profile {}/profile\n", folder);
    case Launcher::kParallel:
      return fmt::format(
          "parallel --retries 3 --resume-failed --joblog {0}/joblog <{0}/commands && {0}/merge\n",
          folder);
  }
  return "";
}

absl::Status WriteBatchScripts(const Files& files, const Staged& staged) {
  for (const auto& [name, text] : files) {
    const std::filesystem::path path = std::filesystem::path(staged.folder) / name;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (absl::Status status = WriteOutput(path.string(), text); !status.ok()) return status;
    if (text.starts_with("#!")) {
      std::filesystem::permissions(path, std::filesystem::perms(0755), error);
    }
  }
  return absl::OkStatus();
}

}  // namespace slablab
