// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MACHINE_H_
#define SLABLAB_SIM_MACHINE_H_

#include <memory>

#include "sim/core/hardware.h"
#include "sim/core/rcu.h"
#include "sim/machine/machine_config.h"
#include "sim/pages/page_allocator.h"

namespace slablab {

class BuddyAllocator;
class TickRcu;

// A whole machine, switched on: the hardware and its page frames. One simulation.
class Machine : public Hardware {
 public:
  explicit Machine(const MachineConfig& config);
  ~Machine();

  PageAllocator& pages() { return *pages_; }
  // What stands behind pages(): for reports, hotplug and tests.
  BuddyAllocator& buddy() { return *buddy_; }
  const BuddyAllocator& buddy() const { return *buddy_; }
  // For tests: puts `pages` before the machine's own, which it may call. Not owned.
  void set_pages(PageAllocator* pages) { pages_ = pages; }

  // What calls models back when a grace period has ended.
  Rcu& rcu();
  // The same if it has been asked for before; else null.
  Rcu* rcu_in_use() const { return rcu_; }
  // Puts `rcu` in the place of the machine's own. Not owned. Before anything runs.
  void set_rcu(Rcu* rcu) { rcu_ = rcu; }
  // The machine's own, which is there from the first time that it is asked for.
  TickRcu& own_rcu();

 private:
  std::unique_ptr<BuddyAllocator> buddy_;
  PageAllocator* pages_;
  std::unique_ptr<TickRcu> own_rcu_;
  Rcu* rcu_ = nullptr;  // the one in use
};

}  // namespace slablab

#endif  // SLABLAB_SIM_MACHINE_H_
