// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_EXAMPLE_EXAMPLE_H_
#define SLABLAB_ALLOCATORS_EXAMPLE_EXAMPLE_H_

namespace slablab {

// Puts the model "example" into the registry, once: for tests.
void RegisterExample();

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_EXAMPLE_EXAMPLE_H_
