// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_SIM_CACHE_COHERENCE_REFERENCE_H_
#define SLABLAB_TESTS_SIM_CACHE_COHERENCE_REFERENCE_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/types.h"
#include "sim/cache/memory.h"
#include "sim/machine/machine_config.h"

namespace slablab {

// The coherence protocol once more, as the textbook has it and without any thought of speed: every
// core snoops every access (Hennessy and Patterson, "Computer Architecture", section 5.2, figures
// 5.5 to 5.7, with the Exclusive state of its "Extensions to the Basic Coherence Protocol"). No
// directory: each cache is a list of lines, most recently used first, and each core has a state
// for each line it holds.
//
// In the table, "others" are the other cores and the LLCs of other domains:
//
//   own state  access  others            bus transaction       own state after  theirs
//   M          read    -                 -                     M
//   M          write   -                 -                     M
//   E          read    -                 -                     E
//   E          write   -                 -                     M
//   S          read    -                 -                     S
//   S          write   any               invalidate            M                I
//   I          read    one has it M      read, it writes back  S                S
//   I          read    one has it E      read                  S                S
//   I          read    some have it S    read                  S                S
//   I          read    none has it       read                  E
//   I          write   any               read to own           M                I (M writes back)
class SnoopingReference {
 public:
  using State = Memory::State;
  struct Answer {
    uint64_t cycles = 0;
    Outcome outcome = Outcome::kL1;
    friend bool operator==(const Answer&, const Answer&) = default;
  };

  explicit SnoopingReference(const MachineConfig& config)
      : config_(config), cores_(Count(config.core_count)), llcs_(Count(config.domain_count)) {
    for (const CpuPlace& cpu : config.cpus) {
      cores_[cpu.core.index()].place = cpu;
      llcs_[cpu.domain.index()].node = cpu.node;
    }
  }

  Answer Touch(size_t core, uint64_t line, Access access) {
    Core& self = cores_[core];
    const State state = StateOf(core, line);
    if (state == State::kInvalid) return Miss(core, line, access);
    Answer answer = HitPrivate(self, line);
    if (access == Access::kRead) return answer;
    if (state == State::kShared) {
      answer = InvalidateOthers(core, line);
      const bool far = answer.outcome != Outcome::kTransferDomain;
      answer.outcome = far ? Outcome::kUpgradeRemote : Outcome::kUpgrade;
      answer.cycles = std::max(answer.cycles, config_.llc_hit_cycles);
    }
    Modify(self, line);
    return answer;
  }

  State StateOf(size_t core, uint64_t line) const {
    const Core& at = cores_[core];
    if (at.modified.contains(line)) return State::kModified;
    if (at.exclusive.contains(line)) return State::kExclusive;
    return at.shared.contains(line) ? State::kShared : State::kInvalid;
  }
  bool LlcHolds(size_t domain, uint64_t line) const { return Has(llcs_[domain].lines, line); }
  uint64_t writebacks() const { return writebacks_; }

  // Everything that decides how the future goes, as a string.
  std::string Snapshot() const {
    std::string text;
    for (const Core& core : cores_) {
      Append(core.l1, &text);
      Append(core.l2, &text);
      Append({core.modified.begin(), core.modified.end()}, &text);
      Append({core.exclusive.begin(), core.exclusive.end()}, &text);
    }
    for (const Llc& llc : llcs_) {
      Append(llc.lines, &text);
      Append({llc.dirty.begin(), llc.dirty.end()}, &text);
    }
    return text;
  }

 private:
  using Lines = std::vector<uint64_t>;  // most recently used first
  struct Core {
    CpuPlace place;
    Lines l1;
    Lines l2;
    std::set<uint64_t> modified;
    std::set<uint64_t> exclusive;
    std::set<uint64_t> shared;
  };
  struct Llc {
    NodeId node;
    Lines lines;
    std::set<uint64_t> dirty;
  };

  static size_t Count(int n) { return static_cast<size_t>(n); }
  static bool Has(const Lines& lines, uint64_t line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  }
  static void Erase(Lines* lines, uint64_t line) {
    lines->erase(std::remove(lines->begin(), lines->end(), line), lines->end());
  }
  static void Append(const Lines& lines, std::string* text) {
    for (uint64_t line : lines) *text += static_cast<char>('a' + line % 64);
    *text += '|';
  }
  // Makes `line` the most recently used. Answers what fell out of its set, if anything.
  static std::optional<uint64_t> Use(const CacheGeometry& geometry, Lines* lines, uint64_t line) {
    Erase(lines, line);
    const uint64_t set = line % geometry.sets();
    int others = 0;
    std::optional<uint64_t> oldest;
    for (uint64_t other : *lines) {
      if (other % geometry.sets() != set) continue;
      ++others;
      oldest = other;
    }
    lines->insert(lines->begin(), line);
    if (others < geometry.ways) return std::nullopt;
    Erase(lines, *oldest);
    return oldest;
  }

  void Modify(Core& self, uint64_t line) {
    self.shared.erase(line);
    self.exclusive.erase(line);
    self.modified.insert(line);
    llcs_[self.place.domain.index()].dirty.erase(line);  // overwritten: out of date
  }

  Answer HitPrivate(Core& self, uint64_t line) {
    const bool in_l1 = Has(self.l1, line);
    Use(config_.l1, &self.l1, line);
    if (in_l1) return {config_.l1_hit_cycles, Outcome::kL1};
    Use(config_.l2, &self.l2, line);
    return {config_.l2_hit_cycles, Outcome::kL2};
  }

  Answer Miss(size_t core, uint64_t line, Access access) {
    Core& self = cores_[core];
    Answer answer = Fetch(core, line);
    FillLlc(self.place.domain.index(), line);
    if (access == Access::kWrite) {
      const Answer farthest = InvalidateOthers(core, line);
      if (farthest.cycles > answer.cycles) answer = farthest;
      Modify(self, line);
    } else if (OthersHave(core, line)) {
      self.shared.insert(line);
    } else {
      self.exclusive.insert(line);
    }
    FillPrivate(core, line);
    return answer;
  }

  // Who answers a miss: the one that may differ from memory, else the nearest that is a memory.
  Answer Fetch(size_t core, uint64_t line) {
    const Core& self = cores_[core];
    for (size_t other = 0; other < cores_.size(); ++other) {
      const State state = StateOf(other, line);
      if (state != State::kModified && state != State::kExclusive) continue;
      Core& owner = cores_[other];
      Llc& behind = llcs_[owner.place.domain.index()];
      if (state == State::kModified || behind.dirty.contains(line)) ++writebacks_;
      behind.dirty.erase(line);
      owner.modified.erase(line);
      owner.exclusive.erase(line);
      owner.shared.insert(line);
      return Transfer(self, owner.place.domain, owner.place.node);
    }
    const size_t domain = self.place.domain.index();
    if (LlcHolds(domain, line)) return {config_.llc_hit_cycles, Outcome::kLlc};
    for (Llc& llc : llcs_) {
      if (!llc.dirty.contains(line)) continue;
      llc.dirty.erase(line);
      ++writebacks_;
      return TransferFromNode(self, llc.node);
    }
    size_t home = 0;
    while (line / kLinesPerPage >= config_.memory[home].first_frame + config_.memory[home].frames) {
      ++home;
    }
    return {config_.dram_cycles[self.place.node.index()][home],
            home == self.place.node.index() ? Outcome::kDramLocal : Outcome::kDramRemote};
  }

  Answer Transfer(const Core& to, DomainId domain, NodeId node) const {
    if (domain == to.place.domain) {
      return {config_.transfer_domain_cycles, Outcome::kTransferDomain};
    }
    return TransferFromNode(to, node);
  }
  Answer TransferFromNode(const Core& to, NodeId node) const {
    return {config_.transfer_cycles[to.place.node.index()][node.index()],
            node == to.place.node ? Outcome::kTransferNode : Outcome::kTransferRemote};
  }

  bool OthersHave(size_t core, uint64_t line) const {
    for (size_t other = 0; other < cores_.size(); ++other) {
      if (other != core && StateOf(other, line) != State::kInvalid) return true;
    }
    for (size_t domain = 0; domain < llcs_.size(); ++domain) {
      if (domain != cores_[core].place.domain.index() && LlcHolds(domain, line)) return true;
    }
    return false;
  }

  // Answers the transfer that the farthest of the copies would have been.
  Answer InvalidateOthers(size_t core, uint64_t line) {
    const Core& self = cores_[core];
    Answer farthest = {0, Outcome::kTransferDomain};
    for (size_t other = 0; other < cores_.size(); ++other) {
      if (other == core || StateOf(other, line) == State::kInvalid) continue;
      Core& holder = cores_[other];
      const Answer answer = Transfer(self, holder.place.domain, holder.place.node);
      if (answer.cycles > farthest.cycles) farthest = answer;
      holder.shared.erase(line);  // Fetch has made an owner a sharer.
      Erase(&holder.l1, line);
      Erase(&holder.l2, line);
    }
    for (size_t domain = 0; domain < llcs_.size(); ++domain) {
      if (domain == self.place.domain.index() || !LlcHolds(domain, line)) continue;
      const Answer answer = TransferFromNode(self, llcs_[domain].node);
      if (answer.cycles > farthest.cycles) farthest = answer;
      Erase(&llcs_[domain].lines, line);
    }
    return farthest;
  }

  void FillLlc(size_t domain, uint64_t line) {
    if (!config_.llc.present()) return;
    const std::optional<uint64_t> victim = Use(config_.llc, &llcs_[domain].lines, line);
    if (victim && llcs_[domain].dirty.erase(*victim) != 0) ++writebacks_;
  }

  void FillPrivate(size_t core, uint64_t line) {
    Core& self = cores_[core];
    std::optional<uint64_t> victim;
    if (config_.l2.present()) {
      victim = Use(config_.l2, &self.l2, line);
      if (victim) Erase(&self.l1, *victim);  // L2 includes L1.
      Use(config_.l1, &self.l1, line);
    } else {
      victim = Use(config_.l1, &self.l1, line);
    }
    if (!victim) return;
    self.shared.erase(*victim);
    self.exclusive.erase(*victim);
    if (self.modified.erase(*victim) == 0) return;
    Llc& llc = llcs_[self.place.domain.index()];
    if (Has(llc.lines, *victim)) {
      llc.dirty.insert(*victim);
    } else {
      ++writebacks_;
    }
  }

  const MachineConfig config_;
  std::vector<Core> cores_;
  std::vector<Llc> llcs_;
  uint64_t writebacks_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_SIM_CACHE_COHERENCE_REFERENCE_H_
