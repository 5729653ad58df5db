// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/sysfs_geometry.h"

#include <limits>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace slablab {

absl::StatusOr<Conformance> CheckSysfsGeometry(const SlabSysfs& sysfs, SlubCpus cpus,
                                               const std::string& path) {
  Conformance result;
  for (const auto& [name, cache] : sysfs.caches) {
    const int64_t object_size = cache.Total("object_size", -1);
    const int64_t align = cache.Total("align", 0);
    if (object_size < 1 || object_size > kSlubObjectSizeMax || align < 0 ||
        align > kSlubObjectSizeMax) {
      return absl::InvalidArgumentError(
          fmt::format("{}: cache {} has no usable object_size or align", path, name));
    }
    const absl::StatusOr<SlubGeometry> geometry =
        ComputeSlubGeometry({.object_size = static_cast<uint32_t>(object_size),
                             .align = static_cast<uint32_t>(align),
                             .hwcache_align = cache.Flag("hwcache_align"),
                             .has_constructor = !cache.ctor.empty(),
                             .typesafe_by_rcu = cache.Flag("destroy_by_rcu"),
                             .red_zone = cache.Flag("red_zone"),
                             .poison = cache.Flag("poison"),
                             .store_user = cache.Flag("store_user"),
                             .consistency_checks = cache.Flag("sanity_checks")},
                            cpus);
    if (!geometry.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("{}: cache {}: {}", path, name, std::string(geometry.status().message())));
    }
    const struct {
      std::string_view file;
      uint64_t ours;
    } figures[] = {
        {"slab_size", geometry->size},
        {"align", geometry->align},
        {"order", static_cast<uint64_t>(geometry->order)},
        {"objs_per_slab", geometry->objects},
        {"cpu_partial", geometry->cpu_partial},
        {"min_partial", geometry->min_partial},
    };
    for (const auto& [file, ours] : figures) {
      const SysfsCount* const theirs = cache.Find(file);
      if (theirs == nullptr) continue;
      const bool agrees = theirs->total == static_cast<int64_t>(ours);
      result.figures.Add(agrees);
      if (agrees) continue;
      result.Note(fmt::format(
          "{}: {} of cache {} (object_size {}, align {}, {} CPUs)\n  kernel: {}\n  model:  {}\n",
          path, file, name, object_size, align, cpus.present, theirs->total, ours));
    }
  }
  return result;
}

}  // namespace slablab
