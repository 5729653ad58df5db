// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/recording_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/claimed_output.h"
#include "base/gz_file.h"
#include "fmt/format.h"
#include "traces/import/perf_data.h"

namespace slablab {
namespace {

constexpr size_t kMagicBytes = 16;
constexpr std::string_view kPerfMagic = "PERFILE";
constexpr std::string_view kTraceDatMagic("\x17\x08\x44tracing", 10);

struct Packing {
  std::string_view magic;
  const char* program;
  // How a program tells that it could not read all of a file. All but bzip2 by their exit status.
  Spool::Success success = Spool::Success::kByStatus;
};
constexpr std::array<Packing, 4> kPackings = {{
    {std::string_view("\xfd"
                      "7zXZ\0",
                      6),
     "xz"},
    {"\x28\xb5\x2f\xfd", "zstd"},
    {"BZh", "bzip2", Spool::Success::kBySilence},
    {"\x04\x22\x4d\x18", "lz4"},
}};

// A descriptor that is closed in the end.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

absl::Status FileError(const std::string& name, int error) {
  const std::string message = fmt::format("{}: {}", name, std::strerror(error));
  return error == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
}

// The first bytes of the file, or of what gzip packed there.
std::string HeadOf(const std::string& path, bool* is_gzipped) {
  const absl::StatusOr<std::unique_ptr<GzFile>> file = GzFile::Open(path, path);
  if (!file.ok()) return {};
  std::string head(kMagicBytes, '\0');
  const absl::StatusOr<size_t> got = (*file)->Read(absl::MakeSpan(head.data(), head.size()));
  *is_gzipped = (*file)->is_gzipped();
  head.resize(got.ok() ? *got : 0);
  return head;
}

// A device gives bytes without end, and none of them is of a recording. A terminal may be typed
// into, and /dev/null is empty.
bool IsEndlessDevice(const struct stat& state, int descriptor) {
  if (S_ISBLK(state.st_mode)) return true;
  if (!S_ISCHR(state.st_mode) || isatty(descriptor) != 0) return false;
  char byte = 0;
  return read(descriptor, &byte, 1) > 0;
}

}  // namespace

bool IsFileOnDisk(const std::string& path) {
  struct stat state;
  return path != "-" && stat(path.c_str(), &state) == 0 && S_ISREG(state.st_mode) &&
         state.st_size > 0;
}

RecordingSource::RecordingSource(std::string path)
    : path_(path == "-" ? "/dev/stdin" : path),
      name_(path == "-" ? "standard input" : std::move(path)) {}

absl::StatusOr<std::unique_ptr<RecordingSource>> RecordingSource::Open(
    const std::string& path, const std::function<bool()>& interrupted) {
  std::unique_ptr<RecordingSource> source(new RecordingSource(path));
  if (IsFileOnDisk(source->path_)) {
    if (absl::Status input = CheckInput(source->path_); !input.ok()) return input;
  }
  absl::Status status =
      IsFileOnDisk(source->path_) ? absl::OkStatus() : source->MakeFile(interrupted);
  // Packed and packed again is rare; without end it is nothing of ours.
  constexpr int kLayersMax = 4;
  bool was_packed = true;
  for (int layer = 0; status.ok() && was_packed && layer < kLayersMax; ++layer) {
    status = source->Unpack(&was_packed);
  }
  if (!status.ok()) return status;
  return source;
}

absl::Status RecordingSource::MakeFile(const std::function<bool()>& interrupted) {
  const Descriptor input(path_ == "/dev/stdin" ? dup(STDIN_FILENO)
                                               : open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat state;
  if (input.number() < 0 || fstat(input.number(), &state) != 0) return FileError(name_, errno);
  if (S_ISDIR(state.st_mode)) return FileError(name_, EISDIR);
  if (IsEndlessDevice(state, input.number())) {
    return absl::InvalidArgumentError(fmt::format("{}: a device, not a recording", name_));
  }
  absl::StatusOr<std::unique_ptr<Spool>> spool = Spool::Create();
  if (!spool.ok()) return spool.status();
  const absl::Status status = (*spool)->CopyFrom(input.number(), interrupted);
  if (absl::IsCancelled(status)) return status;
  if (!status.ok()) {
    return absl::UnavailableError(fmt::format(
        "{}: {}", name_, std::string_view(status.message().data(), status.message().size())));
  }
  spool_ = *std::move(spool);
  path_ = spool_->Path();
  return absl::OkStatus();
}

absl::Status RecordingSource::Unpack(bool* was_packed) {
  bool is_gzipped = false;
  const std::string head = HeadOf(path_, &is_gzipped);
  *was_packed = true;
  if (is_gzipped) {
    const bool is_text = !head.starts_with(kPerfMagic) && !head.starts_with(kTraceDatMagic);
    *was_packed = !is_text;
    return is_text ? absl::OkStatus() : Gunzip();
  }
  if (head.starts_with(kPerfMagic)) {
    if (absl::Status whole = CheckPerfData(path_, name_); !whole.ok()) return whole;
    return UnpackBy(
        {"perf", "script", "--force", "--header", "--ns", "--show-lost-events", "-F",
         "comm,tid,cpu,time,event,trace", "-i", path_},
        Spool::Success::kByStatus,
        "this is a perf.data, of which perf script makes text; perf is not installed "
        "here (Debian: apt install linux-perf). Or import what this prints where it is: "
        "perf script --header --ns --show-lost-events -F comm,tid,cpu,time,event,trace");
  }
  for (const Packing& packing : kPackings) {
    if (!head.starts_with(packing.magic)) continue;
    return UnpackBy(
        {packing.program, "-dc"}, packing.success,
        fmt::format("packed by {}, which is not installed here (Debian: apt install "
                    "{}): unpack it where it is",
                    packing.program,
                    packing.program == std::string_view("xz") ? "xz-utils" : packing.program));
  }
  *was_packed = false;
  return absl::OkStatus();
}

absl::Status RecordingSource::UnpackBy(const std::vector<std::string>& words,
                                       Spool::Success success, const std::string& remedy) {
  const Descriptor input(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (input.number() < 0) return FileError(name_, errno);
  absl::StatusOr<std::unique_ptr<Spool>> spool = Spool::Create();
  if (!spool.ok()) return spool.status();
  const absl::Status status = (*spool)->FillFrom(words, input.number(), success);
  if (absl::IsNotFound(status)) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", name_, remedy));
  }
  if (!status.ok()) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {}", name_, std::string_view(status.message().data(), status.message().size())));
  }
  spool_ = *std::move(spool);
  path_ = spool_->Path();
  return absl::OkStatus();
}

absl::Status RecordingSource::Gunzip() {
  absl::StatusOr<std::unique_ptr<Spool>> spool = Spool::Create();
  if (!spool.ok()) return spool.status();
  const absl::StatusOr<std::unique_ptr<GzFile>> file = GzFile::Open(path_, name_);
  if (!file.ok()) return file.status();
  std::vector<char> buffer(1 << 16);
  absl::Status status;
  for (size_t got = buffer.size(); status.ok() && got == buffer.size();) {
    const absl::StatusOr<size_t> read = (*file)->Read(absl::MakeSpan(buffer));
    if (!read.ok()) return read.status();
    got = *read;
    status = (*spool)->Write({buffer.data(), got});
  }
  if (!status.ok()) return status;
  spool_ = *std::move(spool);
  path_ = spool_->Path();
  return absl::OkStatus();
}

}  // namespace slablab
