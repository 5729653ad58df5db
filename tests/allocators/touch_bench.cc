// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/allocators/touch_bench.h"

#include <set>

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

class LineCounter : public TouchObserver {
 public:
  void OnTouch(const Cpu&, Place place, Access, Outcome) override {
    lines_.insert(place.address.line());
    if (place.structure == Structure::kObject || place.structure == Structure::kFreePointer) {
      object_lines_.insert(place.address.line());
    }
  }
  uint64_t lines() const { return lines_.size(); }
  uint64_t object_lines() const { return object_lines_.size(); }

 private:
  std::set<uint64_t> lines_;
  std::set<uint64_t> object_lines_;
};

}  // namespace

const TouchColumns& SlubTouchColumns() {
  static const auto* const kColumns = new TouchColumns{
      {"loads", 6, [](const Touched& t) { return t.counts.loads; }},
      {"stores", 7, [](const Touched& t) { return t.counts.stores; }},
      {"cmpxchg", 9, [](const Touched& t) { return t.counts.local_cmpxchgs; }},
      {"atomics", 8, [](const Touched& t) { return t.counts.atomics; }},
      {"lines", 6, [](const Touched& t) { return t.lines; }},
      {"locks", 6, [](const Touched& t) { return t.counts.lock_acquisitions; }},
      {"irqs", 6, [](const Touched& t) { return t.counts.irq_toggles; }},
  };
  return *kColumns;
}

std::string TouchHeader(const TouchColumns& columns) {
  std::string header = fmt::format("{:<42}", "# operation");
  for (const TouchColumn& column : columns) {
    header += fmt::format("{:>{}}", column.title, column.width);
  }
  return header + "\n";
}

std::string MeasureTouches(AllocatorMachine& machine, const TouchColumns& columns,
                           std::string_view title, std::string_view path, int cpu,
                           const std::function<Task<PathId>(Cpu&)>& operation) {
  LineCounter counter;
  PathId went = 0;
  Touched touched;
  machine.Run(cpu, [&](Cpu& on) -> Task<void> {
    on.set_observer(&counter);
    on.CountTouches();
    went = co_await operation(on);
    touched.counts = on.counts();
    on.set_observer(nullptr);
  });
  touched.lines = counter.lines();
  touched.object_lines = counter.object_lines();
  EXPECT_EQ(machine.Path(went), path) << title;
  machine.allocator().CheckInvariants();
  std::string line = fmt::format("{:<42}", title);
  for (const TouchColumn& column : columns) {
    line += fmt::format("{:>{}}", column.value(touched), column.width);
  }
  return line + "\n";
}

}  // namespace slablab
