// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Machines as users write them. The first byte of an input says how to read the rest: even, as a
// machine textproto; odd, as a synthetic topology. Whatever loads must survive its own echo.

#include <google/protobuf/text_format.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sim/machine.pb.h"
#include "sim/machine_config.h"
#include "sim/machine_loader.h"
#include "tests/fuzz/fuzz_target.h"

namespace slablab {
namespace {

constexpr char kTextproto = '0';
constexpr char kSynthetic = '1';

absl::StatusOr<MachineConfig> Load(char kind, std::string_view text) {
  if (kind % 2 == kTextproto % 2) return MachineFromTextproto(text, "fuzz.textproto");
  // A name that is a file's would read the file.
  const bool is_file = text.find(".textproto") != std::string_view::npos ||
                       text.find(".xml") != std::string_view::npos;
  return is_file ? absl::InvalidArgumentError("a file") : LoadMachine(text);
}

}  // namespace

std::vector<std::string> FuzzSeeds() {
  std::vector<std::string> seeds;
  for (const char* synthetic :
       {"penryn-2x4", "pack:2 numa:1(memory=1GiB) l3:1(size=32MiB) core:8 pu:2(indexes=2*16:16*1)",
        "pack:1 [numa] l3:2 [numa(memory=256MiB)] core:2 pu:1", "64"}) {
    seeds.push_back(kSynthetic + std::string(synthetic));
  }
  for (const PresetInfo& preset : ListPresets()) {
    seeds.push_back(kTextproto + std::string("base: \"") + preset.name + "\" clock_mhz: 2000");
  }
  std::string echo;
  const MachineConfig reference =
      ReferenceMachine({.cpus = 6, .nodes = 3, .cpus_per_node = 2, .mib_per_node = 512});
  Require(google::protobuf::TextFormat::PrintToString(EffectiveSpec(reference), &echo));
  seeds.push_back(kTextproto + echo);
  seeds.push_back(kTextproto + std::string(R"(
    topology: "pack:2 numa:2 l3:1 core:2 pu:1" remote { distance: 12 dram_cycles: 300 }
    memory { bytes_per_node: 1073741824 node { node: 3 bytes: 0 } } possible_cpus: 16
    remote_distance: 30 fallback: FALLBACK_RING l2 { size_bytes: 0 })"));
  return seeds;
}

}  // namespace slablab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using slablab::MachineConfig;
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<MachineConfig> config = slablab::Load(input[0], input.substr(1));
  if (!config.ok()) {
    slablab::Require(absl::IsInvalidArgument(config.status()) || absl::IsNotFound(config.status()));
    return 0;
  }
  slablab::Require(config->cpu_count() >= 1 && config->cpu_count() <= slablab::kMaxCpus);
  slablab::Require(config->node_count() >= 1 && config->node_count() <= slablab::kMaxNodes);
  std::string echo;
  slablab::Require(
      google::protobuf::TextFormat::PrintToString(slablab::EffectiveSpec(*config), &echo));
  const absl::StatusOr<MachineConfig> again = slablab::MachineFromTextproto(echo, "echo.textproto");
  slablab::Require(again.ok() && *again == *config);
  return 0;
}
