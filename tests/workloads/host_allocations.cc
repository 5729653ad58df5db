// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/workloads/host_allocations.h"

#include <cstdlib>
#include <new>

namespace {
uint64_t allocations = 0;
uint64_t bytes_allocated = 0;
}  // namespace

void* operator new(size_t bytes) {
  ++allocations;
  bytes_allocated += bytes;
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace slablab {

uint64_t HostAllocations() { return allocations; }
uint64_t HostBytesAllocated() { return bytes_allocated; }

}  // namespace slablab
