// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/core/lives_rows.h"

namespace slablab {

std::string LivesRefusal(const SlubLives& lives) {
  if (lives.boots_as_2010 != lives.kmallocs_descriptors) {
    return "a boot that begins with kmem_cache has its descriptors there, and one that may do "
           "without has them kmalloc'ed: boot.as-2010 and caches.descriptors-kmalloced go together";
  }
  if (lives.boots_as_2010 && (lives.kmalloc.cgroup || lives.kmalloc.reclaim)) {
    return "the kernel's image of 2010 has room for kmalloc's ordinary and DMA caches alone: "
           "boot.as-2010=yes needs kmalloc.cgroup-caches=no and kmalloc.reclaim-caches=no";
  }
  return "";
}

}  // namespace slablab
