// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/cache/memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "tests/sanitizers.h"
#include "tests/sim/cache/coherence_reference.h"
#include "tests/sim/test_machine.h"

namespace slablab {
namespace {

using State = Memory::State;

struct Event {
  size_t core;
  uint64_t line;
  Access access;
};

// Memory and the reference side by side: each event goes to both, and all that can be seen of them
// must be equal after it.
class Pair {
 public:
  Pair(const MachineConfig& config, const std::vector<uint64_t>& lines)
      : config_(config), lines_(lines), memory_(config), reference_(config) {}

  void Do(const Event& event) {
    const PhysAddr address(event.line * kLineSize + event.core % kLineSize);
    const Memory::Result got =
        memory_.Touch(CoreId(static_cast<int>(event.core)), address, event.access);
    const SnoopingReference::Answer want = reference_.Touch(event.core, event.line, event.access);
    ASSERT_EQ(OutcomeName(got.outcome), OutcomeName(want.outcome));
    ASSERT_EQ(got.cycles, want.cycles);
    ASSERT_EQ(memory_.writebacks(), reference_.writebacks());
  }

  void CompareStates() const {
    for (uint64_t line : lines_) CompareStates(line);
  }
  void CompareStates(uint64_t line) const {
    const PhysAddr address(line * kLineSize);
    for (int core = 0; core < config_.core_count; ++core) {
      const size_t i = static_cast<size_t>(core);
      ASSERT_EQ(static_cast<int>(memory_.StateOf(CoreId(core), address)),
                static_cast<int>(reference_.StateOf(i, line)))
          << "core " << core << " line " << line;
    }
    for (int domain = 0; domain < config_.domain_count; ++domain) {
      ASSERT_EQ(memory_.LlcHolds(DomainId(domain), address),
                reference_.LlcHolds(static_cast<size_t>(domain), line))
          << "domain " << domain << " line " << line;
    }
    memory_.CheckInvariants(address);
  }
  const SnoopingReference& reference() const { return reference_; }
  const Memory& memory() const { return memory_; }

 private:
  const MachineConfig& config_;
  const std::vector<uint64_t>& lines_;
  Memory memory_;
  SnoopingReference reference_;
};

std::string Describe(const std::vector<Event>& path) {
  std::string text;
  for (const Event& event : path) {
    text += " " + std::to_string(event.core) + (event.access == Access::kRead ? "r" : "w") +
            std::to_string(event.line);
  }
  return text;
}

// Does every event in every state that can be reached: a walk over the graph of states that always
// takes the shortest way to one where an event has not been tried, and starts afresh where there is
// no way. The graph is the reference's, met as the walk goes on.
class Tour {
 public:
  Tour(const MachineConfig& config, const std::vector<uint64_t>& lines)
      : config_(config), lines_(lines) {
    for (size_t core = 0; core < static_cast<size_t>(config.core_count); ++core) {
      for (uint64_t line : lines) {
        events_.push_back({core, line, Access::kRead});
        events_.push_back({core, line, Access::kWrite});
      }
    }
  }

  void Walk() {
    while (Leg()) {
    }
  }
  size_t states() const { return nodes_.size(); }
  size_t transitions() const { return transitions_; }

 private:
  struct Node {
    std::vector<int> next;  // by event; -1: not tried
    size_t tried = 0;
  };

  int NodeOf(const SnoopingReference& reference) {
    const auto [at, inserted] =
        numbers_.try_emplace(reference.Snapshot(), static_cast<int>(nodes_.size()));
    if (inserted) nodes_.push_back({std::vector<int>(events_.size(), -1)});
    return at->second;
  }

  // The events, last first, that lead to the nearest node with something untried, if there is one.
  bool WayToUntried(int from, std::vector<size_t>* way) const {
    way->clear();
    if (nodes_[static_cast<size_t>(from)].tried < events_.size()) return true;
    std::vector<std::pair<int, size_t>> came(nodes_.size(), {-1, 0});
    std::deque<int> front = {from};
    came[static_cast<size_t>(from)] = {from, 0};
    while (!front.empty()) {
      int at = front.front();
      front.pop_front();
      if (nodes_[static_cast<size_t>(at)].tried < events_.size()) {
        for (; at != from; at = came[static_cast<size_t>(at)].first) {
          way->push_back(came[static_cast<size_t>(at)].second);
        }
        return true;
      }
      for (size_t event = 0; event < events_.size(); ++event) {
        const int next = nodes_[static_cast<size_t>(at)].next[event];
        if (came[static_cast<size_t>(next)].first >= 0) continue;
        came[static_cast<size_t>(next)] = {at, event};
        front.push_back(next);
      }
    }
    return false;
  }

  // One walk of a new machine. Answers false if everything had been tried.
  bool Leg() {
    Pair pair(config_, lines_);
    int at = NodeOf(pair.reference());
    std::vector<Event> path;
    std::vector<size_t> way;
    bool worked = false;
    while (!way.empty() || WayToUntried(at, &way)) {
      size_t event = 0;
      if (way.empty()) {
        while (nodes_[static_cast<size_t>(at)].next[event] >= 0) ++event;
      } else {
        event = way.back();
        way.pop_back();
      }
      path.push_back(events_[event]);
      pair.Do(events_[event]);
      pair.CompareStates();
      if (testing::Test::HasFatalFailure()) {
        ADD_FAILURE() << "after" << Describe(path);
        return false;
      }
      const int next = NodeOf(pair.reference());
      Node& left = nodes_[static_cast<size_t>(at)];
      if (left.next[event] < 0) {
        left.next[event] = next;
        ++left.tried;
        ++transitions_;
        worked = true;
      }
      at = next;
    }
    return worked;
  }

  const MachineConfig& config_;
  const std::vector<uint64_t>& lines_;
  std::vector<Event> events_;
  std::map<std::string, int> numbers_;
  std::deque<Node> nodes_;
  size_t transitions_ = 0;
};

// How three CPUs can lie: cores per domain, domains per node.
struct Layout {
  const char* name;
  int cores;
  int cores_per_domain;
  int domains_per_node;
};
constexpr Layout kLayouts[] = {
    {"OneDomain", 3, 3, 1},    {"TwoAndOneOnOneNode", 3, 2, 2}, {"TwoAndOneOnTwoNodes", 3, 2, 1},
    {"ThreeDomains", 3, 1, 3}, {"ThreeNodes", 3, 1, 1},
};

// Eight pages over all nodes: line 64 is at home on the first, line 256 on the last node.
class EveryTransition : public testing::TestWithParam<std::tuple<Layout, bool, bool>> {
 protected:
  TestMachineOptions Options() const {
    const auto [layout, has_l2, has_llc] = GetParam();
    TestMachineOptions options = {.cores = layout.cores,
                                  .cores_per_domain = layout.cores_per_domain,
                                  .domains_per_node = layout.domains_per_node};
    const int domains = (layout.cores - 1) / layout.cores_per_domain + 1;
    const int nodes = (domains - 1) / layout.domains_per_node + 1;
    options.frames_per_node = 8 / static_cast<uint64_t>(nodes);
    return options;
  }
  bool has_l2() const { return std::get<1>(GetParam()); }
  bool has_llc() const { return std::get<2>(GetParam()); }
};

// Two lines in different sets: neither ever leaves a cache but by another's write.
TEST_P(EveryTransition, OfTwoLinesFollowsTheTextbookTable) {
  TestMachineOptions options = Options();
  options.l1 = Geometry(2, 1);
  if (has_l2()) options.l2 = Geometry(2, 2);
  if (has_llc()) options.llc = Geometry(2, 2);
  const MachineConfig config = TestMachine(options);
  const std::vector<uint64_t> lines = {64, 257};
  Tour tour(config, lines);
  tour.Walk();
  // Each line: nobody, three cores alone in E or M, four sets of sharers; and what the LLCs hold.
  EXPECT_GE(tour.states(), 11u * 11u);
  EXPECT_EQ(tour.transitions(), tour.states() * 12);
}

// Two lines in one set of one way: each fill throws the other line out.
TEST_P(EveryTransition, OfTwoLinesThatConflictFollowsTheTextbookTable) {
  TestMachineOptions options = Options();
  options.l1 = Geometry(1, 1);
  if (has_l2()) options.l2 = Geometry(1, 1);
  if (has_llc()) options.llc = Geometry(1, 1);
  const MachineConfig config = TestMachine(options);
  const std::vector<uint64_t> lines = {65, 256};
  Tour tour(config, lines);
  tour.Walk();
  EXPECT_GE(tour.states(), 30u);
  EXPECT_EQ(tour.transitions(), tour.states() * 12);
}

std::string NameOf(const testing::TestParamInfo<EveryTransition::ParamType>& info) {
  const auto& [layout, has_l2, has_llc] = info.param;
  return std::string(layout.name) + (has_l2 ? "L2" : "") + (has_llc ? "Llc" : "");
}
INSTANTIATE_TEST_SUITE_P(Layouts, EveryTransition,
                         testing::Combine(testing::ValuesIn(kLayouts), testing::Bool(),
                                          testing::Bool()),
                         NameOf);

// Three lines for two ways: least recently used order matters in every cache.
TEST(MemoryTest, EveryTransitionOfThreeLinesInOneSetOfTwoWays) {
  for (const int cores_per_domain : {1, 2}) {
    TestMachineOptions options = {.cores = 2, .cores_per_domain = cores_per_domain};
    options.l1 = Geometry(1, 2);
    options.llc = Geometry(1, 2);
    const MachineConfig config = TestMachine(options);
    const std::vector<uint64_t> lines = {64, 65, 66};
    Tour tour(config, lines);
    tour.Walk();
    EXPECT_GE(tour.states(), 1000u);
    EXPECT_EQ(tour.transitions(), tour.states() * 12);
  }
}

// Long random runs on machines of every width that the directory's sets have a form for.
struct Width {
  int cores;
  int cores_per_domain;
  int domains_per_node;
};

class RandomAccesses : public testing::TestWithParam<Width> {};

TEST_P(RandomAccesses, AnswerAsTheReferenceDoes) {
  static constexpr int kSteps = 20000 / kSlowness;
  const Width width = GetParam();
  for (uint64_t round = 0; round < 8; ++round) {
    Random random(round, static_cast<uint64_t>(width.cores));
    TestMachineOptions options = {.cores = width.cores,
                                  .cores_per_domain = width.cores_per_domain,
                                  .domains_per_node = width.domains_per_node};
    // Sets that are no power of two, too.
    options.l1 = Geometry(1 + random.Below(4), 1 + static_cast<int>(random.Below(4)));
    if (round % 2 == 0) {
      options.l2 = Geometry(1 + random.Below(8), 2 + static_cast<int>(random.Below(4)));
    }
    if (round % 3 != 2) {
      options.llc = Geometry(1 + random.Below(8), 2 + static_cast<int>(random.Below(6)));
    }
    if (round >= 6) {  // As many ways as in presets, for which there is code of its own.
      options.l1 = Geometry(2, 8);
      options.l2 = Geometry(2, round == 6 ? 16 : 8);
      options.llc = Geometry(2, 16);
    }
    const MachineConfig config = TestMachine(options);
    const uint64_t frames = config.memory.back().first_frame + config.memory.back().frames;
    std::vector<uint64_t> lines;
    for (int i = 0; i < 40; ++i) {
      lines.push_back(kLinesPerPage + random.Below((frames - 1) * kLinesPerPage));
    }
    Pair pair(config, lines);
    for (int step = 0; step < kSteps; ++step) {
      // Some lines are read by all, some are one core's own, some are fought for.
      const uint64_t line = lines[random.Below(random.Chance(1, 4) ? 4 : lines.size())];
      const uint64_t cores = static_cast<uint64_t>(config.core_count);
      const size_t core = random.Chance(1, 3) ? (line * 7) % cores : random.Below(cores);
      const bool writes = random.Chance(1, line % 5 == 0 ? 100 : 4);
      pair.Do({core, line, writes ? Access::kWrite : Access::kRead});
      pair.CompareStates(line);
      if (step % 500 == 0) pair.CompareStates();
      ASSERT_FALSE(HasFatalFailure()) << "round " << round << " step " << step;
    }
    pair.CompareStates();
  }
}
INSTANTIATE_TEST_SUITE_P(Widths, RandomAccesses,
                         testing::Values(Width{1, 1, 1}, Width{2, 1, 1}, Width{8, 4, 1},
                                         Width{29, 1, 1}, Width{30, 1, 1}, Width{64, 8, 2},
                                         Width{65, 5, 1}, Width{130, 2, 2}),
                         [](const testing::TestParamInfo<Width>& info) {
                           return std::to_string(info.param.cores) + "Cores";
                         });

TEST(MemoryTest, HandlesOfPagesAreNotMixedUp) {
  // Pages touched out of order, then every line of each: a line is known by its page's turn.
  const MachineConfig config = TestMachine({.cores = 1, .frames_per_node = 64});
  Memory memory(config);
  for (uint64_t frame = 63; frame > 0; --frame) {
    for (uint64_t line = 0; line < kLinesPerPage; ++line) {
      const PhysAddr address((frame * kLinesPerPage + line) * kLineSize);
      EXPECT_EQ(memory.StateOf(CoreId(0), address), State::kInvalid);
      memory.Touch(CoreId(0), address, line % 2 == 0 ? Access::kRead : Access::kWrite);
      EXPECT_EQ(memory.StateOf(CoreId(0), address),
                line % 2 == 0 ? State::kExclusive : State::kModified);
    }
  }
}

TEST(MemoryDeathTest, AbortsOnALatencyOfMoreThanThirtyOneBits) {
  MachineConfig config = TestMachine({.cores = 1});
  config.dram_cycles[0][0] = Cycles{1} << 31;
  EXPECT_EXIT(Memory{config}, testing::ExitedWithCode(3), "kMost");
}

TEST(MemoryDeathTest, AbortsOnAnAddressBehindTheLastNode) {
  const MachineConfig config = TestMachine({.cores = 1, .frames_per_node = 2});
  Memory memory(config);
  EXPECT_EXIT(memory.Touch(CoreId(0), PhysAddr(2 * kPageSize), Access::kRead),
              testing::ExitedWithCode(3), "CHECK");
}

}  // namespace
}  // namespace slablab
