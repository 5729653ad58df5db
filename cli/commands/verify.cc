// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "base/gz_input.h"
#include "base/interrupt.h"
#include "cli/command.h"
#include "cli/commands/verify.pb.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "fmt/format.h"
#include "reports/message_json.h"
#include "reports/numbers.h"
#include "reports/text/fitted_table.h"
#include "reports/text/text.h"
#include "runs/experiments/printable.h"
#include "runs/experiments/recording_check.h"
#include "traces/sidecar/sidecar.h"
#include "workloads/conformance/conformance.h"
#include "workloads/conformance/percpu_conformance.h"
#include "workloads/conformance/percpu_reference.h"
#include "workloads/conformance/reference.h"
#include "workloads/conformance/slabinfo_geometry.h"
#include "workloads/conformance/sysfs_geometry.h"

ABSL_FLAG(int32_t, cpu_count, 0,
          "N: how many CPUs a machine had whose /sys/kernel/slab or /proc/slabinfo is verified; "
          "0: as the file 'nodes' beside it says.");

namespace slablab {
namespace {

constexpr std::string_view kFlags[] = {"format", "cpu_count"};
constexpr Format kFormats[] = {Format::kText, Format::kJson};

absl::StatusOr<Conformance> VerifySlabReference(const std::string& path, std::string_view text) {
  const absl::StatusOr<ReferenceRun> run = ParseReference(text, path);
  if (!run.ok()) return run.status();
  return ReplayReference(*run);
}

// The CPUs and nodes that a machine's sidecar "nodes" names, or as many CPUs as is said.
absl::StatusOr<SlabinfoMachine> MachineBeside(const std::string& path) {
  if (const int32_t given = absl::GetFlag(FLAGS_cpu_count); given != 0) {
    return SlabinfoMachine{.cpus = given, .nodes = 1};
  }
  const std::string nodes_path = std::filesystem::path(path).replace_filename("nodes").string();
  const absl::StatusOr<std::string> text = ReadWholeFile(nodes_path);
  if (absl::IsNotFound(text.status())) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: how many CPUs the machine had is not known: give --cpu-count=N, or a file {}", path,
        nodes_path));
  }
  if (!text.ok()) return text.status();
  const absl::StatusOr<std::vector<int32_t>> nodes = ParseNodes(*text, nodes_path);
  if (!nodes.ok()) return nodes.status();
  const auto cpus = std::count_if(nodes->begin(), nodes->end(), [](int32_t n) { return n >= 0; });
  if (cpus < 1 || cpus > kMaxCpus) {
    return absl::InvalidArgumentError(fmt::format("{}: it names no CPU", nodes_path));
  }
  std::vector<int32_t> different = *nodes;
  std::erase(different, -1);
  std::sort(different.begin(), different.end());
  different.erase(std::unique(different.begin(), different.end()), different.end());
  return SlabinfoMachine{.cpus = static_cast<int>(cpus),
                         .nodes = static_cast<int>(different.size())};
}

absl::StatusOr<Conformance> VerifySysfs(const std::string& path, std::string_view text) {
  const absl::StatusOr<SlabSysfs> sysfs = ParseSlabSysfs(text, path);
  if (!sysfs.ok()) return sysfs.status();
  const absl::StatusOr<SlabinfoMachine> machine = MachineBeside(path);
  if (!machine.ok()) return machine.status();
  return CheckSysfsGeometry(*sysfs, {.present = machine->cpus, .possible = machine->cpus}, path);
}

absl::StatusOr<Conformance> VerifySlabinfo(const std::string& path, std::string_view text) {
  const absl::StatusOr<Slabinfo> slabinfo = ParseSlabinfo(text, path);
  if (!slabinfo.ok()) return slabinfo.status();
  const absl::StatusOr<SlabinfoMachine> machine = MachineBeside(path);
  if (!machine.ok()) return machine.status();
  return CheckSlabinfoGeometry(*slabinfo, *machine, path);
}

absl::StatusOr<Conformance> VerifyPercpuReference(const std::string& path, std::string_view text) {
  const absl::StatusOr<PercpuReferenceRun> run = ParsePercpuReference(text, path);
  if (!run.ok()) return run.status();
  return ReplayPercpuReference(*run);
}

// What can be verified, known by how its first line begins; the last takes everything else.
struct Kind {
  std::string_view name;
  std::string_view first_line;
  absl::StatusOr<Conformance> (*verify)(const std::string& path, std::string_view text);
};
constexpr Kind kKinds[] = {
    {"slab reference run", "slab-reference ", VerifySlabReference},
    {"percpu reference run", "percpu-reference ", VerifyPercpuReference},
    {"/proc/slabinfo", "slabinfo - version", VerifySlabinfo},
    {"/sys/kernel/slab", "", VerifySysfs},
};

void SetTally(const Conformance::Tally& from, VerifyReport::Tally* to) {
  to->set_agreeing(from.agreeing);
  to->set_total(from.total);
}

void AddFile(const std::string& path, std::string_view kind, const Conformance& result,
             Conformance* total, VerifyReport* report) {
  *total += result;
  VerifyReport::File& file = *report->add_files();
  file.set_path(path);
  file.set_kind(std::string(kind));
  file.set_agrees(result.agrees());
  SetTally(result.placements, file.mutable_placements());
  SetTally(result.figures, file.mutable_figures());
  file.set_first_disagreement(result.first_disagreement);
}

absl::Status VerifyRecording(const std::string& path, Conformance* total, VerifyReport* report) {
  const absl::StatusOr<RunResult> result = ReplayRecording(path);
  if (!result.ok()) return result.status();
  AddFile(path, "recording", JudgeRecording(*result, path), total, report);
  report->mutable_files(report->files_size() - 1)
      ->set_comparison(KernelComparisonText(*result, {.rows_max = 0}));
  return absl::OkStatus();
}

// What a folder with a machine's geometry has it in; else the path itself.
std::string GeometryIn(const std::string& path) {
  for (const std::string_view name : {"slab.sysfs.gz", "slabinfo.boot"}) {
    const std::filesystem::path file = std::filesystem::path(path) / name;
    std::error_code error;
    if (std::filesystem::is_regular_file(file, error)) return file.string();
  }
  return path;
}

// What there is to verify at `path`: in a folder of reference runs and machines all of them, in
// order; else itself.
std::vector<std::string> FilesOf(const std::string& path) {
  namespace fs = std::filesystem;
  if (std::string geometry = GeometryIn(path); geometry != path) return {std::move(geometry)};
  std::error_code error;
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().string();
    if (name.ends_with(".ref.gz") || name.ends_with(".ref")) files.push_back(name);
    if (std::string geometry = GeometryIn(name); geometry != name) {
      files.push_back(std::move(geometry));
    }
  }
  if (files.empty()) return {path};
  std::sort(files.begin(), files.end());
  return files;
}

absl::Status VerifyFile(const std::string& path, Conformance* total, VerifyReport* report) {
  if (IsRecording(path)) return VerifyRecording(path, total, report);
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  const Kind* kind = std::find_if(std::begin(kKinds), std::end(kKinds), [&text](const Kind& k) {
    return text->compare(0, k.first_line.size(), k.first_line) == 0;
  });
  CHECK(kind != std::end(kKinds));
  const absl::StatusOr<Conformance> result = kind->verify(path, *text);
  if (absl::IsNotFound(result.status())) {
    VerifyReport::File& file = *report->add_files();
    file.set_path(path);
    file.set_kind(std::string(kind->name));
    file.set_no_model(std::string(result.status().message()));
    return absl::OkStatus();
  }
  if (!result.ok()) return result.status();
  AddFile(path, kind->name, *result, total, report);
  return absl::OkStatus();
}

std::string TallyText(const VerifyReport::Tally& tally) {
  return fmt::format("{} of {}", Grouped(tally.agreeing()), Grouped(tally.total()));
}

std::string Text(const VerifyReport& report) {
  FittedTable table;
  table.AddColumn({{""}, FittedTable::Column::kLeft});
  table.AddColumn({{"placements"}});
  table.AddColumn({{"counts and states"}});
  table.AddColumn({{"file"}, FittedTable::Column::kLeft});
  const auto add = [&table](bool agrees, const VerifyReport::Tally& placements,
                            const VerifyReport::Tally& figures, const std::string& what) {
    table.AddRow(
        {agrees ? "agrees" : "DISAGREES", TallyText(placements), TallyText(figures), what});
  };
  for (const VerifyReport::File& file : report.files()) {
    if (!file.no_model().empty()) {
      table.AddRow({"no model", "", "", file.path()});
      continue;
    }
    add(file.agrees(), file.placements(), file.figures(), file.path());
  }
  add(report.agrees(), report.placements(), report.figures(),
      Counted(static_cast<uint64_t>(report.files_size()), "file", "files") + " in total");
  std::string text = table.Text();
  for (const VerifyReport::File& file : report.files()) {
    if (file.agrees() || !file.no_model().empty()) continue;
    text += fmt::format("\nThe first disagreement:\n{}", file.first_disagreement());
    if (text.back() != '\n') text += '\n';
    break;
  }
  for (const VerifyReport::File& file : report.files()) {
    if (!file.comparison().empty())
      text += fmt::format("\n{}:\n{}", file.path(), file.comparison());
  }
  return text;
}

// Why files were not compared: each reason once, with the first file that has it. Answers how many
// there are.
int ReportMissingModels(const VerifyReport& report) {
  int missing = 0;
  std::vector<std::string> reasons;
  for (const VerifyReport::File& file : report.files()) {
    if (file.no_model().empty()) continue;
    ++missing;
    const std::string reason = file.no_model().substr(file.path().size());
    if (std::find(reasons.begin(), reasons.end(), reason) != reasons.end()) continue;
    reasons.push_back(reason);
    Fail(absl::NotFoundError(file.no_model()));
  }
  if (missing > 1) {
    Fail(absl::NotFoundError(fmt::format("{} files were not compared", missing)));
  }
  return missing;
}

int RunVerify(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return Fail(absl::InvalidArgumentError("verify needs a FILE"));
  const absl::StatusOr<Format> format = FormatAmong(kFormats);
  if (!format.ok()) return Fail(format.status());
  std::vector<std::string> files;
  for (const std::string& argument : arguments) {
    for (std::string& file : FilesOf(argument)) files.push_back(std::move(file));
  }
  VerifyReport report;
  Conformance total;
  const InterruptScope interrupts;
  {
    Progress progress({.what = "verifying", .unit = "files", .total = files.size()});
    for (size_t i = 0; i < files.size(); ++i) {
      progress.Update(i);
      const absl::Status status = VerifyFile(files[i], &total, &report);
      if (status.ok()) continue;
      progress.Erase();
      return absl::IsCancelled(status) ? kExitInterrupted : Fail(status);
    }
  }
  report.set_agrees(total.agrees());
  SetTally(total.placements, report.mutable_placements());
  SetTally(total.figures, report.mutable_figures());
  if (*format == Format::kJson) {
    MakePrintable(&report);
    Print(stdout, "{}", MessageToJson(report));
  } else if (std::any_of(report.files().begin(), report.files().end(),
                         [](const VerifyReport::File& file) { return file.no_model().empty(); })) {
    Print(stdout, "{}", Text(report));
  }
  const bool all_have_models = ReportMissingModels(report) == 0;
  if (!report.agrees()) return kExitDifference;
  return all_have_models ? kExitOk : kExitUsage;
}

}  // namespace

extern const Command kVerifyCommand = {
    .name = "verify",
    .synopsis = "FILE...",
    .summary =
        "Holds the models to what real kernels did: reference runs, recordings, /sys/kernel/slab, "
        "/proc/slabinfo.",
    .flags = kFlags,
    .formats = kFormats,
    .run = RunVerify,
};

}  // namespace slablab
