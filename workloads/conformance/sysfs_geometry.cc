// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/conformance/sysfs_geometry.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "allocators/known_caches.h"
#include "allocators/slub/core/policy.h"
#include "allocators/slub/sheaves/sheaf.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// Kernels that /sys/kernel/slab may be of, by what it has. It does not say which kernel it is, and
// what is computed alike is one here.
std::vector<const SlubPolicy*> PoliciesOf(const SlabSysfs& sysfs) {
  bool has_sheaves = false;
  bool has_cpu_partial = false;
  for (const auto& [name, cache] : sysfs.caches) {
    has_sheaves = has_sheaves || cache.Find("sheaf_capacity") != nullptr;
    has_cpu_partial = has_cpu_partial || cache.Total("cpu_partial") != 0;
  }
  if (!has_sheaves) return {&kSlub61, &kSlub612};
  if (has_cpu_partial) return {&kSlub618};
  return {&kSlub73};
}

// The cache's sysfs as the request that it was made by. Where the free pointer lies is not there.
SlubRequest RequestOf(const CacheSysfs& cache) {
  return {.object_size = static_cast<uint32_t>(cache.Total("object_size")),
          .align = static_cast<uint32_t>(cache.Total("align", 0)),
          .hwcache_align = cache.Flag("hwcache_align"),
          .has_constructor = !cache.ctor.empty(),
          .typesafe_by_rcu = cache.Flag("destroy_by_rcu"),
          .red_zone = cache.Flag("red_zone"),
          .poison = cache.Flag("poison"),
          .store_user = cache.Flag("store_user"),
          .consistency_checks = cache.Flag("sanity_checks")};
}

class Check {
 public:
  Check(const SlubPolicy& policy, SlubCpus cpus, const std::string& path)
      : policy_(policy), cpus_(cpus), path_(path) {}

  absl::Status Cache(const std::string& name, const CacheSysfs& cache) {
    const absl::StatusOr<SlubGeometry> geometry = GeometryOf(cache);
    if (!geometry.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("{}: cache {}: {}", path_, name, std::string(geometry.status().message())));
    }
    Compare(name, cache, "slab_size", geometry->size);
    Compare(name, cache, "align", geometry->align);
    Compare(name, cache, "order", static_cast<uint64_t>(geometry->order));
    Compare(name, cache, "objs_per_slab", geometry->objects);
    Compare(name, cache, "cpu_partial", policy_.cpu_slabs ? geometry->cpu_partial : 0);
    Compare(name, cache, "min_partial", geometry->min_partial);
    Compare(name, cache, "sheaf_capacity", CapacityOf(name, cache, geometry->size));
    return absl::OkStatus();
  }

  Conformance result() && { return std::move(result_); }

 private:
  // Where a free object's pointer may lie within it, its size tells whether it does.
  absl::StatusOr<SlubGeometry> GeometryOf(const CacheSysfs& cache) const {
    SlubRequest request = RequestOf(cache);
    absl::StatusOr<SlubGeometry> behind = ComputeSlubGeometry(request, cpus_, policy_.rules);
    if (!policy_.marks_listed) return behind;  // Before kmem_cache_args.
    request.free_pointer_offset = 0;
    absl::StatusOr<SlubGeometry> within = ComputeSlubGeometry(request, cpus_, policy_.rules);
    const bool is_within = within.ok() && cache.Total("slab_size") == within->size;
    return is_within ? within : behind;
  }

  uint64_t CapacityOf(const std::string& name, const CacheSysfs& cache, uint32_t size) const {
    // bootstrap(): the two caches that all others need.
    if (name == "kmem_cache" || name == "kmem_cache_node") return 0;
    CacheSpec spec;
    spec.sheaf_capacity = KnownSheafCapacity(name);
    spec.consistency_checks = cache.Flag("sanity_checks");
    spec.red_zone = cache.Flag("red_zone");
    spec.poison = cache.Flag("poison");
    spec.store_user = cache.Flag("store_user");
    return SheafCapacity(policy_.sheaves, spec, size);
  }

  void Compare(const std::string& name, const CacheSysfs& cache, std::string_view file,
               uint64_t ours) {
    const SysfsCount* const theirs = cache.Find(file);
    if (theirs == nullptr) return;
    const bool agrees = theirs->total == static_cast<int64_t>(ours);
    result_.figures.Add(agrees);
    if (agrees) return;
    result_.Note(fmt::format(
        "{}: {} of cache {} (object_size {}, align {}, {} CPUs)\n  kernel: {}\n  model:  {}\n",
        path_, file, name, cache.Total("object_size"), cache.Total("align", 0), cpus_.present,
        theirs->total, ours));
  }

  const SlubPolicy& policy_;
  const SlubCpus cpus_;
  const std::string& path_;
  Conformance result_;
};

}  // namespace

absl::StatusOr<Conformance> CheckSysfsGeometry(const SlabSysfs& sysfs, SlubCpus cpus,
                                               const std::string& path) {
  for (const auto& [name, cache] : sysfs.caches) {
    const int64_t object_size = cache.Total("object_size", -1);
    const int64_t align = cache.Total("align", 0);
    if (object_size < 1 || object_size > kSlubObjectSizeMax || align < 0 ||
        align > kSlubObjectSizeMax) {
      return absl::InvalidArgumentError(
          fmt::format("{}: cache {} has no usable object_size or align", path, name));
    }
  }
  std::vector<Conformance> results;
  for (const SlubPolicy* const policy : PoliciesOf(sysfs)) {
    Check check(*policy, cpus, path);
    for (const auto& [name, cache] : sysfs.caches) {
      if (const absl::Status status = check.Cache(name, cache); !status.ok()) return status;
    }
    results.push_back(std::move(check).result());
  }
  return *std::max_element(results.begin(), results.end(),
                           [](const Conformance& a, const Conformance& b) {
                             return a.figures.agreeing < b.figures.agreeing;
                           });
}

}  // namespace slablab
