// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// A program that does nothing but touch memory, the same way each time, to be run under valgrind.
// It has no C library, so that nothing else runs, and a stack of its own: the system's would start
// at an address that depends on the environment. With STRADDLE some accesses lie on two lines;
// without, none does, and no instruction either.

#include <cstdint>

#ifndef STRADDLE
asm(".bundle_align_mode 6");
#endif

namespace {

constexpr uint32_t kBytes = 1 << 20;
alignas(4096) volatile unsigned char memory[kBytes];
uint64_t state = 1;

// Knuth's MMIX multiplier; the high bits are the good ones.
inline uint32_t Random(uint32_t bound) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<uint32_t>((state >> 33) % bound);
}

inline volatile uint64_t* WordAt(uint32_t offset) {
  return reinterpret_cast<volatile uint64_t*>(memory + offset);
}
inline void Read(uint32_t offset) { static_cast<void>(*WordAt(offset)); }
inline void Write(uint32_t offset, uint64_t value) { *WordAt(offset) = value; }

// A loop over `bytes`, `times` times: hits if it fits.
void Loop(uint32_t bytes, uint32_t step, uint32_t times) {
  for (uint32_t round = 0; round < times; ++round) {
    for (uint32_t at = 0; at < bytes; at += step) Read(at);
  }
}

// Steps that fall into few sets.
void Strided(uint32_t stride, uint32_t count) {
  uint32_t at = 0;
  for (uint32_t i = 0; i < count; ++i) {
    Write(at, i);
    at = (at + stride) % (kBytes - 64) & ~7u;
  }
}

// Reads, writes and both, most of them near the beginning.
void Scattered(uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t range = Random(4) == 0 ? kBytes : 24 << 10;
    const uint32_t at = Random(range - 64) & ~7u;
    switch (Random(3)) {
      case 0:
        Read(at);
        break;
      case 1:
        Write(at, i);
        break;
      default:
        Write(at, *WordAt(at) + i);
        break;
    }
#ifdef STRADDLE
    if (i % 3 == 0) Write((at & ~63u) + 57 + i % 7, i);
    if (i % 5 == 0) Read((at & ~63u) + 61);
#endif
  }
}

}  // namespace

extern "C" {
alignas(64) unsigned char own_stack[4096];

void Run() {
  Loop(20 << 10, 8, 4);
  Strided(4096 + 64, 8000);
  Scattered(20000);
  Loop(100 << 10, 64, 6);
  Strided(64 * 129, 8000);
  Scattered(10000);
}
}

asm(".globl _start\n"
    "_start:\n"
    "  leaq own_stack+4096(%rip), %rsp\n"
    "  call Run\n"
    "  movl $60, %eax\n"  // exit(0)
    "  xorl %edi, %edi\n"
    "  syscall\n");
