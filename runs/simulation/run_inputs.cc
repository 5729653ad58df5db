// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/run_inputs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "base/check.h"
#include "base/digest.h"
#include "fmt/format.h"
#include "google/protobuf/text_format.h"
#include "runs/recorded/recorded_machine.h"
#include "sim/machine/machine_loader.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

uint64_t DigestOfText(std::string_view text) {
  Digest digest;
  digest.AddString(text);
  return digest.value();
}

absl::StatusOr<uint64_t> DigestOfFile(const std::string& path) {
  const auto error = [&] {
    const std::string message = fmt::format("{}: {}", path, std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
  };
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return error();
  const absl::Cleanup close_file = [&] { close(descriptor); };
  std::vector<char> buffer(size_t{1} << 20);
  Digest digest;
  uint64_t bytes = 0;
  for (;;) {
    // Whole words, whatever pieces the system hands out.
    size_t filled = 0;
    while (filled < buffer.size()) {
      const ssize_t count = read(descriptor, buffer.data() + filled, buffer.size() - filled);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return error();
      if (count == 0) break;
      filled += static_cast<size_t>(count);
    }
    bytes += filled;
    std::fill(buffer.begin() + static_cast<std::ptrdiff_t>(filled), buffer.end(), '\0');
    for (size_t at = 0; at < filled; at += sizeof(uint64_t)) {
      uint64_t word = 0;
      std::memcpy(&word, buffer.data() + at, sizeof(word));
      digest.Add(word);
    }
    if (filled < buffer.size()) break;
  }
  digest.Add(bytes);
  return digest.value();
}

uint64_t DigestOfMachine(const std::string& name, const absl::StatusOr<SourcedMachine>& machine) {
  std::string text = name;
  if (machine.ok()) {
    CHECK(google::protobuf::TextFormat::PrintToString(EffectiveSpec(machine->config), &text));
  }
  return DigestOfText(text);
}

// What `compute` says of `name`, asked once for each.
template <typename Compute>
absl::StatusOr<uint64_t> Known(std::map<std::string, uint64_t, std::less<>>& known,
                               const std::string& name, Compute compute) {
  if (const auto found = known.find(name); found != known.end()) return found->second;
  const absl::StatusOr<uint64_t> digest = compute(name);
  if (digest.ok()) known[name] = *digest;
  return digest;
}

absl::Status Unreadable(const absl::Status& status) {
  return absl::UnavailableError(status.message());
}

absl::Status Changed(const std::string& name) {
  return absl::UnavailableError(fmt::format("{}: changed after the run was planned", name));
}

}  // namespace

absl::StatusOr<RunInputs> RunInputsReader::Of(const SimulationOptions& options) {
  RunInputs inputs;
  const auto set = [](absl::StatusOr<uint64_t> digest, uint64_t* to) {
    if (digest.ok()) *to = *digest;
    return digest.status();
  };
  if (!options.run.trace().empty()) {
    const absl::Status status =
        set(Known(traces_, options.run.trace(), DigestOfFile), &inputs.trace);
    if (!status.ok()) return status;
  }
  if (!options.run.workload().empty()) {
    const auto digest = [](const std::string& name) -> absl::StatusOr<uint64_t> {
      const absl::StatusOr<WorkloadText> text = LoadWorkloadText(name);
      if (!text.ok()) return text.status();
      return DigestOfText(text->textproto);
    };
    const absl::Status status =
        set(Known(workloads_, options.run.workload(), digest), &inputs.workload);
    if (!status.ok()) return status;
  }
  if (!options.run.scenario().empty()) {
    const auto digest = [](const std::string& path) -> absl::StatusOr<uint64_t> {
      const absl::StatusOr<std::string> text = ReadTextFile(path);
      if (!text.ok()) return text.status();
      return DigestOfText(*text);
    };
    const absl::Status status =
        set(Known(scenarios_, options.run.scenario(), digest), &inputs.scenario);
    if (!status.ok()) return status;
  }
  const auto digest = [&options](const std::string&) -> absl::StatusOr<uint64_t> {
    return DigestOfMachine(options.run.machine(),
                           LoadMachineFor(options.run.machine(), options.run.trace()));
  };
  // The recorded machine is another one for each trace.
  const std::string key = IsOfRecording(options.run.machine())
                              ? fmt::format("{}\n{}", options.run.machine(), options.run.trace())
                              : options.run.machine();
  inputs.machine = *Known(machines_, key, digest);
  return inputs;
}

absl::Status TakeInputs(const RunInputs& planned, SimulationOptions* options) {
  if (absl::Status trace = CheckTrace(planned, *options); !trace.ok()) return trace;
  if (!options->run.workload().empty()) {
    absl::StatusOr<WorkloadText> text = LoadWorkloadText(options->run.workload());
    if (!text.ok()) return Unreadable(text.status());
    if (DigestOfText(text->textproto) != planned.workload) return Changed(options->run.workload());
    options->workload_textproto = std::move(text->textproto);
  }
  if (!options->run.scenario().empty()) {
    absl::StatusOr<std::string> text = ReadTextFile(options->run.scenario());
    if (!text.ok()) return Unreadable(text.status());
    if (DigestOfText(*text) != planned.scenario) return Changed(options->run.scenario());
    options->scenario_textproto = *std::move(text);
  }
  absl::StatusOr<SourcedMachine> machine =
      LoadMachineFor(options->run.machine(), options->run.trace());
  if (DigestOfMachine(options->run.machine(), machine) != planned.machine) {
    return machine.ok() ? Changed(options->run.machine()) : Unreadable(machine.status());
  }
  // What was recorded is in the trace, which is looked at again.
  if (machine.ok() && !IsOfRecording(options->run.machine())) {
    options->machine_config = std::move(machine->config);
    options->machine_sources = std::move(machine->sources);
  }
  return absl::OkStatus();
}

absl::Status CheckTrace(const RunInputs& planned, const SimulationOptions& options) {
  if (options.run.trace().empty()) return absl::OkStatus();
  const absl::StatusOr<uint64_t> digest = DigestOfFile(options.run.trace());
  if (!digest.ok()) return Unreadable(digest.status());
  return *digest == planned.trace ? absl::OkStatus() : Changed(options.run.trace());
}

}  // namespace slablab
