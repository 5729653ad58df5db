// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/cluster/staging.h"

#include <link.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "base/whole_file.h"
#include "fmt/format.h"
#include "runs/cluster/command_output.h"
#include "runs/recorded/bundled_traces.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProgram = "slablab";

absl::Status CannotCopy(const fs::path& from, const fs::path& to, const std::error_code& error) {
  return absl::UnavailableError(
      fmt::format("cannot copy {} to {}: {}", from.string(), to.string(), error.message()));
}

// Not over what is there, which may be running.
absl::Status Copy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  const fs::path part = to.string() + ".part";
  fs::create_directories(to.parent_path(), error);
  if (!error) fs::copy_file(from, part, fs::copy_options::overwrite_existing, error);
  if (!error) fs::rename(part, to, error);
  return error ? CannotCopy(from, to, error) : absl::OkStatus();
}

// The paths of the libraries that this process has loaded, by the names that it asked for.
std::vector<std::string> LoadedLibraries() {
  std::vector<std::string> paths;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        // Neither the program itself nor what the kernel brings.
        if (info->dlpi_name[0] == '/') {
          static_cast<std::vector<std::string>*>(data)->emplace_back(info->dlpi_name);
        }
        return 0;
      },
      &paths);
  return paths;
}

absl::Status StageProgram(const Staged& staged) {
  const fs::path program = fs::path(staged.folder) / "program";
  if (absl::Status status = Copy("/proc/self/exe", program / kProgram); !status.ok()) return status;
  std::string loader;
  for (const std::string& library : LoadedLibraries()) {
    const std::string name = fs::path(library).filename().string();
    if (absl::StrContains(name, "ld-linux") || name.starts_with("ld64")) loader = name;
    if (absl::Status status = Copy(library, program / name); !status.ok()) return status;
  }
  std::string script =
      "#!/bin/sh\n# The staged slablab, with its own libraries.\n"
      "here=$(dirname -- \"$0\")\n"
      "export SLABLAB_ROOT=\"$here/root\"\n";
  script += loader.empty() ? "exec \"$here/program/slablab\" \"$@\"\n"
                           : fmt::format(
                                 "exec \"$here/program/{}\" --library-path \"$here/program\" "
                                 "\"$here/program/slablab\" \"$@\"\n",
                                 loader);
  if (absl::Status status = WriteOutput(staged.run, script); !status.ok()) return status;
  std::error_code error;
  fs::permissions(staged.run, fs::perms(0755), error);
  return absl::OkStatus();
}

// Where in the copy a file is that a sweep names; nothing for one that it names by an absolute
// path, which nodes read where it is.
std::optional<fs::path> PlaceOf(const std::string& path, const fs::path& sweep_folder,
                                const Staged& staged) {
  const fs::path bundled =
      BundledTracePath(fs::path(path).stem().string());  // as plans have those by name
  if (path == bundled.string()) {
    return fs::path(staged.folder) / "root" / "traces/samples" / fs::path(path).filename();
  }
  const bool is_below = sweep_folder.empty() ? !fs::path(path).is_absolute()
                                             : path.starts_with(sweep_folder.string() + "/");
  if (!is_below) return std::nullopt;
  std::error_code error;
  const fs::path normal = fs::absolute(path, error).lexically_normal();
  return fs::path(staged.folder) / "inputs" / normal.relative_path();
}

// Paths go by way of folders, "a/../b", that must be there too.
void MakeFoldersOnTheWay(const std::string& path, const Staged& staged) {
  fs::path way = fs::path(staged.folder) / "inputs";
  std::error_code error;
  for (const fs::path& part : fs::absolute(path, error).relative_path().parent_path()) {
    way /= part;
    fs::create_directories(way, error);
    way = way.lexically_normal();
  }
}

std::set<std::string> FilesOf(const SweepPlan& plan) {
  std::set<std::string> files;
  for (const SweepPoint& point : plan.points) {
    const RunSpec& run = point.options.run;
    files.insert(run.trace());
    files.insert(run.scenario());
    if (run.workload().ends_with(".textproto")) files.insert(run.workload());
    const std::string machine = run.machine().substr(0, run.machine().rfind('@'));
    if (machine.ends_with(".textproto") || machine.ends_with(".xml")) files.insert(machine);
  }
  files.erase("");
  return files;
}

absl::Status CheckMachines(const SweepPlan& plan) {
  for (const SweepPoint& point : plan.points) {
    const std::string& machine = point.options.run.machine();
    if (machine.substr(0, machine.find('@')) != "host") continue;
    return absl::InvalidArgumentError(
        "the machine \"host\" is another on every node: describe it by a file ('lstopo host.xml') "
        "and name that");
  }
  return absl::OkStatus();
}

// Names are digests of all that a point is, its files included.
absl::Status CheckCopy(const SweepPlan& plan, const Staged& staged) {
  const char* const set = std::getenv("SLABLAB_ROOT");
  const std::optional<std::string> root = set == nullptr ? std::nullopt : std::optional(set);
  setenv("SLABLAB_ROOT", (staged.folder + "/root").c_str(), 1);
  const absl::StatusOr<SweepPlan> copy = PlanSweep(staged.sweep);
  unsetenv("SLABLAB_ROOT");
  if (root.has_value()) setenv("SLABLAB_ROOT", root->c_str(), 1);
  if (!copy.ok()) return copy.status();
  bool same = copy->points.size() == plan.points.size();
  for (size_t i = 0; same && i < plan.points.size(); ++i) {
    same = copy->points[i].name == plan.points[i].name;
  }
  if (same) return absl::OkStatus();
  return absl::UnavailableError(fmt::format(
      "{}: not the sweep that was planned: did its files change just now?", staged.sweep));
}

}  // namespace

absl::StatusOr<Staged> StagedPlaces(const std::string& sweep_path, const std::string& folder) {
  std::error_code error;
  const fs::path absolute = fs::absolute(folder, error).lexically_normal();
  if (error) {
    return absl::UnavailableError(fmt::format("cannot find {}: {}", folder, error.message()));
  }
  const std::string batch = (absolute / "batch").string();
  const fs::path sweep = fs::absolute(sweep_path, error).lexically_normal();
  return Staged{.folder = batch,
                .run = batch + "/run",
                .sweep = (fs::path(batch) / "inputs" / sweep.relative_path()).string()};
}

absl::Status StageSweep(const SweepPlan& plan, const std::string& sweep_path,
                        const Staged& staged) {
  if (absl::Status status = CheckMachines(plan); !status.ok()) return status;
  if (absl::Status status = StageProgram(staged); !status.ok()) return status;
  if (absl::Status status = Copy(sweep_path, staged.sweep); !status.ok()) return status;
  std::error_code error;
  fs::create_directories(fs::path(staged.folder) / "root/traces/samples", error);
  fs::create_directories(fs::path(staged.folder) / "logs", error);
  for (const std::string& path : FilesOf(plan)) {
    const std::optional<fs::path> place = PlaceOf(path, fs::path(sweep_path).parent_path(), staged);
    if (!place.has_value()) continue;
    MakeFoldersOnTheWay(path, staged);
    if (absl::Status status = Copy(path, *place); !status.ok()) return status;
  }
  return CheckCopy(plan, staged);
}

}  // namespace slablab
