// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/common/slub_boot.h"

#include <string_view>

#include "fmt/format.h"

namespace slablab {

// setup_slub_min_order(), setup_slub_max_order(), setup_slub_min_objects().
SlubRules WithBootParameters(SlubRules rules, absl::Span<const BootParameter> parameters) {
  SlubOrders& orders = rules.orders;
  for (const BootParameter& parameter : parameters) {
    const std::string_view name = parameter.name;
    const auto order = static_cast<int>(parameter.value);
    if (name == kSlabMinOrder.name || name == kSlubMinOrder.name) {
      orders.min_order = order;
      if (rules.orders_push_each_other && order > orders.max_order) orders.max_order = order;
    } else if (name == kSlabMaxOrder.name || name == kSlubMaxOrder.name) {
      orders.max_order = order;
      if (rules.orders_push_each_other && orders.min_order > order) orders.min_order = order;
    } else if (name == kSlabMinObjects.name || name == kSlubMinObjects.name) {
      orders.min_objects = static_cast<uint32_t>(parameter.value);
    }
  }
  return rules;
}

absl::Status CheckOrders(const SlubRules& rules, SlubCpus cpus) {
  // A slab has most objects of the smallest size.
  for (uint32_t size = 8; size <= 4096; size += 8) {
    const absl::Status status =
        ComputeSlubGeometry({.object_size = size, .align = 8}, cpus, rules).status();
    if (status.ok()) continue;
    return absl::InvalidArgumentError(fmt::format(
        "slab_min_order={},slab_max_order={},slab_min_objects={}: {}", rules.orders.min_order,
        rules.orders.max_order, rules.orders.min_objects, std::string(status.message())));
  }
  return absl::OkStatus();
}

}  // namespace slablab
