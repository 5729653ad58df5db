// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/unsaid_meanings.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace slablab {
namespace {

struct Named {
  std::string_view name;
  FigureValue::Role role;
};

// The figures of all models there were, as the kernels call them.
constexpr Named kRoles[] = {
    {"alloc_fastpath", FigureValue::FAST_ALLOCS},
    {"alloc_slowpath", FigureValue::SLOW_ALLOCS},
    {"free_fastpath", FigureValue::FAST_FREES},
    {"free_slowpath", FigureValue::SLOW_FREES},
    {"alloc_slab", FigureValue::SLABS_MADE},
    {"free_slab", FigureValue::SLABS_RETURNED},
    {"deactivate_to_head", FigureValue::LISTED_BY_ALLOCS},
    {"deactivate_to_tail", FigureValue::LISTED_BY_ALLOCS},
    {"free_add_partial", FigureValue::LISTED_BY_FREES},
    {"alloc_from_partial", FigureValue::UNLISTED_BY_ALLOCS},
    {"free_remove_partial", FigureValue::UNLISTED_BY_FREES},
    {"cpu_partial_alloc", FigureValue::CPU_LIST_ALLOCS},
    {"cpu_partial_free", FigureValue::CPU_LIST_FREES},
    {"deactivate_remote_frees", FigureValue::REMOTE_FREES_FOUND},
    {"free_frozen", FigureValue::FROZEN_FREES},
    {"slabs", FigureValue::SLABS},
    {"partial", FigureValue::PARTIAL_SLABS},
    {"cpu_slabs", FigureValue::CPU_SLABS},
    {"per_cpu_caches", FigureValue::QUEUED},
    {"shared_caches", FigureValue::SHARED},
    {"alien_caches", FigureValue::ALIEN},
};

// "alloc fast" of SLUB, "alloc hit" of SLAB.
bool WasFast(const std::string& path) {
  return path.find("fast") != std::string::npos || path.ends_with(" hit");
}

template <typename Figure>
void SayRole(const std::string& name, Figure& figure) {
  if (figure.has_role()) return;
  for (const Named& known : kRoles) {
    if (known.name == name) figure.set_role(known.role);
  }
}

}  // namespace

void SayMeanings(RunResult& result) {
  const auto says = [](const PathStats& path) { return path.has_is_fast(); };
  if (std::any_of(result.paths().begin(), result.paths().end(), says)) return;
  for (PathStats& path : *result.mutable_paths()) path.set_is_fast(WasFast(path.name()));
  for (CacheStats& cache : *result.mutable_caches()) {
    for (FigureValue& counter : *cache.mutable_counters()) SayRole(counter.name(), counter);
    for (FigureValue& state : *cache.mutable_states()) SayRole(state.name(), state);
  }
  if (!result.has_kernel()) return;
  KernelComparison& kernel = *result.mutable_kernel();
  for (CounterPair& pair : *kernel.mutable_totals()) SayRole(pair.counter(), pair);
  for (CacheComparison& cache : *kernel.mutable_caches()) {
    for (CounterPair& pair : *cache.mutable_counters()) SayRole(pair.counter(), pair);
  }
}

}  // namespace slablab
