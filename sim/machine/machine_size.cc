// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/machine_size.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "absl/status/status.h"
#include "base/types.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// A number that is the whole of `text`; -1 if it is none, or none that could be meant.
int NumberOf(std::string_view text) {
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : -1;
}

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

int CeilingOf(int dividend, int divisor) { return (dividend + divisor - 1) / divisor; }

struct Parts {
  int threads_per_core = 0;
  int cores_per_domain = 0;
};
Parts PartsOf(const MachineConfig& base) {
  const CpuPlace& first = base.cpus[0];
  Parts parts;
  std::set<CoreId> cores;
  for (const CpuPlace& place : base.cpus) {
    if (place.core == first.core) ++parts.threads_per_core;
    if (place.domain == first.domain) cores.insert(place.core);
  }
  parts.cores_per_domain = static_cast<int>(cores.size());
  return parts;
}

}  // namespace

absl::StatusOr<SizedName> ReadSizedName(std::string_view name) {
  const size_t at = name.rfind('@');
  const size_t times = name.rfind('x');
  if (at == std::string_view::npos || times == std::string_view::npos || times < at) {
    return SizedName{.base = name, .size = {}};
  }
  const std::string_view cpus = name.substr(at + 1, times - at - 1);
  const std::string_view nodes = name.substr(times + 1);
  if (!IsDigits(cpus) || !IsDigits(nodes)) return SizedName{.base = name, .size = {}};
  const MachineSize size = {.cpus = NumberOf(cpus), .nodes = NumberOf(nodes)};
  if (size.cpus < 1 || size.cpus > kMaxCpus || size.nodes < 1 || size.nodes > kMaxNodes) {
    return absl::InvalidArgumentError(
        fmt::format("{} CPUs on {} nodes: a machine has 1 to {} CPUs on 1 to {} nodes", cpus, nodes,
                    kMaxCpus, kMaxNodes));
  }
  if (size.cpus < size.nodes) {
    return absl::InvalidArgumentError(
        fmt::format("{} CPU{} on {} nodes: some node would have no CPU", cpus,
                    size.cpus == 1 ? "" : "s", nodes));
  }
  return SizedName{.base = name.substr(0, at), .size = size};
}

google::protobuf::RepeatedPtrField<CpuRun> CpusOfSize(const MachineConfig& base,
                                                      const MachineSize& size) {
  const Parts parts = PartsOf(base);
  google::protobuf::RepeatedPtrField<CpuRun> runs;
  for (int thread = 0; thread < parts.threads_per_core; ++thread) {
    int first_core = 0;
    int first_domain = 0;
    for (int node = 0; node < size.nodes; ++node) {
      const int cpus = size.cpus / size.nodes + (node < size.cpus % size.nodes ? 1 : 0);
      const int cores = CeilingOf(cpus, parts.threads_per_core);
      // Of the node's threads, the last ones are missing where cores do not fill.
      const int running = std::min(cores, cpus - thread * cores);
      for (int core = 0; core < running; core += parts.cores_per_domain) {
        CpuRun& run = *runs.Add();
        run.set_count(std::min(parts.cores_per_domain, running - core));
        run.set_first_core(first_core + core);
        run.set_domain(first_domain + core / parts.cores_per_domain);
        run.set_package(node);
        run.set_node(node);
      }
      first_core += cores;
      first_domain += CeilingOf(cores, parts.cores_per_domain);
    }
  }
  return runs;
}

}  // namespace slablab
