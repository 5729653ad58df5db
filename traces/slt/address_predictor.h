// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SLT_ADDRESS_PREDICTOR_H_
#define SLABLAB_TRACES_SLT_ADDRESS_PREDICTOR_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "traces/event.h"

// Guesses where a new object will be: kernel allocators hand out what was freed last. One short
// stack of freed addresses for each (CPU, class of object); the encoder asks where on it an address
// stands, the decoder takes the address that stands there. Part of the .slt format: both sides must
// see the same calls in the same order.

namespace slablab::slt {

// Objects of a class share free lists: those of one cache, or of one size.
using AddressClass = uint16_t;
inline constexpr AddressClass kNoClass = 0xffff;

class AddressPredictor {
 public:
  static constexpr uint8_t kDepth = 8;
  static constexpr uint8_t kMiss = 255;

  // The addresses of one (CPU, class).
  class Stack {
   public:
    uint8_t size() const { return size_; }
    // The address that a miss is given as the difference to.
    uint64_t last() const { return last_; }

    // Where `address` stands from the top, or kMiss.
    uint8_t Find(uint64_t address) const {
      for (uint8_t slot = 0; slot < size_; ++slot) {
        if (At(slot) == address) return slot;
      }
      return kMiss;
    }

    // Removes and answers the address at `slot`. REQUIRES: slot < size().
    uint64_t Take(uint8_t slot) {
      const uint64_t address = At(slot);
      for (; slot > 0; --slot) At(slot) = At(slot - 1);
      --top_;
      --size_;
      last_ = address;
      return address;
    }

    void Miss(uint64_t address) { last_ = address; }

    // A full stack forgets the oldest.
    void Push(uint64_t address) {
      ++top_;
      size_ = std::min<uint8_t>(size_ + 1, kDepth);
      At(0) = address;
    }

   private:
    uint64_t& At(uint8_t slot) { return addresses_[IndexOf(slot)]; }
    uint64_t At(uint8_t slot) const { return addresses_[IndexOf(slot)]; }
    // top_ wraps as a byte does, of which kDepth is a divisor.
    size_t IndexOf(uint8_t slot) const { return static_cast<uint8_t>(top_ - slot) % kDepth; }

    uint64_t addresses_[kDepth] = {};
    uint64_t last_ = 0;
    uint8_t top_ = 0;  // wraps
    uint8_t size_ = 0;
  };

  // Forgets everything. Where there are more than 4096 (CPU, class) pairs, some share a stack.
  void Reset(size_t cpus, size_t classes) {
    classes_ = classes;
    size_t stacks = 1;
    while (stacks < cpus * classes && stacks < kStacksMax) stacks *= 2;
    stacks_.assign(stacks, Stack());
  }

  Stack& Of(size_t cpu_slot, AddressClass address_class) {
    return stacks_[(cpu_slot * classes_ + address_class) & (stacks_.size() - 1)];
  }

 private:
  static constexpr size_t kStacksMax = 4096;

  size_t classes_ = 1;
  std::vector<Stack> stacks_;
};

// Numbers the classes of a block's shapes. (*classes)[i] is the class that shape i allocates from,
// or, for a free that tells its class by itself, the class it frees to if some shape allocates from
// that; else kNoClass. Answers how many there are, at least 1.
size_t AssignAddressClasses(const std::vector<Event>& shapes, std::vector<AddressClass>* classes);

}  // namespace slablab::slt

#endif  // SLABLAB_TRACES_SLT_ADDRESS_PREDICTOR_H_
