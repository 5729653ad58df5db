// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_OBSERVED_SLOWEST_H_
#define SLABLAB_WORKLOADS_OBSERVED_SLOWEST_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "allocators/allocator.h"
#include "sim/core/operation_tally.h"
#include "workloads/observer.h"

namespace slablab {

// Keeps the operations of a run that took longest, with what each of them spent. Of those that took
// as long, the one that began first is slower, then that of the lower CPU. An operation that is not
// among them costs one comparison, where it ends; none allocates memory.
//
// REQUIRES: the machine tallies operations (Scheduler::TallyOperations).
class SlowestOperations : public OperationObserver {
 public:
  struct Options {
    size_t count = 100;  // so many; > 0
    // Those that begin in [from, to), since the run did.
    Nanos from = 0;
    Nanos to = std::numeric_limits<Nanos>::max();
  };
  struct Entry {
    OperationEnd operation;
    CacheId cache = kNoCache;  // as far as it is known when the operation has ended
    OperationTally tally;
  };

  // `next` sees everything, too; null: nobody does.
  SlowestOperations(const Options& options, OperationObserver* next);

  void OnBegin(const Machine& machine, const Allocator& allocator) override;
  void OnNames(const OperationNames& names) override {
    if (next_ != nullptr) next_->OnNames(names);
  }
  void OnOperation(const OperationEnd& operation) override;

  // When the operation began, since the run did.
  Nanos StartOf(const OperationEnd& operation) const {
    return (operation.start - std::min(operation.start, begin_)) * 1000 / clock_mhz_;
  }
  // The slowest first.
  std::vector<const Entry*> InOrder() const;

 private:
  struct Key {
    Cycles cycles = 0;
    Cycles start = 0;
    int32_t cpu = 0;
    uint64_t event = 0;
    uint32_t entry = 0;  // into entries_

    bool IsSlowerThan(const Key& other) const;
  };
  void Keep(const OperationEnd& operation, Key key);

  const Options options_;
  OperationObserver* const next_;
  const Machine* machine_ = nullptr;
  const Allocator* allocator_ = nullptr;
  Cycles begin_ = 0;  // of the run, by the machine's clock
  uint64_t clock_mhz_ = 1;
  std::vector<Key> heap_;  // the least slow first
  std::vector<Entry> entries_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_OBSERVED_SLOWEST_H_
