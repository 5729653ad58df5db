// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/topology.h"

#include <fcntl.h>
#include <hwloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "sim/machine/synthetic_words.h"
#include "sim/machine/topology_tree.h"
#include "sim/machine/topology_xml.h"

namespace slablab {
namespace {

struct TopologyDeleter {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using HwlocTopology = std::unique_ptr<hwloc_topology, TopologyDeleter>;

absl::StatusOr<HwlocTopology> NewTopology() {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) {
    return absl::ResourceExhaustedError("hwloc cannot start");
  }
  HwlocTopology topology(raw);
  // A cgroup that may use two CPUs of a machine does not make it a machine of two CPUs.
  hwloc_topology_set_flags(raw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  // hwloc passes them over by default; a machine that has one is to say so.
  hwloc_topology_set_type_filter(raw, HWLOC_OBJ_MEMCACHE, HWLOC_TYPE_FILTER_KEEP_ALL);
  return topology;
}

absl::StatusOr<HwlocTopology> LoadXml(const std::string& xml) {
  absl::StatusOr<HwlocTopology> topology = NewTopology();
  if (!topology.ok()) return topology.status();
  // hwloc counts the terminating zero in the buffer's length.
  if (xml.size() >= static_cast<size_t>(std::numeric_limits<int>::max()) ||
      hwloc_topology_set_xmlbuffer(topology->get(), xml.c_str(),
                                   static_cast<int>(xml.size()) + 1) != 0 ||
      hwloc_topology_load(topology->get()) != 0) {
    return absl::InvalidArgumentError("hwloc cannot read this as a topology in XML");
  }
  return topology;
}

absl::StatusOr<Topology> ReadXml(const std::string& xml) {
  absl::StatusOr<HwlocTopology> topology = LoadXml(xml);
  if (!topology.ok()) return topology.status();
  return ReadTree(topology->get(), Silence::kMeansAbsent);
}

std::string HwlocVersion() {
  const unsigned version = hwloc_get_api_version();
  return fmt::format("{}.{}", version >> 16, version >> 8 & 0xff);
}

// True if hwloc can load `xml`. hwloc 2.9 trusts such files: one that is well-formed but leaves out
// what lstopo always writes makes it print, loop, or crash. So a child process tries first.
absl::StatusOr<bool> SurvivesLoading(const std::string& xml) {
  constexpr int kLoaded = 42;
  const pid_t child = fork();
  if (child < 0) return absl::ResourceExhaustedError("cannot start a process to check an XML file");
  if (child == 0) {
    const int quiet = open("/dev/null", O_WRONLY);
    dup2(quiet, STDOUT_FILENO);
    dup2(quiet, STDERR_FILENO);
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    const rlimit seconds = {20, 20};
    setrlimit(RLIMIT_CPU, &seconds);
    const bool loaded = LoadXml(xml).ok();
    // Reading walks the whole tree: it must survive that too, whatever it finds there.
    if (loaded) ReadXml(xml).IgnoreError();
    _exit(loaded ? kLoaded : 0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return absl::InternalError("lost the process that checks an XML file");
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == kLoaded;
}

}  // namespace

absl::StatusOr<Topology> TopologyFromSynthetic(std::string_view description) {
  absl::StatusOr<SyntheticWords> words = ReadSyntheticWords(description);
  if (!words.ok()) return words.status();
  absl::StatusOr<HwlocTopology> topology = NewTopology();
  if (!topology.ok()) return topology.status();
  if (hwloc_topology_set_synthetic(topology->get(), std::string(description).c_str()) != 0 ||
      hwloc_topology_load(topology->get()) != 0) {
    return absl::InvalidArgumentError(fmt::format(
        "hwloc does not understand the topology \"{}\"; an example of a synthetic topology is "
        "\"pack:2 numa:1 l3:1 core:8 pu:2\"",
        description));
  }
  absl::StatusOr<Topology> result = ReadTree(topology->get(), Silence::kMeansUnknown);
  if (!result.ok()) return result;
  if (result->cpus.size() != words->cpu_count) {
    return absl::InvalidArgumentError(
        fmt::format("the topology \"{}\" gives two of its {} CPUs the same number", description,
                    words->cpu_count));
  }
  // hwloc makes up what the string leaves open (an L2 of 4 MiB); the machine's spec knows better.
  if (!words->gives_l1_size) result->l1.reset();
  if (result->l2.has_value() && result->l2->size_bytes == 0) {
    if (!words->gives_l2_size) result->llc.reset();
  } else {
    if (!words->gives_l2_size) result->l2.reset();
    if (!words->gives_l3_size) result->llc.reset();
  }
  if (!words->gives_memory) result->node_bytes.clear();
  return result;
}

absl::StatusOr<Topology> TopologyFromXml(const std::string& xml, const std::string& path) {
  const absl::StatusOr<std::string> readable = ReadableXml(xml, path);
  if (!readable.ok()) return readable.status();
  absl::StatusOr<bool> survives = SurvivesLoading(*readable);
  if (!survives.ok()) return survives.status();
  if (!*survives) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: well-formed XML, but hwloc {} cannot read it as a topology", path, HwlocVersion()));
  }
  absl::StatusOr<Topology> topology = ReadXml(*readable);
  if (topology.ok()) return topology;
  return absl::InvalidArgumentError(
      fmt::format("{}: {}", path, std::string(topology.status().message())));
}

absl::StatusOr<Topology> TopologyOfHost() {
  absl::StatusOr<HwlocTopology> topology = NewTopology();
  if (!topology.ok()) return topology.status();
  if (hwloc_topology_load(topology->get()) != 0) {
    return absl::UnavailableError("hwloc cannot read the topology of this machine");
  }
  absl::StatusOr<Topology> host = ReadTree(topology->get(), Silence::kMeansAbsent);
  if (host.ok() && host->clock.mhz == 0) {
    std::ifstream cpuinfo("/proc/cpuinfo");
    const std::string text{std::istreambuf_iterator<char>(cpuinfo), {}};
    host->clock = ClockOfCpuinfo(text);
  }
  return host;
}

}  // namespace slablab
