// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_MODEL_KERNEL_H_
#define SLABLAB_ALLOCATORS_MODEL_KERNEL_H_

#include <optional>
#include <string>
#include <string_view>

namespace slablab {

// The kernel that a model is of: 6.1, or 2.6.36 with patches that were posted and never merged.
struct ModelKernel {
  int version = 0;
  int patchlevel = 0;
  int sublevel = -1;              // -1: of any; 2.6.36 and 2.6.37 are as far apart as 6.1 and 6.2
  std::string_view patches = {};  // "SLUB+Q V3"
};

inline constexpr ModelKernel kLinux61 = {.version = 6, .patchlevel = 1};
inline constexpr ModelKernel kLinux2636 = {.version = 2, .patchlevel = 6, .sublevel = 36};

// "Linux 6.1", "Linux 2.6.36 + SLUB+Q V3".
std::string KernelName(const ModelKernel& kernel);

// The first of the two is of an earlier kernel. Patches do not count.
bool IsEarlier(const ModelKernel& kernel, const ModelKernel& than);

// Whether a release as uname has it ("6.1.192-generic") is of that kernel's series. Patches do not
// count.
bool IsOfSeries(const ModelKernel& kernel, std::string_view release);

// The kernel of a release as uname has it, with its sublevel; nullopt: it names none.
std::optional<ModelKernel> KernelOfRelease(std::string_view release);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_MODEL_KERNEL_H_
