// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_KNOWN_CACHES_H_
#define SLABLAB_ALLOCATORS_KNOWN_CACHES_H_

#include <cstdint>
#include <string_view>

// What caches by these names are created with, as the sources of Linux 6.1 to 7.3 have it: for
// recordings beside which no /sys/kernel/slab stood, and for what does not stand there.

namespace slablab {

// SLAB_TYPESAFE_BY_RCU in a kernel of that release ("6.1.192"); false too where the release is not
// known or earlier than 6.1, or the cache is not.
bool IsKnownTypesafeByRcu(std::string_view cache, std::string_view release);

// SLAB_ACCOUNT, which no file of the kernel's says. Not kmalloc's own.
bool IsKnownAccounted(std::string_view cache);

// kmem_cache_args.sheaf_capacity from Linux 6.18 on (lib/maple_tree.c, mm/vma_init.c); 0: none.
uint32_t KnownSheafCapacity(std::string_view cache);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_KNOWN_CACHES_H_
