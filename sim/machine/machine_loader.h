// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MACHINE_MACHINE_LOADER_H_
#define SLABLAB_SIM_MACHINE_MACHINE_LOADER_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/machine/machine.pb.h"
#include "sim/machine/machine_config.h"
#include "sim/machine/topology.h"

// From what a user calls a machine to its validated description.

namespace slablab {

// `spec` is one of
//   the name of a preset            "penryn-2x4"
//   a machine textproto             "machines/mine.textproto" (sim/machine/machine.proto)
//   a topology that lstopo wrote    "server.xml"
//   the machine we run on           "host"
//   the one a trace was made on     "recorded"
//   a synthetic topology, hwloc(7)  "pack:2 numa:1 l3:1 core:8 pu:2", "64"
// What a topology does not know comes from the preset "generic". Behind any of them may stand a
// size, "xeon-8380@256x8": a machine of 256 CPUs on 8 nodes, made of the same cores, caches and
// latencies (sim/machine/machine_size.h).
//
// Errors are the user's: InvalidArgument or NotFound, naming file, line and column where there are
// such. Reading a topology in XML starts a process for a moment.
absl::StatusOr<MachineConfig> LoadMachine(std::string_view spec);

// A machine, and where the parts of its description come from, for reports.
struct SourcedMachine {
  MachineConfig config;
  SourcesSpec sources;
};

// The same with sources, and where there may be a trace: what "recorded" stands for.
inline constexpr std::string_view kRecordedMachine = "recorded";
using RecordedMachine = std::function<absl::StatusOr<SourcedMachine>()>;
absl::StatusOr<SourcedMachine> LoadMachine(std::string_view spec, const RecordedMachine& recorded);

// A machine of this topology, which reports call `source`; `further` is laid over what the topology
// knows, and what both leave open is as in the preset "generic".
absl::StatusOr<SourcedMachine> MachineOfTopology(const Topology& topology, std::string_view source,
                                                 const MachineSpec& further);

// As LoadMachine of a file `path` with this content. The path names the machine, if the text does
// not, and paths in the text are relative to it.
absl::StatusOr<MachineConfig> MachineFromTextproto(std::string_view text, std::string_view path);

// The whole configuration, defaults and all, for a result to echo. Loading it, as a textproto,
// gives `config` again.
MachineSpec EffectiveSpec(const MachineConfig& config);

struct PresetInfo {
  std::string name;
  std::string description;  // one line
};
// Sorted by name.
std::vector<PresetInfo> ListPresets();

}  // namespace slablab

#endif  // SLABLAB_SIM_MACHINE_MACHINE_LOADER_H_
