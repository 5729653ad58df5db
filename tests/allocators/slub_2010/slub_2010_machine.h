// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_SLUB_2010_SLUB_2010_MACHINE_H_
#define SLABLAB_TESTS_ALLOCATORS_SLUB_2010_SLUB_2010_MACHINE_H_

#include "allocators/slub/locked_cpu_slabs/locked_cpu_slabs.h"
#include "allocators/slub/model.h"

namespace slablab {

class Slub2010 : public SlubModel<LockedCpuSlabs> {
 public:
  Slub2010(Machine& machine, const AllocatorOptions& options)
      : SlubModel(machine, options, kSlub2010) {}
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_SLUB_2010_SLUB_2010_MACHINE_H_
