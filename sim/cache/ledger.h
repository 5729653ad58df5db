// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CACHE_LEDGER_H_
#define SLABLAB_SIM_CACHE_LEDGER_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/types.h"

// Where every cycle went. Each touch of simulated memory is charged to what the line holds
// (Structure), what the code was doing (Site) and how the cache system answered (Outcome), and in
// whose time that was (Part).

namespace slablab {

// What a touched line holds.
enum class Structure : uint8_t {
  kObject,           // the user's bytes in an object
  kFreePointer,      // the link word inside a free object
  kSlabMetadata,     // struct page / struct slab
  kPerCpuArea,       // kmem_cache_cpu, array_cache, and the like
  kNode,             // kmem_cache_node and the lists in it
  kLock,             // lock words
  kCacheDescriptor,  // struct kmem_cache
  kPageAllocator,    // zones, free areas, per-CPU page lists
  kInterrupt,        // what interrupt handlers touch
  kPercpuMap,        // the percpu allocator's maps, hints and lists
  kSheaf,            // slab_sheaf: an array of pointers to free objects
  kPerCpuSheaves,    // slub_percpu_sheaves
  kBarn,             // node_barn, its lock excepted
};
inline constexpr int kStructures = 13;

// How the memory system answered a touch.
enum class Outcome : uint32_t {  // of the width that a Memory::Result has room for
  kL1,
  kL2,
  kLlc,             // last-level cache of this core's domain
  kUpgrade,         // had it shared, wanted to write; every other copy is in this domain (or none)
  kUpgradeRemote,   // the same, with copies in other domains
  kTransferDomain,  // from another core's cache in this domain
  kTransferNode,    // from another domain's cache on this node
  kTransferRemote,  // from another node's cache
  kDramLocal,
  kDramRemote,
};
inline constexpr int kOutcomes = 10;

// Cycles that are not a memory touch's latency.
enum class Cause : uint8_t {
  kInstructions,  // executing code
  kAtomic,        // what locked and unlocked read-modify-writes cost above a store
  kLockWait,      // waiting for a spinlock
  kInterrupt,     // entry, exit and work of interrupts, the handler's memory touches excluded
  kCpuWait,  // parked until another CPU has done something: an interrupt there, a mutex's owner
};
inline constexpr int kCauses = 5;

std::string_view StructureName(Structure structure);
std::string_view OutcomeName(Outcome outcome);
std::string_view CauseName(Cause cause);

// What the code is doing. The first are the machine's own; a model names its own from
// kFirstModelSite on.
enum class Site : uint8_t {
  kUse,  // the workload uses an object
  kPageAllocator,
  kInterrupt,
  kBoot,
  kKvfreeRcu,  // kvfree_rcu(), but for what the model does for it
};
inline constexpr int kFirstModelSite = 5;
inline constexpr int kMaxSites = 48;

// In whose time: what it was that had the code run. Whoever calls an allocator for anything but a
// user's operation says so. The parts of a run add up to all of it.
enum class Part : uint8_t {
  kOperation,   // a user's allocation or free, start to end
  kTimer,       // timers, and work that was put off
  kReclaim,     // memory is short, and what can be is given back
  kHotplug,     // CPUs and nodes come and go
  kTuning,      // a tunable is written
  kRemoteCall,  // an interrupt that another CPU sent
  kElsewhere,
};
inline constexpr int kParts = 7;
std::string_view PartName(Part part);

// Counts and cycles by (site, structure, outcome) and (site, cause). One per simulation.
class Ledger {
 public:
  struct Cell {
    std::array<uint64_t, kOutcomes> count{};
    std::array<uint64_t, kOutcomes> cycles{};
  };
  // Everything charged to one site. Keeps its address.
  class Account {
   public:
    // `count` touches, of so many cycles in all.
    void Charge(Structure structure, Outcome outcome, Cycles cycles, uint64_t count = 1) {
      Tally& tally = touches_[static_cast<size_t>(structure)][static_cast<size_t>(outcome)];
      tally.count += count;
      tally.cycles += cycles;
    }
    // The most frequent charge of all, of the ledger's l1_hit_cycles.
    void ChargeL1Hit(Structure structure) { ++l1_hits_[static_cast<size_t>(structure)]; }
    void Charge(Cause cause, Cycles cycles) { causes_[static_cast<size_t>(cause)] += cycles; }

   private:
    friend class Ledger;
    // Side by side, because every charge changes both.
    struct Tally {
      uint64_t count = 0;
      uint64_t cycles = 0;
    };
    std::array<std::array<Tally, kOutcomes>, kStructures> touches_{};
    std::array<uint64_t, kStructures> l1_hits_{};
    std::array<uint64_t, kCauses> causes_{};
  };

  explicit Ledger(Cycles l1_hit_cycles) : l1_hit_cycles_(l1_hit_cycles), accounts_(kParts) {}

  // Those of a part, by Site.
  using Accounts = std::array<Account, kMaxSites>;
  Accounts& accounts(Part part) { return accounts_[static_cast<size_t>(part)]; }
  Account& account(Part part, Site site) { return accounts(part)[static_cast<size_t>(site)]; }

  // Of all parts together.
  Cell cell(Site site, Structure structure) const;
  uint64_t cycles(Site site, Cause cause) const;
  // All that one part has charged to a site.
  uint64_t cycles(Part part, Site site) const;
  // Forgets everything: what came before (boot, warm-up) is not part of the run.
  void Reset() { std::fill(accounts_.begin(), accounts_.end(), Accounts()); }

 private:
  Cycles l1_hit_cycles_;
  std::vector<Accounts> accounts_;  // by Part
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CACHE_LEDGER_H_
