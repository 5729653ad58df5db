// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/kernel_match.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "allocators/registry.h"
#include "traces/sidecar/sidecar.h"

namespace slablab {
namespace {

constexpr size_t kWorstShown = 3;

// The model's size classes, ascending.
std::vector<uint64_t> ClassesOf(const Allocator& model) {
  constexpr std::string_view kPrefix = "kmalloc-";
  std::vector<uint64_t> classes;
  for (int i = 0; i < model.cache_count(); ++i) {
    const CacheLayout layout = model.Layout(CacheId(i));
    const std::string_view name = layout.name;
    if (name.size() <= kPrefix.size() || name.substr(0, kPrefix.size()) != kPrefix ||
        !absl::ascii_isdigit(static_cast<unsigned char>(name[kPrefix.size()]))) {
      continue;
    }
    classes.push_back(layout.object_size);
  }
  std::sort(classes.begin(), classes.end());
  return classes;
}

uint64_t Rounded(uint64_t bytes, const std::vector<uint64_t>& classes) {
  const auto found = std::lower_bound(classes.begin(), classes.end(), bytes);
  if (found != classes.end()) return *found;
  return kPageSize << std::bit_width((bytes - 1) >> kPageShift);
}

void CompareRounding(const TraceSurvey& survey, const std::vector<uint64_t>& classes,
                     KernelMatch& match) {
  std::map<std::pair<uint64_t, uint64_t>, RoundedOtherwise> otherwise;  // recorded, simulated
  for (const auto& [sizes, count] : survey.kmallocs) {
    const auto& [asked, recorded] = sizes;
    match.set_kmallocs(match.kmallocs() + count);
    const uint64_t simulated = Rounded(asked, classes);
    if (simulated == recorded) continue;
    match.set_rounded_otherwise(match.rounded_otherwise() + count);
    RoundedOtherwise& both = otherwise[{recorded, simulated}];
    // The map is ordered by what was asked for.
    if (both.kmallocs() == 0) both.set_asked_least(asked);
    both.set_asked_most(asked);
    both.set_recorded(recorded);
    both.set_simulated(simulated);
    both.set_kmallocs(both.kmallocs() + count);
  }
  std::vector<RoundedOtherwise> worst;
  for (const auto& [sizes, both] : otherwise) worst.push_back(both);
  std::stable_sort(worst.begin(), worst.end(),
                   [](const RoundedOtherwise& a, const RoundedOtherwise& b) {
                     return a.kmallocs() > b.kmallocs();
                   });
  if (worst.size() > kWorstShown) worst.resize(kWorstShown);
  for (RoundedOtherwise& both : worst) *match.add_worst() = std::move(both);
}

// Why "slub" is this model.
std::string_view ChosenAs(const ModelKernel& model, std::string_view release) {
  const std::optional<ModelKernel> recorded = KernelOfRelease(release);
  if (!recorded.has_value()) return "newest";
  if (IsOfSeries(model, release)) return "series";
  return IsEarlier(*recorded, model) ? "oldest" : "nearest below";
}

// What is known of the model alone.
KernelMatch MatchOfModel(const SimulationOptions& options, std::string_view release) {
  KernelMatch match;
  const absl::StatusOr<ModelKernel> kernel = KernelOf(options.run.allocator());
  if (!kernel.ok()) return match;
  match.set_model(KernelName(*kernel));
  if (!options.allocator_of_kernel) return match;
  match.set_asked(std::string(kSlubOfKernel));
  match.set_chosen_as(std::string(ChosenAs(*kernel, release)));
  return match;
}

}  // namespace

std::string RecordedAllocator(const RecordedSidecars& sidecars) {
  const SlabSysfs* const sysfs = sidecars.FirstSysfs(
      {"sys-kernel-slab.before", "sys-kernel-slab.after", "sys-kernel-slab.boot"});
  if (sysfs != nullptr) {
    const bool has_sheaves =
        std::any_of(sysfs->caches.begin(), sysfs->caches.end(),
                    [](const auto& cache) { return cache.second.Total("sheaf_capacity") > 0; });
    return has_sheaves ? "SLUB with sheaves" : "SLUB";
  }
  for (const char* name : {"slabinfo.before", "slabinfo.after", "slabinfo.boot"}) {
    const TraceSidecar* sidecar = sidecars.trace().FindSidecar(name);
    if (sidecar == nullptr) continue;
    const absl::StatusOr<Slabinfo> slabinfo = ParseSlabinfo(sidecar->contents, sidecar->name);
    if (!slabinfo.ok()) continue;
    // SLUB has nothing to tune there and prints zeros.
    const bool is_slab = std::any_of(slabinfo->caches.begin(), slabinfo->caches.end(),
                                     [](const SlabinfoCache& cache) { return cache.limit > 0; });
    return is_slab ? "SLAB" : "SLUB";
  }
  return "";
}

KernelMatch MatchKernels(const RecordedSidecars& sidecars, const TraceSurvey& survey,
                         const SimulationOptions& options, const Allocator* model) {
  const TraceHeader& trace = sidecars.trace();
  KernelMatch match = MatchOfModel(options, trace.kernel_release);
  match.set_recorded(trace.kernel_release);
  match.set_recorded_allocator(RecordedAllocator(sidecars));
  if (const absl::StatusOr<ModelKernel> kernel = KernelOf(options.run.allocator()); kernel.ok()) {
    match.set_same_series(IsOfSeries(*kernel, trace.kernel_release));
  }
  if (model != nullptr) {
    const std::vector<uint64_t> classes = ClassesOf(*model);
    if (!classes.empty()) CompareRounding(survey, classes, match);
  }
  return match;
}

KernelMatch KernelOfModel(const SimulationOptions& options) {
  return MatchOfModel(options, /*release=*/"");
}

}  // namespace slablab
