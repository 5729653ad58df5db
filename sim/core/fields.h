// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_FIELDS_H_
#define SLABLAB_SIM_CORE_FIELDS_H_

#include "base/types.h"
#include "sim/cache/ledger.h"

// Fields of simulated structures. A field's type declares who may touch it, and its value is
// reachable only through a Cpu (sim/core/cpu.h), so that reading is paying: a touch cannot be
// forgotten and cannot be free. Peek() and Poke() go round the machine: for tests, audits and for
// what the machine itself sets up before it runs.

namespace slablab {

class Cpu;
class SpinLock;

// Where a field lies in simulated memory and what its line holds.
struct Place {
  PhysAddr address;
  Structure structure = Structure::kObject;
  constexpr Place operator+(uint64_t bytes) const { return {address + bytes, structure}; }
};

namespace internal {
template <typename T>
class Field {
 public:
  const T& Peek() const { return value_; }
  void Poke(const T& value) { value_ = value; }
  const Place& place() const { return place_; }

 protected:
  Field() = default;
  explicit Field(Place place, const T& value) : place_(place), value_(value) {}
  friend class ::slablab::Cpu;
  Place place_;
  T value_{};
};
}  // namespace internal

// Touched only by the CPU it belongs to (or by another once that CPU is offline). Checked.
template <typename T>
class PerCpu : public internal::Field<T> {
 public:
  PerCpu() = default;
  PerCpu(CpuId owner, Place place, const T& value = {})
      : internal::Field<T>(place, value), owner_(owner) {}

 private:
  friend class Cpu;
  CpuId owner_;
};

// Touched only by the CPU that holds the lock. Checked.
template <typename T>
class Guarded : public internal::Field<T> {
 public:
  Guarded() = default;
  Guarded(const SpinLock* lock, Place place, const T& value = {})
      : internal::Field<T>(place, value), lock_(lock) {}

 private:
  friend class Cpu;
  const SpinLock* lock_ = nullptr;
};

// A shared word without a lock: every touch is a co_await.
template <typename T>
class Racy : public internal::Field<T> {
 public:
  Racy() = default;
  explicit Racy(Place place, const T& value = {}) : internal::Field<T>(place, value) {}
};

// Written at setup, or with every other CPU kept away; read by anyone.
template <typename T>
class Settled : public internal::Field<T> {
 public:
  Settled() = default;
  explicit Settled(Place place, const T& value = {}) : internal::Field<T>(place, value) {}
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_FIELDS_H_
