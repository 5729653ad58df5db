// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Machines as users write them. The first byte of an input says how to read the rest: '2' as XML of
// lstopo's, '3' as /proc/cpuinfo, else even as a machine textproto and odd as a synthetic topology.
// Whatever loads must survive its own echo. XML is only made readable for hwloc, which reads it in
// a process of its own and is not trusted with anything else.

#include <google/protobuf/text_format.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sim/machine/machine.pb.h"
#include "sim/machine/machine_config.h"
#include "sim/machine/machine_loader.h"
#include "sim/machine/topology.h"
#include "sim/machine/topology_xml.h"
#include "tests/fuzz/fuzz_target.h"

namespace slablab {
namespace {

constexpr char kTextproto = '0';
constexpr char kSynthetic = '1';
constexpr char kXml = '2';
constexpr char kCpuinfo = '3';

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
  seeds.push_back(kXml + std::string("<?xml version=\"1.0\"?><topology version=\"3.0\"><object "
                                     "type=\"Machine\"></object><info name=\"a\" value='b'/>"
                                     "<!-- c --></topology>"));
  seeds.push_back(kCpuinfo + std::string("model name : Xeon @ 2.70GHz\ncpu MHz : 1200.5\n"));
  return seeds;
}

// Whether the rest of the input was one of the two that make no machine.
bool ReadsAsText(char kind, std::string_view text) {
  if (kind == kCpuinfo) {
    Require(ClockOfCpuinfo(text).mhz >= 0);
    return true;
  }
  if (kind != kXml) return false;
  const absl::StatusOr<std::string> readable = ReadableXml(text, "fuzz.xml");
  Require(readable.ok() || absl::IsInvalidArgument(readable.status()));
  if (readable.ok()) Require(ReadableXml(*readable, "again.xml").ok());
  return true;
}

}  // namespace slablab

// hwloc 2.9 forgets what it had read of a synthetic string that it then refuses.
extern "C" const char* __lsan_default_suppressions() { return "leak:libhwloc.so\n"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using slablab::MachineConfig;
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (slablab::ReadsAsText(input[0], input.substr(1))) return 0;
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
