// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CLOSED_SCENARIO_H_
#define SLABLAB_WORKLOADS_CLOSED_SCENARIO_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/random.h"
#include "sim/machine/machine_config.h"
#include "sim/machine/spec_text.h"
#include "workloads/closed/closed_loop.h"
#include "workloads/kswapd.h"
#include "workloads/scenario.pb.h"
#include "workloads/tuning.h"

namespace slablab {

struct ScenarioOptions {
  uint64_t seed = 1;
  uint64_t pressure_interval_us = 0;  // besides what the spec says, pressure on every node; 0: none
};

// The machine that a scenario is for; by default one that has every CPU and node.
struct ScenarioMachine {
  int32_t cpus = std::numeric_limits<int32_t>::max();
  int32_t nodes = std::numeric_limits<int32_t>::max();
};

struct ParsedScenario {
  ScenarioSpec spec;
  SpecOrigin origin{""};
};

// InvalidArgument: `label`, line and column, and what is wrong; also what names a CPU or node that
// the machine does not have.
absl::StatusOr<ParsedScenario> ParseScenario(std::string_view text, std::string label,
                                             const ScenarioMachine& machine);

// A scenario, as it takes place. In time order, among equals in that of the spec.
class Scenario : public Disturbance {
 public:
  // REQUIRES: of ParseScenario, for this machine.
  Scenario(ParsedScenario parsed, const MachineConfig& machine, const ScenarioOptions& options);

  bool empty() const { return streams_.empty(); }
  std::optional<Next> Take() override;
  void Begin(uint64_t token) override;
  std::string NameOf(uint64_t token) const override;
  Task<void> Run(ClosedLoop& loop, Cpu& cpu, uint64_t token) override;

  // What happened, a sentence a kind.
  std::vector<std::string> Report() const;
  // What became of the requests for nodes' memory.
  const KswapdTally& kswapd() const { return kswapd_.tally(); }
  // A tunable that was refused, if any was, and where it stands.
  const absl::Status& status() const { return status_; }

 private:
  // An event of the spec; a storm comes again and again.
  struct Stream {
    ScenarioEvent event;
    std::string path;      // in the spec, for messages
    Cycles next = 0;       // when it is due, without jitter
    Cycles due = 0;        // with
    Cycles interval = 0;   // 0: once
    uint64_t left = 0;     // times; 0: over
    uint64_t storm = 0;    // interrupts left of this time
    Cycles begun_due = 0;  // of the one that has begun last
    // One is on its way or, but for interrupts, not done yet: the next is not sent before.
    bool busy = false;
  };
  struct Held {
    PhysAddr block;
    int order = 0;
  };
  // CPUs and nodes leave and come and tunables are written one after another, as the kernel's
  // hotplug lock has them.
  Task<void> DoInTurn(ClosedLoop& loop, Cpu& cpu, uint64_t token);
  Task<void> Do(ClosedLoop& loop, Cpu& cpu, uint64_t token);
  Task<void> Plug(ClosedLoop& loop, Cpu& cpu, uint64_t token);
  void Add(const ScenarioEvent& event, std::string path, Cycles offset);
  void Arm(Stream& stream);
  // On to its next time.
  void Advance(Stream& stream);
  // It is done, having begun at `begun`; times are since the start.
  void End(Stream& stream, Cycles begun, Cycles now);
  Task<void> TakeNodeOffline(ClosedLoop& loop, Cpu& cpu, NodeId node);
  Task<void> BringNodeOnline(ClosedLoop& loop, Cpu& cpu, NodeId node);
  Task<void> Interrupt(ClosedLoop& loop, Cpu& cpu, const InterruptEvent& storm);
  Task<void> AwaitRcu(ClosedLoop& loop, Cpu& cpu, uint64_t token);
  Task<void> Relieve(ClosedLoop& loop, Cpu& cpu, uint64_t token);
  CpuId CpuFor(const Stream& stream) const;

  const SpecOrigin origin_;
  const int32_t cpus_;
  const uint64_t clock_mhz_;
  Random random_;
  std::vector<Stream> streams_;
  std::vector<std::vector<Held>> held_;  // by node
  std::vector<CpuId> first_cpu_;         // by node; CPU 0 of a node that has none
  CpuId plugger_{0};  // on which CPUs are taken off line and brought back; one that stays, if any
  bool doing_ = false;
  std::vector<uint64_t> to_do_;  // in order; whoever does one goes on with them
  uint64_t offline_ = 0;
  uint64_t online_ = 0;
  uint64_t refused_ = 0;
  uint64_t pages_taken_ = 0;
  uint64_t pages_returned_ = 0;
  Kswapd kswapd_;
  uint64_t late_ = 0;  // began after their time, since those before were not done
  uint64_t tuned_ = 0;
  uint64_t interrupts_ = 0;
  absl::Status status_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CLOSED_SCENARIO_H_
