// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_WORKLOADS_NOTING_SLUB_H_
#define SLABLAB_TESTS_WORKLOADS_NOTING_SLUB_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "allocators/allocator.h"
#include "sim/machine.h"

namespace slablab {

// By CPU: +bytes for each kmalloc and -bytes for the object's kfree, in the order in which they
// began. Objects of sizes of their own are told apart by them.
using KmallocNotes = std::map<int, std::vector<int64_t>>;

// SLUB that notes down what it is asked for. `notes` must outlive it.
std::unique_ptr<Allocator> MakeNotingSlub(Machine& machine, KmallocNotes* notes);

}  // namespace slablab

#endif  // SLABLAB_TESTS_WORKLOADS_NOTING_SLUB_H_
