// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Sweeps and suites as users write them. The first byte of an input says which: even, a sweep; odd,
// a suite. Whatever is refused is refused with a message that names the text.

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runs/experiments/suite.h"
#include "runs/experiments/sweep_plan.h"
#include "tests/fuzz/fuzz_target.h"

namespace slablab {
namespace {

constexpr char kSweep = '0';
constexpr char kSuite = '1';
// No file is below this one.
const char* const kPath = "/dev/null/fuzz.textproto";

void RequireNamed(const absl::Status& status) {
  Require(status.code() == absl::StatusCode::kInvalidArgument);
  Require(status.message().find("fuzz.textproto") != absl::string_view::npos);
}

void TrySweep(std::string_view text) {
  const absl::StatusOr<SweepPlan> plan = PlanSweepFromText(text, kPath);
  if (!plan.ok()) return RequireNamed(plan.status());
  Require(!plan->points.empty() && plan->points.size() <= kSweepPointsMax);
  std::set<std::string> names;
  for (const SweepPoint& point : plan->points) {
    Require(point.name.size() == 16 && point.values.size() == plan->axes.size());
    if (point.refused.empty()) names.insert(point.name);
  }
  size_t dealt = 0;
  for (const size_t index : {1, 2, 3}) dealt += PointsOf(*plan, {index, 3}).size();
  Require(dealt == names.size());
}

void TrySuite(std::string_view text) {
  const absl::StatusOr<Suite> suite = SuiteFromText(text, kPath);
  if (!suite.ok()) return RequireNamed(suite.status());
  Require(!suite->entries.empty());
}

}  // namespace

std::vector<std::string> FuzzSeeds() {
  std::vector<std::string> seeds;
  for (const char* sweep : {
           R"(base { workload: "hackbench" order: "closed" set: "groups=2" } seed: [1, 2]
              allocator: ["slub", "slab", "percpu"] cpus: [1, 4] nodes: [1, 2] size: [1, 3])",
           R"(base { trace: "x.slt" machine: "r910" quirks: ["a", "b"] touch_bytes: 64 }
              tunable { name: "cpu_partial" value: [0, -1] })",
           R"(workload: ["a.slt", "hackbench", "b.textproto"] machine: ["uma-1", "64"]
              flag { name: "place" value: ["spread", "pack"] }
              parameter { name: "groups" value: [1, 10] })",
       }) {
    seeds.push_back(kSweep + std::string(sweep));
  }
  for (const char* suite : {
           R"(base { trace: "x.slt" } tolerance { metric: "peak_slabs" per_mille: 3 }
              point { name: "a" run { allocator: "slab" } }
              point { name: "b" exact: false tolerance { metric: "frees" absolute: 9 } })",
           R"(point { name: "c-1_x.y@2" run { workload: "hackbench" seed: 7 scenario: "s" } })",
       }) {
    seeds.push_back(kSuite + std::string(suite));
  }
  return seeds;
}

}  // namespace slablab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  // A machine's topology in XML is read by a process of its own: not thousands of times.
  if (input.find(".xml") != std::string_view::npos) return 0;
  if (input[0] % 2 == 0) {
    slablab::TrySweep(input.substr(1));
  } else {
    slablab::TrySuite(input.substr(1));
  }
  return 0;
}
