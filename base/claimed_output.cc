// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/claimed_output.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/whole_file.h"
#include "fmt/format.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

using FileId = std::pair<dev_t, ino_t>;

struct Claim {
  std::string path;  // as the user wrote it
  std::string flag;
  std::string target;        // links resolved, for a file that is not there yet
  std::optional<FileId> id;  // of a file that is there
  bool is_input = false;     // it was to be read, too
};

std::vector<Claim>& Claims() {
  static auto& claims = *new std::vector<Claim>;
  return claims;
}

absl::Status CheckInput(const struct stat& status, const std::string& path) {
  for (Claim& claim : Claims()) {
    if (claim.id != FileId(status.st_dev, status.st_ino)) continue;
    claim.is_input = true;
    return absl::InvalidArgumentError(fmt::format(
        "{}: is read, so it cannot be the output too ({} {})", path, claim.flag, claim.path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ClaimOutput(const std::string& path, const std::string& flag) {
  if (path.empty() || path == "-" || !WholeFile::IsReplaced(path)) return absl::OkStatus();
  std::error_code error;
  const fs::path target = fs::weakly_canonical(fs::absolute(WholeFile::TargetOf(path)), error);
  if (error || access(target.parent_path().c_str(), W_OK | X_OK) != 0) {
    return absl::UnavailableError(
        fmt::format("cannot write {}: {}", path, std::strerror(error ? error.value() : errno)));
  }
  Claim claim = {.path = path, .flag = flag, .target = target, .id = {}};
  struct stat status;
  if (stat(path.c_str(), &status) == 0) claim.id = FileId(status.st_dev, status.st_ino);
  for (const Claim& other : Claims()) {
    if (other.target != claim.target && (!claim.id.has_value() || other.id != claim.id)) continue;
    return absl::InvalidArgumentError(
        fmt::format("{} {} and {} {} are one file, and each would replace the other", other.flag,
                    other.path, flag, path));
  }
  Claims().push_back(std::move(claim));
  return absl::OkStatus();
}

absl::Status CheckInput(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 ? CheckInput(status, path) : absl::OkStatus();
}

absl::Status CheckInput(int descriptor, const std::string& path) {
  struct stat status;
  return fstat(descriptor, &status) == 0 ? CheckInput(status, path) : absl::OkStatus();
}

absl::Status CheckOutput(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return absl::OkStatus();
  for (const Claim& claim : Claims()) {
    if (!claim.is_input || claim.id != FileId(status.st_dev, status.st_ino)) continue;
    return absl::InvalidArgumentError(
        fmt::format("{} {}: not written, since it is read, too", claim.flag, path));
  }
  return absl::OkStatus();
}

}  // namespace slablab
