// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/capture/capture.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/child_process.h"
#include "base/gz_input.h"
#include "fmt/format.h"
#include "traces/capture/tracefs.h"
#include "traces/sidecar/sidecar.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

using Method = CaptureOptions::Method;

// "system/event"; those of the second group exist only in kernels before 6.1, or only with percpu
// or page tracing built in.
constexpr std::array<std::string_view, 4> kEventsNeeded = {"kmem/kmalloc", "kmem/kmem_cache_alloc",
                                                           "kmem/kfree", "kmem/kmem_cache_free"};
constexpr std::array<std::string_view, 7> kEventsWanted = {
    "kmem/kmalloc_node",          "kmem/kmem_cache_alloc_node",      "percpu/percpu_alloc_percpu",
    "percpu/percpu_free_percpu",  "percpu/percpu_alloc_percpu_fail", "percpu/percpu_create_chunk",
    "percpu/percpu_destroy_chunk"};
constexpr std::array<std::string_view, 2> kPageEvents = {"kmem/mm_page_alloc", "kmem/mm_page_free"};

// Settings that trace-cmd changes in the main buffer.
const std::vector<std::string>& MainSettings() {
  static const auto& settings = *new std::vector<std::string>{
      "trace_clock", "buffer_size_kb", "tracing_on", "current_tracer", "events/enable"};
  return settings;
}

absl::Status WriteFile(const std::string& path, std::string_view contents) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  file.close();
  if (!file) return absl::UnavailableError(path + ": cannot be written");
  return absl::OkStatus();
}

// Half of the memory that is free, at most 128 MiB a CPU, at least 1.
uint64_t DefaultBufferKib(int cpus) {
  constexpr uint64_t kMost = 131072;
  const absl::StatusOr<std::string> meminfo = ReadWholeFile("/proc/meminfo", 1 << 20);
  if (!meminfo.ok()) return kMost;
  for (const absl::string_view line : absl::StrSplit(*meminfo, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    uint64_t available = 0;
    if (words.size() < 2 || words[0] != "MemAvailable:") continue;
    if (!absl::SimpleAtoi(words[1], &available)) break;
    return std::clamp<uint64_t>(available / 2 / static_cast<uint64_t>(cpus), 1024, kMost);
  }
  return kMost;
}

// The events to record, of those that the kernel has.
absl::StatusOr<std::vector<std::string>> EventsOf(const std::string& root, bool with_pages) {
  std::vector<std::string> events;
  std::error_code error;
  const auto has = [&](std::string_view event) {
    return fs::exists(fmt::format("{}events/{}/enable", root, event), error);
  };
  for (const std::string_view event : kEventsNeeded) {
    if (!has(event)) {
      return absl::FailedPreconditionError(fmt::format(
          "this kernel has no tracepoint {}: {}events/{} is missing", event, root, event));
    }
    events.emplace_back(event);
  }
  for (const std::string_view event : kEventsWanted) {
    if (has(event)) events.emplace_back(event);
  }
  for (const std::string_view event : kPageEvents) {
    if (with_pages && has(event)) events.emplace_back(event);
  }
  return events;
}

// trace-cmd record writes this file first of all, and gives up if it may not.
bool MayRecord() {
  const std::string path = "/proc/sys/kernel/ftrace_enabled";
  const absl::StatusOr<std::string> value = ReadSetting(path);
  return value.ok() && WriteSetting(path, ChosenValue(*value)).ok();
}

// Runs what is to be recorded; without a command, waits to be interrupted.
absl::StatusOr<int> RunWorkload(const CaptureOptions& options) {
  if (!options.command.empty()) {
    return RunChildProcess({.words = options.command, .interrupts = options.interrupts});
  }
  while (options.interrupts() == 0) usleep(20'000);
  return 0;
}

// For ChildOptions::started.
std::function<void(pid_t)> Noting(UndoRecord* record) {
  return [record](pid_t child) {
    // Too late to give up; the record has all else.
    if (record != nullptr) record->HasStarted(child).IgnoreError();
  };
}

absl::Status RecordWithTraceCmd(const CaptureOptions& options, uint64_t buffer_kib,
                                const std::vector<std::string>& events, CaptureResult* result) {
  std::vector<std::string> words = {
      "trace-cmd", "record", "-q", "-C", "mono", "-b", std::to_string(buffer_kib)};
  for (std::string event : events) {
    std::replace(event.begin(), event.end(), '/', ':');
    words.insert(words.end(), {"-e", event});
  }
  words.insert(words.end(), {"-o", options.folder + "/trace.dat"});
  if (!options.command.empty()) words.push_back("--");
  words.insert(words.end(), options.command.begin(), options.command.end());
  // It is never killed: it would leave its recording processes behind.
  const absl::StatusOr<int> status = RunChildProcess({.words = words,
                                                      .interrupts = options.interrupts,
                                                      .last_signal = SIGINT,
                                                      .started = Noting(options.record)});
  if (!status.ok()) return status.status();
  result->command_status = *status;
  return absl::OkStatus();
}

absl::Status RecordInInstance(const CaptureOptions& options, const std::string& root,
                              uint64_t buffer_kib, const std::vector<std::string>& events,
                              CaptureResult* result) {
  absl::StatusOr<std::unique_ptr<TraceInstance>> instance =
      TraceInstance::Create(root, *options.record);
  if (!instance.ok()) return instance.status();
  const std::string& folder = (*instance)->folder();
  const auto switch_events = [&](std::string_view value) -> absl::Status {
    for (const std::string& event : events) {
      const absl::Status status =
          WriteSetting(fmt::format("{}events/{}/enable", folder, event), value);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  };
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"trace_clock", "mono"},
           {"buffer_size_kb", std::to_string(buffer_kib)},
           {"tracing_on", "1"}}) {
    const absl::Status status = WriteSetting(folder + name, value);
    if (!status.ok()) return status;
  }
  absl::Status status = switch_events("1");
  if (!status.ok()) return status;
  const absl::StatusOr<int> ended = RunWorkload(options);
  status = switch_events("0");
  if (!ended.ok()) return ended.status();
  if (!status.ok()) return status;
  result->command_status = *ended;
  const absl::StatusOr<std::map<int32_t, uint64_t>> lost = (*instance)->LostEvents();
  if (!lost.ok()) return lost.status();
  std::string lost_text;
  for (const auto& [cpu, count] : *lost) {
    result->lost_events += count;
    lost_text += fmt::format("cpu{} {}\n", cpu, count);
  }
  // trace.dat does not have these counts.
  status = WriteFile(options.folder + "/lost-events", lost_text);
  if (!status.ok()) return status;
  const absl::StatusOr<int> extracted =
      RunChildProcess({.words = {"trace-cmd", "extract", "-B", (*instance)->name(), "-o",
                                 options.folder + "/trace.dat"},
                       .silent = true,
                       .started = Noting(options.record)});
  if (!extracted.ok()) return extracted.status();
  if (*extracted != 0) {
    return absl::UnavailableError(
        fmt::format("trace-cmd extract failed: {}", DescribeWaitStatus(*extracted)));
  }
  return absl::OkStatus();
}

absl::Status HasTraceCmd() {
  const absl::StatusOr<int> status =
      RunChildProcess({.words = {"trace-cmd", "--help"}, .silent = true});
  if (status.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "capture needs trace-cmd, which is not installed (Debian: apt install trace-cmd)");
}

void Warn(const CaptureOptions& options, uint64_t buffer_kib, CaptureResult* result) {
  if (result->lost_events > 0) {
    result->warnings.push_back(fmt::format(
        "{} events were lost: the ring buffer of {} KiB a CPU was too small; --buffer-kib sets it",
        result->lost_events, buffer_kib));
  }
  const std::string end = DescribeWaitStatus(result->command_status);
  if (!options.command.empty() && !end.empty()) {
    result->warnings.push_back(fmt::format("{}: {}", options.command[0], end));
  }
}

}  // namespace

absl::StatusOr<CaptureResult> CaptureRecording(const CaptureOptions& options) {
  if (geteuid() != 0) {
    return absl::PermissionDeniedError(
        "capture needs root: it switches kernel tracepoints on (try sudo)");
  }
  absl::Status status = HasTraceCmd();
  if (!status.ok()) return status;
  const absl::StatusOr<std::unique_ptr<Tracefs>> tracefs = Tracefs::Find(*options.record);
  if (!tracefs.ok()) return tracefs.status();
  const std::string& root = (*tracefs)->root();
  const absl::StatusOr<std::unique_ptr<TracingLock>> lock = TracingLock::Take(root);
  if (!lock.ok()) return lock.status();
  status = options.record->WillLock(root + "instances");
  if (!status.ok()) return status;
  const absl::StatusOr<std::vector<std::string>> events = EventsOf(root, options.with_pages);
  if (!events.ok()) return events.status();
  const int cpus = static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  const uint64_t buffer_kib =
      options.buffer_kib_per_cpu != 0 ? options.buffer_kib_per_cpu : DefaultBufferKib(cpus);

  CaptureResult result;
  result.method = options.method;
  if (result.method == Method::kAuto)
    result.method = MayRecord() ? Method::kRecord : Method::kExtract;
  status = WriteMachineSidecars(options.folder, &result.warnings, options.record);
  if (status.ok()) status = WriteSidecars(options.folder, "before", &result.warnings);
  if (!status.ok()) return status;
  {
    const absl::StatusOr<std::unique_ptr<SavedSettings>> saved =
        SavedSettings::Save(root, MainSettings(), *options.record);
    if (!saved.ok()) return saved.status();
    status = result.method == Method::kRecord
                 ? RecordWithTraceCmd(options, buffer_kib, *events, &result)
                 : RecordInInstance(options, root, buffer_kib, *events, &result);
  }
  if (!status.ok()) return status;
  status = WriteSidecars(options.folder, "after", nullptr);
  if (!status.ok()) return status;
  std::error_code error;
  if (!fs::exists(options.folder + "/trace.dat", error)) {
    return absl::UnavailableError(
        fmt::format("trace-cmd made no trace.dat ({})", DescribeWaitStatus(result.command_status)));
  }
  Warn(options, buffer_kib, &result);
  return result;
}

absl::Status WriteSidecars(const std::string& folder, const std::string& when,
                           std::vector<std::string>* warnings) {
  const auto copy = [&](const std::string& from, const std::string& name) -> absl::Status {
    const absl::StatusOr<std::string> contents = ReadWholeFile(from);
    if (contents.ok()) return WriteFile(fmt::format("{}/{}.{}", folder, name, when), *contents);
    if (warnings != nullptr) {
      warnings->push_back(fmt::format("{} cannot be read: the trace goes without it", from));
    }
    return absl::OkStatus();
  };
  absl::Status status = copy("/proc/slabinfo", "slabinfo");
  if (status.ok()) status = copy("/proc/zoneinfo", "zoneinfo");
  if (status.ok()) status = copy("/sys/kernel/debug/percpu_stats", "percpu_stats");
  if (!status.ok()) return status;
  const absl::StatusOr<std::string> slab = SlabSysfsTextOfTree("/sys/kernel/slab");
  if (slab.ok() && !slab->empty()) {
    return WriteFile(fmt::format("{}/sys-kernel-slab.{}", folder, when), *slab);
  }
  if (warnings != nullptr) {
    warnings->push_back("this kernel has no /sys/kernel/slab: the trace goes without it");
  }
  return absl::OkStatus();
}

absl::Status WriteMachineSidecars(const std::string& folder, std::vector<std::string>* warnings,
                                  UndoRecord* record) {
  utsname names;
  if (uname(&names) == 0) {
    const absl::Status status = WriteFile(folder + "/uname", fmt::format("{}\n", names.release));
    if (!status.ok()) return status;
  }
  std::string nodes;
  for (int node = 0; node < kRecordedNodesMax; ++node) {
    const absl::StatusOr<std::string> cpus =
        ReadSetting(fmt::format("/sys/devices/system/node/node{}/cpulist", node));
    if (cpus.ok()) nodes += fmt::format("node{} {}\n", node, ChosenValue(*cpus));
  }
  if (!nodes.empty()) {
    const absl::Status status = WriteFile(folder + "/nodes", nodes);
    if (!status.ok()) return status;
  }
  // Of the first CPU: its model and, on machines without cpufreq, its clock.
  if (const absl::StatusOr<std::string> cpuinfo = ReadWholeFile("/proc/cpuinfo"); cpuinfo.ok()) {
    const absl::Status status = WriteFile(
        folder + "/cpuinfo", fmt::format("{}\n", cpuinfo->substr(0, cpuinfo->find("\n\n"))));
    if (!status.ok()) return status;
  }
  const absl::StatusOr<int> lstopo = RunChildProcess(
      {.words = {"lstopo-no-graphics", "--of", "xml", "--force", folder + "/lstopo.xml"},
       .silent = true,
       .started = Noting(record)});
  if (!lstopo.ok() || *lstopo != 0) {
    warnings->push_back(
        "lstopo-no-graphics cannot be run (Debian: apt install hwloc-nox): the trace goes without "
        "the machine's topology");
  }
  return absl::OkStatus();
}

}  // namespace slablab
