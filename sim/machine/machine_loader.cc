// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/machine_loader.h"

#include <google/protobuf/repeated_field.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "base/check.h"
#include "base/claimed_output.h"
#include "base/names.h"
#include "fmt/format.h"
#include "sim/machine/machine_compiler.h"
#include "sim/machine/machine_size.h"
#include "sim/machine/presets.h"
#include "sim/machine/spec_text.h"
#include "sim/machine/spec_topology.h"
#include "sim/machine/topology.h"

namespace slablab {
namespace {

constexpr std::string_view kRootPreset = "generic";
constexpr size_t kMaxFileBytes = size_t{64} << 20;
// Presets derive from presets; a chain longer than this is a circle.
constexpr size_t kMaxBases = 8;

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                       &std::fclose);
  if (file == nullptr) return absl::NotFoundError(fmt::format("{}: {}", path, strerror(errno)));
  if (absl::Status input = CheckInput(fileno(file.get()), path); !input.ok()) return input;
  std::string text;
  char buffer[1 << 16];
  size_t bytes = 0;
  while ((bytes = std::fread(buffer, 1, sizeof(buffer), file.get())) > 0) {
    text.append(buffer, bytes);
    if (text.size() > kMaxFileBytes) {
      return absl::InvalidArgumentError(
          fmt::format("{}: larger than {} bytes, too large for a machine", path, kMaxFileBytes));
    }
  }
  if (std::ferror(file.get()) != 0) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", path, strerror(errno)));
  }
  return text;
}

// Debian's Abseil has a string_view of its own.
std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

const Preset* FindPreset(std::string_view name) {
  for (const Preset& preset : Presets()) {
    if (preset.name == name) return &preset;
  }
  return nullptr;
}

std::vector<std::string> PresetNames() { return NamesOf(Presets()); }

MachineSpec ParsePreset(const Preset& preset) {
  absl::StatusOr<ParsedSpec> parsed = ParseSpec(preset.textproto, std::string(preset.name));
  CHECK(parsed.ok());  // a test loads every preset
  parsed->spec.set_name(std::string(preset.name));
  return std::move(parsed->spec);
}

// An entry given twice is a slip of the pen, and only one of the two would count.
absl::Status CheckListedOnce(const MachineSpec& spec, const SpecOrigin& origin) {
  std::set<int> seen;
  for (int i = 0; i < spec.remote_size(); ++i) {
    if (seen.insert(spec.remote(i).distance()).second) continue;
    return origin.Error(
        fmt::format("remote[{}]", i),
        fmt::format("a second remote entry for distance {}", spec.remote(i).distance()));
  }
  seen.clear();
  for (int i = 0; i < spec.memory().node_size(); ++i) {
    if (seen.insert(spec.memory().node(i).node()).second) continue;
    return origin.Error(
        fmt::format("memory.node[{}]", i),
        fmt::format("a second memory.node entry for node {}", spec.memory().node(i).node()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Topology> TopologyFromXmlFile(const std::string& path) {
  absl::StatusOr<std::string> xml = ReadFile(path);
  if (!xml.ok()) return xml.status();
  return TopologyFromXml(*xml, path);
}

std::string FileName(std::string_view path) {
  return std::filesystem::path(path).filename().string();
}

// The topology that a spec's `cpus` or `topology` stand for.
absl::StatusOr<Topology> ReadTopology(const MachineSpec& spec, const SpecOrigin& origin,
                                      const std::filesystem::path& folder) {
  if (spec.cpus_size() > 0) {
    if (!spec.topology().empty()) {
      return origin.Error("topology", "both topology and cpus are given; say one of them");
    }
    return TopologyFromRuns(spec, origin);
  }
  const std::string& text = spec.topology();
  absl::StatusOr<Topology> topology;
  if (text == "host") {
    topology = TopologyOfHost();
  } else if (EndsWith(text, ".xml")) {
    const std::string path = (folder / text).string();
    topology = TopologyFromXmlFile(path);
    // The file may be all there is: then its name already says where.
    if (path == origin.label()) return topology;
  } else {
    topology = TopologyFromSynthetic(text);
  }
  if (!topology.ok()) return origin.Error("topology", MessageOf(topology.status()));
  return topology;
}

// Completes a list whose entries have a key each by what lies under it. The entries that were there
// keep their places, so that an error can say where in the text one stands.
template <typename Entry>
void Underlay(const google::protobuf::RepeatedPtrField<Entry>& under, int32_t (Entry::*key)() const,
              google::protobuf::RepeatedPtrField<Entry>* list) {
  for (const Entry& entry : under) {
    const auto over = std::find_if(list->begin(), list->end(), [&](const Entry& candidate) {
      return (candidate.*key)() == (entry.*key)();
    });
    if (over == list->end()) {
      *list->Add() = entry;
      continue;
    }
    Entry both = entry;
    both.MergeFrom(*over);
    *over = both;
  }
}

// "host" and files are told by their names, what a spec lists itself by the spec's.
std::string TopologySource(const MachineSpec& spec, const std::string& source) {
  if (spec.topology() == "host") return "this host";
  if (!EndsWith(spec.topology(), ".xml")) return source;
  return std::filesystem::path(spec.topology()).filename().string();
}

// Lays a spec over what its bases say.
class Layers {
 public:
  // `folder`: what paths in `own` are relative to. `source`: what reports call it. `topology`:
  // below what `own` says; null: `own` has one, or its base.
  static absl::StatusOr<SourcedMachine> Compile(const ParsedSpec& own,
                                                const std::filesystem::path& folder,
                                                const std::string& source,
                                                const Topology* topology = nullptr) {
    if (absl::Status status = CheckListedOnce(own.spec, own.origin); !status.ok()) return status;
    std::vector<MachineSpec> bases;  // nearest first
    std::string base = BaseOf(own.spec, own.origin.label());
    while (!base.empty()) {
      const Preset* preset = FindPreset(base);
      if (preset == nullptr) {
        return own.origin.Error("base", UnknownNameText("preset", base, PresetNames()));
      }
      CHECK_LT(bases.size(), kMaxBases);
      bases.push_back(ParsePreset(*preset));
      base = BaseOf(bases.back(), preset->name);
    }
    Layers layers;
    for (auto spec = bases.rbegin(); spec != bases.rend(); ++spec) {
      const absl::Status status = layers.Add(*spec, SpecOrigin(spec->name()), folder,
                                             fmt::format("preset {}", spec->name()));
      CHECK(status.ok());
    }
    if (topology != nullptr) layers.SetTopology(*topology, source);
    if (absl::Status status = layers.Add(own.spec, own.origin, folder, source); !status.ok()) {
      return status;
    }
    layers.merged_.set_name(own.spec.name());
    absl::StatusOr<MachineConfig> config =
        CompileMachine(layers.merged_, layers.topology_, own.origin);
    if (!config.ok()) return config.status();
    return SourcedMachine{.config = *std::move(config), .sources = layers.merged_.sources()};
  }

 private:
  // Every chain of bases ends in the root preset, which has none.
  static std::string BaseOf(const MachineSpec& spec, std::string_view label) {
    if (!spec.base().empty()) return spec.base();
    return label == kRootPreset ? "" : std::string(kRootPreset);
  }

  void SetTopology(const Topology& topology, const std::string& source) {
    topology_ = topology;
    merged_.clear_possible_cpus();
    merged_.clear_distance();
    merged_.mutable_memory()->clear_node();
    merged_.MergeFrom(FactsOf(topology_, source, merged_));
  }

  // What `spec` says without saying where from is of `source`.
  void StateSources(const MachineSpec& spec, const std::string& source) {
    SourcesSpec& sources = *merged_.mutable_sources();
    const SourcesSpec& said = spec.sources();
    const bool has_caches = spec.has_l1() || spec.has_l2() || spec.has_llc();
    const bool has_memory = spec.memory().has_bytes_per_node() || spec.memory().node_size() > 0;
    if (has_caches && said.caches().empty()) {
      const bool has_all = spec.has_l1() && spec.has_l2() && spec.has_llc();
      sources.set_caches(has_all || sources.caches() == source
                             ? source
                             : fmt::format("{}, else {}", source, sources.caches()));
    }
    if (has_memory && said.memory().empty()) sources.set_memory(source);
    if (spec.has_clock_mhz() && said.clock().empty()) sources.set_clock(source);
    if (HasLatency(spec) && said.latencies().empty() && sources.latencies() != source) {
      sources.set_latencies(fmt::format("{}, else {}", source, sources.latencies()));
    }
  }

  static bool HasLatency(const MachineSpec& spec) {
    return spec.has_l1_hit_cycles() || spec.has_l2_hit_cycles() || spec.has_llc_hit_cycles() ||
           spec.has_dram_local_cycles() || spec.has_transfer_domain_cycles() ||
           spec.has_transfer_node_cycles() || spec.remote_size() > 0;
  }

  absl::Status Add(const MachineSpec& spec, const SpecOrigin& origin,
                   const std::filesystem::path& folder, const std::string& source) {
    if (spec.cpus_size() > 0 || !spec.topology().empty()) {
      absl::StatusOr<Topology> topology = ReadTopology(spec, origin, folder);
      if (!topology.ok()) return topology.status();
      SetTopology(*topology, TopologySource(spec, source));
    }
    StateSources(spec, source);
    if (spec.distance_size() > 0) merged_.clear_distance();
    if (spec.memory().has_bytes_per_node()) merged_.mutable_memory()->clear_node();
    MachineSpec under = merged_;
    // What a base says of remote nodes goes with what it says of the own one.
    for (RemoteSpec& remote : *under.mutable_remote()) {
      if (spec.has_dram_local_cycles()) remote.clear_dram_cycles();
      if (spec.has_transfer_node_cycles()) remote.clear_transfer_cycles();
    }
    merged_.clear_remote();
    merged_.mutable_memory()->clear_node();
    merged_.MergeFrom(spec);
    Underlay(under.remote(), &RemoteSpec::distance, merged_.mutable_remote());
    Underlay(under.memory().node(), &NodeMemorySpec::node,
             merged_.mutable_memory()->mutable_node());
    return absl::OkStatus();
  }

  MachineSpec merged_;
  Topology topology_;
};

// A machine of which only the topology is known.
absl::StatusOr<SourcedMachine> MachineFromTopology(std::string_view topology, std::string label) {
  ParsedSpec parsed{.spec = {}, .origin = SpecOrigin(std::move(label))};
  parsed.spec.set_name(EndsWith(topology, ".xml") ? FileName(topology) : std::string(topology));
  parsed.spec.set_topology(std::string(topology));
  return Layers::Compile(parsed, "", "as stated");
}

// The machine called `name`, which is `base` in another size. What `base` leaves to its preset, its
// costs of further nodes above all, stays so; sizes and distances that it gives node by node do
// not.
absl::StatusOr<SourcedMachine> MachineOfSize(std::string_view name, std::string_view base,
                                             const MachineSize& size,
                                             const RecordedMachine& recorded) {
  const absl::StatusOr<SourcedMachine> sourced = LoadMachine(base, recorded);
  if (!sourced.ok()) return sourced.status();
  const MachineConfig* const whole = &sourced->config;
  ParsedSpec parsed{.spec = {}, .origin = SpecOrigin(std::string(name))};
  if (FindPreset(base) != nullptr) {
    parsed.spec.set_base(std::string(base));
  } else if (EndsWith(base, ".textproto")) {
    absl::StatusOr<std::string> text = ReadFile(std::string(base));
    if (!text.ok()) return text.status();
    absl::StatusOr<ParsedSpec> own = ParseSpec(*text, std::string(base));
    if (!own.ok()) return own.status();
    parsed.spec = std::move(own->spec);
  } else {
    parsed.spec = EffectiveSpec(*whole);
    *parsed.spec.mutable_sources() = sourced->sources;
    int farthest = 0;
    for (const int distance : whole->distance[0]) farthest = std::max(farthest, distance);
    if (whole->node_count() > 1) parsed.spec.set_remote_distance(farthest);
  }
  parsed.spec.clear_topology();
  parsed.spec.clear_distance();
  parsed.spec.clear_possible_cpus();
  parsed.spec.mutable_memory()->clear_node();
  parsed.spec.mutable_sources()->clear_topology();
  *parsed.spec.mutable_cpus() = CpusOfSize(*whole, size);
  const std::string label = std::filesystem::path(base).stem().string();
  parsed.spec.set_name(
      fmt::format("{}@{}x{}", EndsWith(base, ".textproto") ? label : base, size.cpus, size.nodes));
  return Layers::Compile(parsed, "", EndsWith(base, ".textproto") ? FileName(base) : "as stated");
}

absl::StatusOr<SourcedMachine> SourcedFromTextproto(std::string_view text, std::string_view path) {
  absl::StatusOr<ParsedSpec> parsed = ParseSpec(text, std::string(path));
  if (!parsed.ok()) return parsed.status();
  const std::filesystem::path file(path);
  if (parsed->spec.name().empty()) parsed->spec.set_name(file.stem().string());
  return Layers::Compile(*parsed, file.parent_path(), FileName(path));
}

}  // namespace

absl::StatusOr<SourcedMachine> MachineOfTopology(const Topology& topology, std::string_view source,
                                                 const MachineSpec& further) {
  const ParsedSpec own{.spec = further, .origin = SpecOrigin(std::string(source))};
  return Layers::Compile(own, "", std::string(source), &topology);
}

absl::StatusOr<MachineConfig> MachineFromTextproto(std::string_view text, std::string_view path) {
  absl::StatusOr<SourcedMachine> machine = SourcedFromTextproto(text, path);
  if (!machine.ok()) return machine.status();
  return std::move(machine->config);
}

absl::StatusOr<MachineConfig> LoadMachine(std::string_view spec) {
  absl::StatusOr<SourcedMachine> machine = LoadMachine(spec, [] {
    return absl::InvalidArgumentError(
        "the machine \"recorded\" is the one that a trace was recorded on, and there is no trace; "
        "say which machine");
  });
  if (!machine.ok()) return machine.status();
  return std::move(machine->config);
}

absl::StatusOr<SourcedMachine> LoadMachine(std::string_view spec, const RecordedMachine& recorded) {
  const absl::StatusOr<SizedName> sized = ReadSizedName(spec);
  if (!sized.ok()) return sized.status();
  if (sized->size.has_value()) return MachineOfSize(spec, sized->base, *sized->size, recorded);
  if (spec == kRecordedMachine) return recorded();
  if (const Preset* preset = FindPreset(spec); preset != nullptr) {
    return Layers::Compile({.spec = ParsePreset(*preset), .origin = SpecOrigin(std::string(spec))},
                           "", fmt::format("preset {}", spec));
  }
  if (spec == "host") return MachineFromTopology(spec, "host");
  if (EndsWith(spec, ".textproto")) {
    absl::StatusOr<std::string> text = ReadFile(std::string(spec));
    if (!text.ok()) return text.status();
    return SourcedFromTextproto(*text, spec);
  }
  if (EndsWith(spec, ".xml")) return MachineFromTopology(spec, std::string(spec));
  const bool looks_synthetic =
      spec.find(':') != std::string_view::npos ||
      (!spec.empty() && absl::ascii_isdigit(static_cast<unsigned char>(spec.front())));
  if (looks_synthetic) return MachineFromTopology(spec, "machine");
  std::vector<std::string> names = PresetNames();
  names.emplace_back("host");
  names.emplace_back(kRecordedMachine);
  return absl::InvalidArgumentError(
      UnknownNameText("machine", spec, names) +
      "; or a file ending in .textproto or .xml, or a synthetic topology such as "
      "'pack:2 numa:1 l3:1 core:8 pu:2'");
}

std::vector<PresetInfo> ListPresets() {
  std::vector<PresetInfo> presets;
  for (const Preset& preset : Presets()) {
    presets.push_back(
        {.name = std::string(preset.name), .description = ParsePreset(preset).description()});
  }
  return presets;
}

}  // namespace slablab
