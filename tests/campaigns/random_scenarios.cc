// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "tests/campaigns/campaign.h"
#include "tests/campaigns/child.h"
#include "tests/campaigns/random_run.h"

// Runs under random scenarios (tests/campaigns/random_run.h). Each ends with a result, its auditor
// and invariants satisfied, or is refused in words (status 2). One that ends otherwise, or whose
// tasks wait for ever, is made smaller as long as it still does, and kept.

namespace slablab {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kRounds = 80;
// Time is the last resort: slablab's own watchdog counts steps of simulated CPUs.
constexpr unsigned kCpuSeconds = 300 * kSlowness;

// What kind of fault it is; empty: none.
std::string FaultOf(const ChildEnding& ending) {
  if (ending.hung) return "hung";
  if (ending.signal != 0) return "crashed";
  if (ending.exit_status == 3) return "internal errors";
  if (ending.exit_status != 0 && ending.exit_status != 2) return "other exit statuses";
  if (ending.exit_status == 2 && ending.error.empty()) return "refused without words";
  const bool waits = ending.error.find(" for ever") != std::string::npos;
  return waits ? "tasks that wait for ever" : "";
}

// Where an internal error comes from, so that a smaller run has the same.
std::string PlaceOf(const ChildEnding& ending) {
  const size_t at = ending.error.find("internal error");
  return at == std::string::npos ? "" : ending.error.substr(at, 60);
}

class RandomScenarios {
 public:
  explicit RandomScenarios(Campaign& campaign) : campaign_(campaign) {}

  void Round(Random& random) {
    const RandomRun run = MakeRandomRun(random, Samples());
    const ChildEnding ending = Execute(run);
    const std::string fault = FaultOf(ending);
    if (fault.empty()) {
      const bool no_time =
          ending.error.find("nothing is left of the CPUs' time") != ending.error.npos;
      campaign_.Count(ending.exit_status == 0 ? "ended with a result"
                      : no_time               ? "left tasks no time, and were told so"
                                              : "refused with status 2");
      return;
    }
    campaign_.Fault(fault, ending.error + Keep(Smaller(run, ending)));
  }

 private:
  static std::string Samples() {
    const char* const runfiles = std::getenv("TEST_SRCDIR");
    return fs::absolute(runfiles != nullptr ? fs::path(runfiles) / "slablab/traces/samples"
                                            : fs::path("traces/samples"));
  }

  ChildEnding Execute(const RandomRun& run) const {
    std::vector<std::string> command = {campaign_.program(), "run"};
    command.insert(command.end(), run.arguments.begin(), run.arguments.end());
    command.push_back("--format=json");
    if (!run.events.empty()) {
      const std::string path = campaign_.folder() + "/scenario.textproto";
      std::ofstream(path) << Reproducer(run);
      command.push_back("--scenario=" + path);
    }
    return RunChild(command, {.cpu_seconds = kCpuSeconds});
  }

  // Leaves out one event after another, and arguments but the allocator, the machine and what runs.
  RandomRun Smaller(RandomRun run, const ChildEnding& ending) const {
    if (ending.hung) return run;  // It would take too long.
    const auto is_alike = [&](const RandomRun& less) {
      const ChildEnding other = Execute(less);
      return FaultOf(other) == FaultOf(ending) && PlaceOf(other) == PlaceOf(ending);
    };
    for (size_t i = 0; i < run.events.size();) {
      RandomRun less = run;
      less.events.erase(less.events.begin() + static_cast<ptrdiff_t>(i));
      if (is_alike(less)) {
        run = std::move(less);
      } else {
        ++i;
      }
    }
    for (size_t i = kArgumentsKept; i < run.arguments.size();) {
      RandomRun less = run;
      less.arguments.erase(less.arguments.begin() + static_cast<ptrdiff_t>(i));
      if (is_alike(less)) {
        run = std::move(less);
      } else {
        ++i;
      }
    }
    return run;
  }

  // Answers its text and where it is.
  std::string Keep(const RandomRun& run) {
    const char* const kept = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
    const fs::path path = fs::path(kept == nullptr ? "/tmp" : kept) /
                          ("scenario-" + std::to_string(++faults_) + ".textproto");
    const std::string text = Reproducer(run);
    std::ofstream(path) << text;
    return text + "(kept as " + path.string() + ")";
  }

  Campaign& campaign_;
  uint64_t faults_ = 0;
};

int Main(int argc, char** argv) {
  Campaign campaign("random_scenarios", kRounds,
                    {"hung", "crashed", "internal errors", "other exit statuses",
                     "refused without words", "tasks that wait for ever"});
  if (!campaign.ParseFlags(argc, argv)) return 2;
  RandomScenarios scenarios(campaign);
  return campaign.Run([&](uint64_t, Random& random) { scenarios.Round(random); });
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) { return slablab::Main(argc, argv); }
