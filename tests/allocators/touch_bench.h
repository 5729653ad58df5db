// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_TOUCH_BENCH_H_
#define SLABLAB_TESTS_ALLOCATORS_TOUCH_BENCH_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/allocators/allocator_machine.h"
#include "tests/allocators/free_pages.h"

// What each path of a model touches, as the lines of a table that is kept as a golden file: a
// change there is a change to the model, and wants a reason.

namespace slablab {

// What one operation did.
struct Touched {
  OpCounts counts;
  uint64_t lines = 0;
  uint64_t object_lines = 0;  // of these, in objects
};

// A column of the table, right-justified.
struct TouchColumn {
  std::string_view title;
  int width = 0;
  uint64_t (*value)(const Touched& touched);
};
using TouchColumns = std::vector<TouchColumn>;

// Of every SLUB that has a cmpxchg on its own CPU's words.
const TouchColumns& SlubTouchColumns();

std::string TouchHeader(const TouchColumns& columns);

// Runs one operation on `cpu`, which answers which way it went, expects that to be `path`, and
// answers its line of the table.
std::string MeasureTouches(AllocatorMachine& machine, const TouchColumns& columns,
                           std::string_view title, std::string_view path, int cpu,
                           const std::function<Task<PathId>(Cpu&)>& operation);

// A machine whose pages come from an allocator that touches nothing, and a cache x on it, whose
// operations are measured one by one.
template <typename TheMachine>
class TouchBench {
 public:
  template <typename... Arguments>
  explicit TouchBench(const TouchColumns& columns, const Arguments&... arguments)
      : columns_(columns), m_(arguments...), pages_(m_.machine()) {
    m_.machine().set_pages(&pages_);
  }

  TheMachine& m() { return m_; }
  FreePages& pages() { return pages_; }
  CacheId x() const { return x_; }

  std::string MeasureAlloc(std::string_view title, std::string_view path, int cpu,
                           NodeId node = kAnyNode) {
    return Measure(title, path, cpu, [this, node](Cpu& on) -> Task<PathId> {
      const Placement placement = co_await m_.model().Alloc(on, x_, kGfpKernel, node);
      co_return placement.path;
    });
  }
  std::string MeasureFree(std::string_view title, std::string_view path, int cpu, PhysAddr object) {
    return Measure(title, path, cpu,
                   [this, object](Cpu& on) { return m_.model().Free(on, x_, object); });
  }
  // On CPU 0: a block, and the free of the block that came last.
  std::string MeasureKmalloc(std::string_view title, std::string_view path, uint64_t bytes) {
    return Measure(title, path, 0, [this, bytes](Cpu& on) -> Task<PathId> {
      const Placement placement = co_await m_.model().Kmalloc(on, bytes, kGfpKernel, kAnyNode);
      block_ = placement.object;
      co_return placement.path;
    });
  }
  std::string MeasureKfree(std::string_view title, std::string_view path) {
    return Measure(title, path, 0, [this](Cpu& on) { return m_.model().Kfree(on, block_); });
  }

 protected:
  // Measures `x` from now on. First there come to be blocks for later, of so many objects, so that
  // none comes from the page allocator itself.
  void Use(CacheId x, int objects) {
    x_ = x;
    std::vector<PhysAddr> all;
    for (int i = 0; i < objects; ++i) all.push_back(m_.Alloc(0, x, NodeId(i % 2)));
    m_.FreeAll(0, x, all);
    m_.Shrink(0, x);
  }

 private:
  std::string Measure(std::string_view title, std::string_view path, int cpu,
                      const std::function<Task<PathId>(Cpu&)>& operation) {
    return MeasureTouches(m_, columns_, title, path, cpu, operation);
  }

  const TouchColumns& columns_;
  TheMachine m_;
  FreePages pages_;
  CacheId x_;
  PhysAddr block_;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_TOUCH_BENCH_H_
