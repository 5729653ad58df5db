// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/synthetic/workload_loader.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "base/claimed_output.h"
#include "base/names.h"
#include "fmt/format.h"
#include "google/protobuf/text_format.h"
#include "workloads/synthetic/workload_presets.h"

namespace slablab {

namespace {

constexpr size_t kTextBytesMax = 16 << 20;

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(fmt::format("{}: cannot be opened", path));
  if (absl::Status input = CheckInput(path); !input.ok()) return input;
  std::string text;
  char buffer[1 << 16];
  while (file.read(buffer, sizeof(buffer)) || file.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(file.gcount()));
    if (text.size() > kTextBytesMax) {
      return absl::InvalidArgumentError(
          fmt::format("{}: is larger than {} bytes", path, kTextBytesMax));
    }
  }
  if (file.bad()) return absl::UnavailableError(fmt::format("{}: cannot be read", path));
  return text;
}

absl::StatusOr<WorkloadText> LoadWorkloadText(const std::string& name) {
  for (const WorkloadPreset& preset : WorkloadPresets()) {
    if (preset.name == name) {
      return WorkloadText{.label = name, .textproto = std::string(preset.textproto)};
    }
  }
  if (!absl::EndsWith(name, ".textproto")) {
    return absl::NotFoundError(UnknownNameText("workload", name, NamesOf(WorkloadPresets())) +
                               "; or a file ending in .textproto");
  }
  absl::StatusOr<std::string> text = ReadTextFile(name);
  if (!text.ok()) return text.status();
  return WorkloadText{.label = name, .textproto = *std::move(text)};
}

std::vector<WorkloadInfo> ListWorkloads() {
  std::vector<WorkloadInfo> infos;
  for (const WorkloadPreset& preset : WorkloadPresets()) {
    WorkloadSpec spec;
    google::protobuf::TextFormat::ParseFromString(std::string(preset.textproto), &spec);
    infos.push_back(
        {.name = preset.name, .description = spec.description(), .spec = std::move(spec)});
  }
  return infos;
}

}  // namespace slablab
