// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/host_allocations.h"

#include <cstdlib>
#include <new>

// Every form of operator new and delete (the array forms call these).
namespace {
uint64_t allocations = 0;
uint64_t bytes_allocated = 0;

void* Counted(size_t bytes, size_t align) {
  ++allocations;
  bytes_allocated += bytes;
  return std::aligned_alloc(align, (bytes + align - 1) / align * align);
}
void* CountedOrAbort(size_t bytes, size_t align) {
  if (void* memory = Counted(bytes, align)) return memory;
  std::abort();
}
constexpr size_t kAlign = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
}  // namespace

void* operator new(size_t bytes) { return CountedOrAbort(bytes, kAlign); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return Counted(bytes, kAlign); }
void* operator new(size_t bytes, std::align_val_t align) {
  return CountedOrAbort(bytes, static_cast<size_t>(align));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace slablab {

uint64_t HostAllocations() { return allocations; }
uint64_t HostBytesAllocated() { return bytes_allocated; }

}  // namespace slablab
