// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <bit>

#include "allocators/percpu/map.h"
#include "base/check.h"

namespace slablab {

void PercpuMetadata::Touch(Cpu& cpu, uint64_t at, uint64_t bytes, Access access) const {
  while (bytes > 0) {
    const uint64_t in_page = std::min(bytes, kPageSize - at % kPageSize);
    const PhysAddr address = pages_[at / kPageSize] + at % kPageSize;
    cpu.TouchRange({address, Structure::kPercpuMap}, in_page, access);
    at += in_page;
    bytes -= in_page;
  }
}

void PercpuBitmap::Charge(Cpu& cpu, int first, int last, Access access) const {
  const uint64_t begin = at_ + Index(first) * 8;
  metadata_.Touch(cpu, begin, at_ + Index(last) * 8 + 8 - begin, access);
}

int PercpuBitmap::Find(int from, int end, uint64_t flip) const {
  if (from >= end) return end;
  size_t index = Index(from);
  uint64_t word = (words_[index] ^ flip) & (~uint64_t{0} << (from % 64));
  while (word == 0) {
    if (static_cast<int>(++index * 64) >= end) return end;
    word = words_[index] ^ flip;
  }
  return std::min(end, static_cast<int>(index * 64) + std::countr_zero(word));
}

int PercpuBitmap::Next(Cpu& cpu, int from, int end, uint64_t flip) const {
  if (from >= end) return end;
  const int found = Find(from, end, flip);
  Charge(cpu, from, std::min(found, end - 1), Access::kRead);
  return found;
}

int PercpuBitmap::LastSet(Cpu& cpu, int begin, int end) const {
  for (int bit = end; bit > begin;) {
    const int word_start = (bit - 1) / 64 * 64;
    Charge(cpu, word_start, word_start, Access::kRead);
    uint64_t word = words_[Index(word_start)];
    if (bit - word_start < 64) word &= (uint64_t{1} << (bit - word_start)) - 1;
    if (word != 0) return word_start + 63 - std::countl_zero(word);
    bit = word_start;
  }
  return end;
}

void PercpuBitmap::Fill(Cpu& cpu, int from, int bits, bool value) {
  if (bits <= 0) return;
  const int end = from + bits;
  for (int bit = from; bit < end;) {
    const int in_word = std::min(end - bit, 64 - bit % 64);
    const uint64_t ones = in_word == 64 ? ~uint64_t{0} : (uint64_t{1} << in_word) - 1;
    uint64_t& word = words_[Index(bit)];
    word = value ? word | ones << (bit % 64) : word & ~(ones << (bit % 64));
    bit += in_word;
  }
  Charge(cpu, from, end - 1, Access::kWrite);
}

bool PercpuBitmap::Test(Cpu& cpu, int bit) const {
  Charge(cpu, bit, bit, Access::kRead);
  return Peek(bit);
}

}  // namespace slablab
