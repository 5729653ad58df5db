// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/recorded/bundled_traces.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/names.h"
#include "fmt/format.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolder = "traces/samples";
constexpr std::string_view kEnding = ".slt";

}  // namespace

std::string OwnFile(const std::string& path) {
  const char* root = std::getenv("SLABLAB_ROOT");
  if (root != nullptr) return (fs::path(root) / path).string();
  // Where a package has put it: PREFIX/share/slablab for PREFIX/bin/slablab.
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path shared = program.parent_path().parent_path() / "share/slablab";
  if (!error && fs::is_directory(shared, error)) return (shared / path).string();
  return (fs::path(".") / path).string();
}

std::vector<std::string> BundledTraces() {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(OwnFile(std::string(kFolder)), error)) {
    if (entry.path().extension() == kEnding) names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsBundledTrace(const std::string& name) {
  const std::vector<std::string> names = BundledTraces();
  return std::binary_search(names.begin(), names.end(), name);
}

std::string BundledTracePath(const std::string& name) {
  return OwnFile(fmt::format("{}/{}{}", kFolder, name, kEnding));
}

absl::StatusOr<std::string> FindTrace(const std::string& name) {
  std::error_code error;
  if (name == "-" || fs::exists(name, error)) return name;
  const std::vector<std::string> bundled = BundledTraces();
  std::string bare = name;
  if (bare.ends_with(kEnding)) bare.resize(bare.size() - kEnding.size());
  if (std::find(bundled.begin(), bundled.end(), bare) != bundled.end()) {
    return BundledTracePath(bare);
  }
  const std::vector<std::string> workloads = NamesOf(ListWorkloads());
  if (std::find(workloads.begin(), workloads.end(), name) != workloads.end()) {
    return absl::NotFoundError(
        fmt::format("'{}' is a workload, not a trace: --workload={}", name, name));
  }
  return absl::NotFoundError(fmt::format(
      "{}: there is no such file, and no bundled trace of that name{}; 'slablab list traces' has "
      "those",
      name, DidYouMean(bare, bundled)));
}

}  // namespace slablab
