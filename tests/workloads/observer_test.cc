// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Watching a replay: what the observer is told adds up to the result, which is the same as without.

#include "workloads/observer.h"

#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "allocators/registry.h"
#include "gtest/gtest.h"
#include "sim/machine/machine_loader.h"
#include "traces/slt/trace.h"
#include "workloads/replay/replay.h"

namespace slablab {
namespace {

class Watcher : public OperationObserver {
 public:
  void OnOperation(const OperationEnd& operation) override { operations.push_back(operation); }
  std::vector<OperationEnd> operations;
};

struct Watched {
  std::unique_ptr<Machine> machine;
  std::unique_ptr<Allocator> model;
  std::unique_ptr<TraceReader> reader;
  std::unique_ptr<Replay> replay;
};

Watched ReplayOf(const std::string& allocator, OperationObserver* observer) {
  Watched run;
  run.machine = std::make_unique<Machine>(*LoadMachine("vm-c4n2"));
  run.model = *MakeAllocator(allocator, *run.machine, {});
  run.machine->scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return run.model->Boot(cpu); });
  const std::string path = absl::StrCat(std::getenv("TEST_SRCDIR"),
                                        "/slablab/traces/samples/linux-6.1-slub-c4n2-net.slt");
  run.reader = *TraceReader::Open(path, TraceReader::Options());
  run.replay = std::make_unique<Replay>(*run.reader, *run.machine, *run.model, ReplayOptions());
  EXPECT_TRUE(run.replay->Prepare().ok());
  run.replay->set_observer(observer);
  run.machine->scheduler().Run(*run.replay);
  EXPECT_TRUE(run.replay->status().ok());
  return run;
}

TEST(ObserverTest, SeesEveryOperationOnceAndChangesNothing) {
  for (const char* allocator : {"slub-6.1", "slab"}) {
    SCOPED_TRACE(allocator);
    Watcher watcher;
    const Watched watched = ReplayOf(allocator, &watcher);
    const Watched alone = ReplayOf(allocator, nullptr);
    const RunAccount& result = watched.replay->result();
    EXPECT_EQ(result.placements.value(), alone.replay->result().placements.value());
    EXPECT_EQ(watched.machine->scheduler().now(), alone.machine->scheduler().now());

    uint64_t frees = 0;
    uint64_t failed = 0;
    std::set<uint64_t> events;
    std::vector<Cycles> cycles_of_cpu(result.cpus.size());
    std::vector<Cycles> last_end(result.cpus.size());
    for (const OperationEnd& operation : watcher.operations) {
      const size_t cpu = operation.cpu.index();
      frees += operation.is_free ? 1 : 0;
      failed += operation.object.is_null() ? 1 : 0;
      EXPECT_TRUE(events.insert(operation.event).second) << operation.event;
      ASSERT_LT(operation.event, result.events);
      ASSERT_LE(operation.start + operation.cycles, operation.end) << operation.event;
      // One CPU's operations end one after another.
      ASSERT_GE(operation.end, last_end[cpu]) << operation.event;
      last_end[cpu] = operation.end;
      cycles_of_cpu[cpu] += operation.cycles;
    }
    EXPECT_EQ(watcher.operations.size(), result.allocations + result.frees);
    EXPECT_EQ(frees, result.frees);
    EXPECT_EQ(failed, result.failed_allocations);
    for (size_t cpu = 0; cpu < cycles_of_cpu.size(); ++cpu) {
      EXPECT_EQ(cycles_of_cpu[cpu], result.cpus[cpu].cycles) << cpu;
    }
  }
}

}  // namespace
}  // namespace slablab
