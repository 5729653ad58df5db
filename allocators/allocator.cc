// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/allocator.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace slablab {
namespace {

[[noreturn]] void NoPrefilledSheaves() {
  internal::CheckFailed(__FILE__, __LINE__, "offers().prefilled_sheaves");
}

}  // namespace

Figure Figure::Of(const FigureInfo& info, uint64_t value) {
  Figure figure;
  figure.name = std::string(info.name);
  figure.role = info.role;
  figure.value = value;
  return figure;
}

std::string Figure::ToString() const {
  std::string text = absl::StrCat(value);
  if (has_parentheses) absl::StrAppend(&text, "(", in_parentheses, ")");
  for (const Part& part : parts) {
    absl::StrAppend(&text, per == Per::kNode ? " N" : " C", part.index, "=", part.value);
    if (has_parentheses) absl::StrAppend(&text, "(", part.in_parentheses, ")");
  }
  return text;
}

Task<void> Allocator::Work(Cpu&) { co_return; }

Task<absl::Status> Allocator::TuneTogether(Cpu& cpu, CacheId cache,
                                           absl::Span<const Tunable> tunables) {
  for (const Tunable& tunable : tunables) {
    absl::Status status = co_await Tune(cpu, cache, tunable.key, tunable.value);
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

Task<size_t> Allocator::AllocBulk(Cpu& cpu, CacheId cache, Gfp gfp, absl::Span<PhysAddr> objects) {
  for (size_t i = 0; i < objects.size(); ++i) {
    const Placement placement = co_await Alloc(cpu, cache, gfp, kAnyNode);
    if (placement.object.is_null()) {
      co_await FreeBulk(cpu, cache, objects.subspan(0, i));
      co_return 0;
    }
    objects[i] = placement.object;
  }
  co_return objects.size();
}

Task<void> Allocator::FreeBulk(Cpu& cpu, CacheId cache, absl::Span<PhysAddr> objects) {
  for (const PhysAddr object : objects) co_await Free(cpu, cache, object);
}

Task<void> Allocator::KfreeBulk(Cpu& cpu, absl::Span<PhysAddr> objects) {
  for (const PhysAddr object : objects) co_await Kfree(cpu, object);
}

Task<SheafId> Allocator::PrefillSheaf(Cpu&, CacheId, Gfp, uint32_t) {
  NoPrefilledSheaves();
}

Task<Placement> Allocator::AllocFromSheaf(Cpu&, CacheId, Gfp, SheafId) {
  NoPrefilledSheaves();
}

Task<SheafId> Allocator::RefillSheaf(Cpu&, CacheId, Gfp, SheafId, uint32_t) {
  NoPrefilledSheaves();
}

Task<void> Allocator::ReturnSheaf(Cpu&, CacheId, Gfp, SheafId) {
  NoPrefilledSheaves();
}

uint32_t Allocator::SheafSize(SheafId) const { NoPrefilledSheaves(); }

Footprint& Footprint::operator+=(const Footprint& other) {
  slabs += other.slabs;
  slab_bytes += other.slab_bytes;
  objects += other.objects;
  object_bytes += other.object_bytes;
  free_bytes += other.free_bytes;
  padding_bytes += other.padding_bytes;
  tail_bytes += other.tail_bytes;
  metadata_bytes += other.metadata_bytes;
  percpu_bytes += other.percpu_bytes;
  own_objects += other.own_objects;
  own_object_bytes += other.own_object_bytes;
  large_blocks += other.large_blocks;
  large_bytes += other.large_bytes;
  large_requested_bytes += other.large_requested_bytes;
  own_large_blocks += other.own_large_blocks;
  own_large_bytes += other.own_large_bytes;
  own_large_requested_bytes += other.own_large_requested_bytes;
  rcu_objects += other.rcu_objects;
  rcu_free_bytes += other.rcu_free_bytes;
  return *this;
}

}  // namespace slablab
