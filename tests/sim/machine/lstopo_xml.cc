// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/machine/lstopo_xml.h"

#include <hwloc.h>
#include <hwloc/distances.h>

#include <vector>

#include "base/check.h"

namespace slablab {
namespace {

void SetWays(hwloc_topology_t topology, hwloc_obj_type_t type, int ways) {
  hwloc_obj_t cache = nullptr;
  while ((cache = hwloc_get_next_obj_by_type(topology, type, cache)) != nullptr) {
    cache->attr->cache.associativity = ways;
    cache->attr->cache.linesize = 64;
  }
}

void AddSlit(hwloc_topology_t topology, int remote_distance) {
  std::vector<hwloc_obj_t> nodes;
  hwloc_obj_t node = nullptr;
  while ((node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != nullptr) {
    nodes.push_back(node);
  }
  std::vector<hwloc_uint64_t> slit(nodes.size() * nodes.size(),
                                   static_cast<hwloc_uint64_t>(remote_distance));
  for (size_t i = 0; i < nodes.size(); ++i) slit[i * nodes.size() + i] = 10;
  constexpr unsigned long kSlit = HWLOC_DISTANCES_KIND_FROM_OS | HWLOC_DISTANCES_KIND_MEANS_LATENCY;
  void* handle = hwloc_distances_add_create(topology, "NUMALatency", kSlit, 0);
  CHECK(handle != nullptr);
  CHECK_EQ(hwloc_distances_add_values(topology, handle, static_cast<unsigned>(nodes.size()),
                                      nodes.data(), slit.data(), 0),
           0);
  CHECK_EQ(hwloc_distances_add_commit(topology, handle, 0), 0);
}

}  // namespace

std::string LstopoXml(const std::string& synthetic, const LstopoFacts& facts) {
  hwloc_topology_t topology = nullptr;
  CHECK_EQ(hwloc_topology_init(&topology), 0);
  CHECK_EQ(hwloc_topology_set_synthetic(topology, synthetic.c_str()), 0);
  CHECK_EQ(hwloc_topology_load(topology), 0);
  if (facts.l1_ways != 0) SetWays(topology, HWLOC_OBJ_L1CACHE, facts.l1_ways);
  if (facts.l2_ways != 0) SetWays(topology, HWLOC_OBJ_L2CACHE, facts.l2_ways);
  if (facts.l3_ways != 0) SetWays(topology, HWLOC_OBJ_L3CACHE, facts.l3_ways);
  if (facts.remote_distance != 0) AddSlit(topology, facts.remote_distance);
  char* buffer = nullptr;
  int length = 0;
  CHECK_EQ(hwloc_topology_export_xmlbuffer(topology, &buffer, &length, 0), 0);
  const std::string xml(buffer);
  hwloc_free_xmlbuffer(topology, buffer);
  hwloc_topology_destroy(topology);
  return xml;
}

}  // namespace slablab
