// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/model_kernel.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "fmt/format.h"

namespace slablab {
namespace {

// The number that `release` begins with, which is taken off with the dot behind it; -1: none.
int TakeNumber(std::string_view* release) {
  int number = -1;
  const char* const end = release->data() + release->size();
  const auto [at, error] = std::from_chars(release->data(), end, number);
  if (error != std::errc() || number < 0) return -1;
  release->remove_prefix(static_cast<size_t>(at - release->data()));
  if (!release->empty() && release->front() == '.') release->remove_prefix(1);
  return number;
}

}  // namespace

std::string KernelName(const ModelKernel& kernel) {
  std::string name = fmt::format("Linux {}.{}", kernel.version, kernel.patchlevel);
  if (kernel.sublevel >= 0) name += fmt::format(".{}", kernel.sublevel);
  if (!kernel.patches.empty()) name += fmt::format(" + {}", kernel.patches);
  return name;
}

bool IsEarlier(const ModelKernel& kernel, const ModelKernel& than) {
  const auto numbers = [](const ModelKernel& k) {
    return std::tuple(k.version, k.patchlevel, std::max(k.sublevel, 0));
  };
  return numbers(kernel) < numbers(than);
}

bool IsOfSeries(const ModelKernel& kernel, std::string_view release) {
  if (TakeNumber(&release) != kernel.version) return false;
  if (TakeNumber(&release) != kernel.patchlevel) return false;
  return kernel.sublevel < 0 || TakeNumber(&release) == kernel.sublevel;
}

std::optional<ModelKernel> KernelOfRelease(std::string_view release) {
  ModelKernel kernel;
  kernel.version = TakeNumber(&release);
  if (kernel.version < 0) return std::nullopt;
  kernel.patchlevel = TakeNumber(&release);
  if (kernel.patchlevel < 0) return std::nullopt;
  kernel.sublevel = TakeNumber(&release);
  return kernel;
}

}  // namespace slablab
