// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_SIM_MACHINE_LSTOPO_XML_H_
#define SLABLAB_TESTS_SIM_MACHINE_LSTOPO_XML_H_

#include <string>

namespace slablab {

// What a real machine's file has and a synthetic topology does not. 0: left out.
struct LstopoFacts {
  int l1_ways = 0;
  int l2_ways = 0;
  int l3_ways = 0;
  int remote_distance = 0;  // with it, a SLIT of 10 and this
};

// The file that lstopo would write on such a machine (it is hwloc that writes it).
std::string LstopoXml(const std::string& synthetic, const LstopoFacts& facts = {});

}  // namespace slablab

#endif  // SLABLAB_TESTS_SIM_MACHINE_LSTOPO_XML_H_
