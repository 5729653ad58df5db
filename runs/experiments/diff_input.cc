// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/diff_input.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "allocators/percpu/registry.h"
#include "base/claimed_output.h"
#include "base/interrupt.h"
#include "fmt/format.h"
#include "runs/experiments/stored_run.h"
#include "runs/experiments/worker_pool.h"
#include "runs/simulation/model_choice.h"
#include "runs/simulation/run_check.h"
#include "runs/simulation/run_spec.h"
#include "runs/simulation/simulation.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLogMark = "# slablab operations, version ";

bool IsLog(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  char start[64] = {};
  const size_t bytes = std::fread(start, 1, kLogMark.size(), file);
  std::fclose(file);
  return std::string_view(start, bytes) == kLogMark;
}

absl::StatusOr<SimulationOptions> OptionsOfTextproto(const std::string& path) {
  RunSpec spec;
  SpecOrigin origin(path);
  if (absl::Status status = ReadTextprotoFile(path, &spec, &origin); !status.ok()) return status;
  ResolvePaths(fs::path(path).parent_path().string(), &spec);
  absl::StatusOr<SimulationOptions> options = OptionsOf(spec, origin, "");
  if (!options.ok()) return options.status();
  ModelChooser().Choose(&*options);
  if (const std::optional<RunFault> fault = RunChecker().Check(*options); fault.has_value()) {
    return ErrorOf(*fault, spec, origin, "");
  }
  return options;
}

// In the child: the run's operations as a log, then, if it came to no end, a line that says why.
[[noreturn]] void StreamRun(const SimulationOptions& options, int pipe, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_DFL);  // Nobody reads on: they have parted.
  if (getppid() != parent) _exit(1);
  std::FILE* file = fdopen(pipe, "wb");
  if (file == nullptr) _exit(1);
  OperationLogger logger([file](const LoggedOperation& operation) {
    const std::string line = LogLine(operation);
    std::fwrite(line.data(), 1, line.size(), file);
  });
  const absl::StatusOr<RunResult> result =
      Simulate(options, {.progress = nullptr, .stop = InterruptRequested, .observer = &logger});
  if (!result.ok()) std::fputs(absl::StrCat("!", result.status().message(), "\n").c_str(), file);
  _exit(std::fclose(file) == 0 ? 0 : 1);
}

}  // namespace

absl::StatusOr<DiffInput> ReadDiffInput(const std::string& path, const std::string& trace) {
  DiffInput input{.path = path, .is_log = IsLog(path), .options = {}};
  if (absl::Status read = CheckInput(path); !read.ok()) return read;
  if (input.is_log) return input;
  RunSpec otherwise;
  if (!trace.empty()) otherwise.set_trace(trace);
  absl::StatusOr<SimulationOptions> options =
      absl::EndsWith(path, ".textproto") ? OptionsOfTextproto(path) : StoredRun(path, otherwise);
  if (!options.ok()) return options.status();
  if (IsPercpuAllocator(options->run.allocator())) {
    return absl::InvalidArgumentError(
        fmt::format("{}: a run of {}; the operations of slab allocators alone can be followed",
                    path, options->run.allocator()));
  }
  input.options = *std::move(options);
  return input;
}

absl::StatusOr<std::unique_ptr<OperationStream>> OperationStream::Open(const DiffInput& input) {
  std::unique_ptr<OperationStream> stream(new OperationStream(input.path));
  if (input.is_log) {
    stream->file_ = std::fopen(input.path.c_str(), "rb");
    if (stream->file_ != nullptr) return stream;
    return absl::NotFoundError(fmt::format("{}: {}", input.path, std::strerror(errno)));
  }
  int ends[2];
  std::fflush(nullptr);
  if (pipe(ends) != 0) {
    return absl::UnavailableError(fmt::format("no pipe: {}", std::strerror(errno)));
  }
  const pid_t parent = getpid();
  stream->child_ = fork();
  if (stream->child_ == 0) {
    close(ends[0]);
    StreamRun(input.options, ends[1], parent);
  }
  close(ends[1]);
  stream->file_ = fdopen(ends[0], "rb");
  if (stream->child_ > 0 && stream->file_ != nullptr) return stream;
  return absl::UnavailableError(fmt::format("no process: {}", std::strerror(errno)));
}

OperationStream::~OperationStream() {
  if (child_ > 0) kill(child_, SIGKILL);  // It writes to a pipe, and nothing else.
  if (file_ != nullptr) std::fclose(file_);
  std::free(buffer_);
  if (child_ > 0) {
    while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

absl::StatusOr<std::optional<LoggedOperation>> OperationStream::Next() {
  for (;;) {
    errno = 0;
    const ssize_t bytes = getline(&buffer_, &buffer_bytes_, file_);
    ++line_;
    if (bytes < 0) {
      if (errno == EINTR) return absl::CancelledError("interrupted");
      if (child_ <= 0) return std::nullopt;
      int wait_status = 0;
      const pid_t child = std::exchange(child_, -1);
      while (waitpid(child, &wait_status, 0) < 0 && errno == EINTR) {
      }
      const JobEnd end = DescribeChildEnd(wait_status);
      if (end.death.empty()) return std::nullopt;
      return end.DeathOf(fmt::format("{}: the run", name_));
    }
    std::string_view line(buffer_, static_cast<size_t>(bytes));
    const bool is_whole = !line.empty() && line.back() == '\n';
    if (is_whole) line.remove_suffix(1);
    if (!is_whole && child_ > 0) continue;  // The run ended within it.
    if (line.empty() || line[0] == '#' || absl::StartsWith({line.data(), line.size()}, "event\t")) {
      continue;
    }
    if (line[0] == '!' && child_ > 0) {
      if (InterruptRequested()) return absl::CancelledError("interrupted");
      return absl::InvalidArgumentError(fmt::format("{}: {}", name_, line.substr(1)));
    }
    absl::StatusOr<LoggedOperation> operation = ParseLogLine(line);
    if (operation.ok()) return *std::move(operation);
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ":", line_, ": ", operation.status().message()));
  }
}

absl::StatusOr<std::optional<CacheState>> StateAfter(const SimulationOptions& options,
                                                     uint64_t operations) {
  std::optional<CacheState> state;
  uint64_t seen = 0;
  OperationLogger* logger_seen = nullptr;
  OperationLogger logger([&](const LoggedOperation& operation) {
    if (++seen != operations || logger_seen->last_cache() == kNoCache) return;
    const Allocator& allocator = logger_seen->allocator();
    state = CacheState{.cache = operation.cache, .figures = {}};
    for (const auto& figures : {allocator.Counters(logger_seen->last_cache()),
                                allocator.State(logger_seen->last_cache())}) {
      for (const Figure& figure : figures) {
        state->figures.emplace_back(figure.name, figure.ToString());
      }
    }
  });
  logger_seen = &logger;
  const absl::StatusOr<RunResult> result =
      Simulate(options, {.progress = nullptr,
                         .stop = [&] { return seen >= operations || InterruptRequested(); },
                         .observer = &logger});
  if (absl::IsCancelled(result.status()) && seen < operations) return result.status();
  if (!result.ok() && !absl::IsCancelled(result.status())) return result.status();
  return state;
}

}  // namespace slablab
