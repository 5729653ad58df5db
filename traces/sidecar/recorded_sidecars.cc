// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/sidecar/recorded_sidecars.h"

namespace slablab {

const absl::StatusOr<SlabSysfs>* RecordedSidecars::Sysfs(std::string_view name) const {
  const TraceSidecar* const sidecar = trace_.FindSidecar(name);
  if (sidecar == nullptr) return nullptr;
  std::optional<absl::StatusOr<SlabSysfs>>& kept = sysfs_[sidecar->name];
  if (!kept.has_value()) kept = ParseSlabSysfs(sidecar->contents, sidecar->name);
  return &*kept;
}

const SlabSysfs* RecordedSidecars::FirstSysfs(std::initializer_list<std::string_view> names) const {
  for (const std::string_view name : names) {
    const absl::StatusOr<SlabSysfs>* const sysfs = Sysfs(name);
    if (sysfs != nullptr && sysfs->ok()) return &**sysfs;
  }
  return nullptr;
}

}  // namespace slablab
