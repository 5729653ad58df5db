// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MACHINE_MACHINE_SIZE_H_
#define SLABLAB_SIM_MACHINE_MACHINE_SIZE_H_

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "sim/machine/machine.pb.h"
#include "sim/machine/machine_config.h"

// A machine like another, of another size: what if it had 256 CPUs on 8 nodes.

namespace slablab {

struct MachineSize {
  int cpus = 0;
  int nodes = 0;
};

// "xeon-8380@256x8": a machine and the size it is to have.
struct SizedName {
  std::string_view base;
  std::optional<MachineSize> size;  // none: the name ends in no size
};
// InvalidArgument for a size that no machine has: none of a node's CPUs, more than kMaxCpus.
absl::StatusOr<SizedName> ReadSizedName(std::string_view name);

// The CPUs of a machine of that size made of `base`'s parts: each node is a package of its own and
// has its share of the CPUs, the first ones one more where it does not come out even. Threads of a
// core and cores under an LLC are as many as the base's first core and first LLC have. Numbered as
// Linux does on x86: every core's first thread, node after node, then the second ones.
// REQUIRES: a size that ReadSizedName lets pass.
google::protobuf::RepeatedPtrField<CpuRun> CpusOfSize(const MachineConfig& base,
                                                      const MachineSize& size);

}  // namespace slablab

#endif  // SLABLAB_SIM_MACHINE_MACHINE_SIZE_H_
