// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/allocators/policy_program.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "base/digest.h"
#include "base/random.h"
#include "tests/allocators/allocator_machine.h"
#include "tests/sim/script.h"
#include "workloads/auditor.h"

namespace slablab {
namespace {

constexpr int kCpus = 4;
constexpr int kPhases = 4;
constexpr Cycles kBetween = 150;  // operations on average
constexpr uint64_t kProgramStream = 77;

class Program {
 public:
  Program(AllocatorMachine& machine, int operations)
      : m_(machine),
        auditor_(machine.machine()),
        random_(1, kProgramStream),
        operations_(operations) {}

  PolicyProgramResult Run() {
    CreateCaches();
    for (int phase = 0; phase < kPhases; ++phase) {
      RunPhase();
      m_.allocator().CheckInvariants();
      // The last CPU leaves between phases, and comes back.
      if (phase % 2 == 0) {
        m_.TakeOffLine(kCpus - 1);
      } else {
        m_.BringOnLine(kCpus - 1);
      }
      is_whole_ = phase % 2 == 1;
      m_.allocator().CheckInvariants();
    }
    End();
    PolicyProgramResult result;
    if (auditor_.violations() > 0) result.wrong = auditor_.first_violation();
    if (auditor_.live_objects() > 0) result.wrong = "objects are left";
    result.digest = digest_.value();
    return result;
  }

 private:
  struct Object {
    PhysAddr at;
    uint64_t bytes = 0;
    CacheId cache = kNoCache;  // kmalloc's
  };

  void CreateCaches() {
    const CacheSpec specs[] = {
        {.name = "small", .object_size = 64, .no_merge = true},
        {.name = "made", .object_size = 600, .has_constructor = true, .no_merge = true},
        {.name = "asking", .object_size = 256, .no_merge = true, .sheaf_capacity = 10},
        {.name = "whole", .object_size = 4096, .reclaim_account = true, .no_merge = true},
    };
    for (const CacheSpec& spec : specs) caches_.push_back(*m_.Create(spec));
  }

  void RunPhase() {
    Script script;
    Cycles time = m_.machine().scheduler().now();
    const int cpus = is_whole_ ? kCpus : kCpus - 1;
    for (int i = 0; i < operations_ / kPhases; ++i) {
      time += random_.Below(2 * kBetween);
      const auto priority = random_.Below(8) == 0 ? Priority::kHardirq : Priority::kTask;
      const uint64_t choice = random_.Next();
      script.At(time, static_cast<int>(random_.Below(static_cast<uint64_t>(cpus))), priority,
                [this, choice, priority](Cpu& cpu) {
                  return Operate(cpu, choice, priority == Priority::kHardirq);
                });
    }
    script.Run(m_.machine().scheduler());
    Note();
  }

  Task<void> Operate(Cpu& cpu, uint64_t choice, bool in_interrupt) {
    const CacheId cache = caches_[choice / 100 % caches_.size()];
    const Gfp gfp = in_interrupt ? kGfpAtomic : kGfpKernel;
    const uint64_t kind = choice % 100;
    if (kind < 40) {
      const NodeId node = kind < 6 ? NodeId(static_cast<int32_t>(kind % 2)) : kAnyNode;
      co_await Alloc(cpu, cache, gfp, node);
    } else if (kind < 72) {
      co_await FreeAny(cpu, choice / 1000, /*by_rcu=*/kind >= 70 && !in_interrupt);
    } else if (kind < 84) {
      co_await Kmalloc(cpu, 8 + choice / 1000 % 9000, gfp);
    } else if (kind < 90) {
      co_await AllocMany(cpu, cache, gfp, 1 + choice / 1000 % 45);
    } else if (kind < 96) {
      co_await FreeMany(cpu, cache);
    } else if (in_interrupt) {
      co_return;
    } else if (kind < 98) {
      co_await UseSheaf(cpu, cache, 1 + static_cast<uint32_t>(choice / 1000 % 70));
    } else {
      co_await m_.allocator().Shrink(cpu, cache);
    }
  }

  void Take(PhysAddr at, uint64_t bytes, CacheId cache) {
    digest_.Add(at.value());
    if (at.is_null()) return;
    auditor_.OnAlloc({.object = at, .bytes = bytes});
    live_.push_back({.at = at, .bytes = bytes, .cache = cache});
  }
  Object Let(size_t index) {
    const Object object = live_[index];
    live_[index] = live_.back();
    live_.pop_back();
    auditor_.OnFree(object.at, object.bytes);
    return object;
  }
  uint64_t BytesOf(CacheId cache) const { return m_.allocator().Layout(cache).object_size; }

  Task<void> Alloc(Cpu& cpu, CacheId cache, Gfp gfp, NodeId node) {
    const Placement placement = co_await m_.allocator().Alloc(cpu, cache, gfp, node);
    Take(placement.object, BytesOf(cache), cache);
  }
  Task<void> Kmalloc(Cpu& cpu, uint64_t bytes, Gfp gfp) {
    const Placement placement = co_await m_.allocator().Kmalloc(cpu, bytes, gfp, kAnyNode);
    Take(placement.object, bytes, kNoCache);
  }
  Task<void> FreeAny(Cpu& cpu, uint64_t choice, bool by_rcu) {
    if (live_.empty()) co_return;
    const Object object = Let(choice % live_.size());
    if (by_rcu && object.bytes <= kPageSize) {
      const bool taken = co_await m_.allocator().FreeRcuSheaf(cpu, object.at);
      if (taken) co_return;
    }
    if (object.cache == kNoCache) {
      co_await m_.allocator().Kfree(cpu, object.at);
    } else {
      co_await m_.allocator().Free(cpu, object.cache, object.at);
    }
  }
  Task<void> AllocMany(Cpu& cpu, CacheId cache, Gfp gfp, size_t count) {
    std::vector<PhysAddr> objects(count);
    const size_t got = co_await m_.allocator().AllocBulk(cpu, cache, gfp, absl::MakeSpan(objects));
    for (size_t i = 0; i < got; ++i) Take(objects[i], BytesOf(cache), cache);
  }
  Task<void> FreeMany(Cpu& cpu, CacheId cache) {
    constexpr size_t kMost = 45;
    std::vector<PhysAddr> objects;
    for (size_t i = live_.size(); i > 0 && objects.size() < kMost; --i) {
      if (live_[i - 1].cache == cache) objects.push_back(Let(i - 1).at);
    }
    if (!objects.empty()) co_await m_.allocator().FreeBulk(cpu, cache, absl::MakeSpan(objects));
  }
  Task<void> UseSheaf(Cpu& cpu, CacheId cache, uint32_t size) {
    if (!m_.allocator().offers().prefilled_sheaves) co_return;
    const SheafId sheaf = co_await m_.allocator().PrefillSheaf(cpu, cache, kGfpKernel, size);
    if (sheaf == kNoSheaf) co_return;
    const Placement one = co_await m_.allocator().AllocFromSheaf(cpu, cache, kGfpKernel, sheaf);
    Take(one.object, BytesOf(cache), cache);
    co_await m_.allocator().ReturnSheaf(cpu, cache, kGfpKernel, sheaf);
  }

  void Note() {
    for (int i = 0; i < m_.allocator().cache_count(); ++i) {
      for (const auto& figures :
           {m_.allocator().Counters(CacheId(i)), m_.allocator().State(CacheId(i))}) {
        for (const Figure& figure : figures) digest_.AddString(figure.name + figure.ToString());
      }
    }
    for (int i = 0; i < kCpus; ++i) digest_.Add(m_.machine().scheduler().cpu(CpuId(i)).now());
  }

  void End() {
    while (!live_.empty()) {
      m_.Run(static_cast<int>(live_.size() % kCpus),
             [this](Cpu& cpu) { return FreeAny(cpu, 0, /*by_rcu=*/false); });
    }
    m_.allocator().CheckInvariants();
    for (const CacheId cache : caches_) m_.Destroy(cache);
    m_.allocator().CheckInvariants();
    Note();
  }

  AllocatorMachine& m_;
  Auditor auditor_;
  Random random_;
  const int operations_;
  bool is_whole_ = true;  // all CPUs are on line
  std::vector<CacheId> caches_;
  std::vector<Object> live_;
  Digest digest_;
};

}  // namespace

PolicyProgramResult RunPolicyProgram(std::string_view model,
                                     const std::vector<std::string>& policies, int operations,
                                     ProgramQuirks quirks) {
  if (const absl::Status status = CheckPolicies(model, policies); !status.ok()) {
    return {.refused = std::string(status.message()), .wrong = {}};
  }
  AllocatorMachineOptions options = {
      .cpus = kCpus, .nodes = 2, .mib_per_node = 128, .allocator = {.policies = policies}};
  if (quirks == ProgramQuirks::kPlain) options = Plain(model, options);
  AllocatorMachine machine(options, [model](Machine& on, const AllocatorOptions& allocator) {
    return std::move(*MakeAllocator(model, on, allocator));
  });
  const absl::Status booted = machine.allocator().boot_status();
  if (!booted.ok()) return {.refused = std::string(booted.message()), .wrong = {}};
  return Program(machine, operations).Run();
}

}  // namespace slablab
