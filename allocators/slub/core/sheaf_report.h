// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_SHEAF_REPORT_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_SHEAF_REPORT_H_

#include <vector>

#include "allocators/allocator.h"
#include "allocators/cache_contents.h"

namespace slablab {

// What a cache's sheaves hold now, as figures beside those of sysfs, which says nothing of it: by
// CPU the objects in main, spare and rcu_free sheaves, by node the barn's sheaves and the objects
// in them. Nothing for a cache without sheaves.
std::vector<Figure> SheafFigures(const CacheContents& contents);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_SHEAF_REPORT_H_
