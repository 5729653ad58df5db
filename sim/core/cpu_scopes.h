// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_CPU_SCOPES_H_
#define SLABLAB_SIM_CORE_CPU_SCOPES_H_

#include "sim/core/cpu.h"

// To whose account what a CPU does is, for a block; and where it stops.

namespace slablab {

// Sets the site for a block and restores it. Interrupts have sites of their own.
class SiteScope {
 public:
  SiteScope(Cpu& cpu, Site site) : cpu_(cpu), before_(cpu.site()) { cpu.set_site(site); }
  ~SiteScope() { cpu_.set_site(before_); }
  SiteScope(const SiteScope&) = delete;

 private:
  Cpu& cpu_;
  Site before_;
};

// Says for a block in whose time it runs. Interrupts have parts of their own.
class PartScope {
 public:
  PartScope(Cpu& cpu, Part part) : cpu_(cpu), before_(cpu.part()) { cpu.set_part(part); }
  ~PartScope() { cpu_.set_part(before_); }
  PartScope(const PartScope&) = delete;

 private:
  Cpu& cpu_;
  Part before_;
};

class Cpu::ParkPoint {
 public:
  explicit ParkPoint(Cpu& cpu) : cpu_(cpu) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> point) noexcept {
    cpu_.Suspend(point, State::kParked);
  }
  void await_resume() const noexcept {}

 private:
  Cpu& cpu_;
};

inline Cpu::ParkPoint Cpu::Park() { return ParkPoint(*this); }

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_CPU_SCOPES_H_
