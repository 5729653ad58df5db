// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MACHINE_TOPOLOGY_XML_H_
#define SLABLAB_SIM_MACHINE_TOPOLOGY_XML_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

// What lstopo wrote, before hwloc 2.9 sees it.

namespace slablab {

// `xml` as hwloc 2 reads it. A file of hwloc 3 differs only in its version and in that what is
// known of the whole machine stands beside its objects; it is put into the words of 2.
// InvalidArgument, in "path:line: what" where it has a line, for text that is no well-formed XML
// (hwloc says only that it cannot), that ends early, that is no topology, and for versions 1 and
// from 4 on, with how to have lstopo write another.
absl::StatusOr<std::string> ReadableXml(std::string_view xml, std::string_view path);

}  // namespace slablab

#endif  // SLABLAB_SIM_MACHINE_TOPOLOGY_XML_H_
