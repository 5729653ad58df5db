// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/core/sheaf_report.h"

#include <numeric>
#include <string_view>
#include <utility>

namespace slablab {
namespace {

Figure Named(std::string_view name, Figure::Per per) {
  Figure figure;
  figure.name = std::string(name);
  figure.per = per;
  return figure;
}

void Add(Figure* figure, int index, uint64_t value) {
  if (value == 0) return;
  figure->value += value;
  figure->parts.push_back({.index = index, .value = value});
}

}  // namespace

std::vector<Figure> SheafFigures(const CacheContents& contents) {
  if (contents.sheaves.empty()) return {};
  Figure main = Named("main_sheaf_objects", Figure::Per::kCpu);
  Figure spare = Named("spare_sheaf_objects", Figure::Per::kCpu);
  Figure rcu_free = Named("rcu_sheaf_objects", Figure::Per::kCpu);
  for (size_t i = 0; i < contents.sheaves.size(); ++i) {
    const auto cpu = static_cast<int>(i);
    const auto objects = [](int64_t size) { return size < 0 ? 0 : static_cast<uint64_t>(size); };
    Add(&main, cpu, objects(contents.sheaves[i].main));
    Add(&spare, cpu, objects(contents.sheaves[i].spare));
    Add(&rcu_free, cpu, objects(contents.sheaves[i].rcu_free));
  }
  Figure full = Named("barn_full_sheaves", Figure::Per::kNode);
  Figure empty = Named("barn_empty_sheaves", Figure::Per::kNode);
  Figure in_barn = Named("barn_objects", Figure::Per::kNode);
  for (const CacheContents::Barn& barn : contents.barns) {
    Add(&full, barn.node, barn.full_sizes.size());
    Add(&empty, barn.node, barn.empty_sheaves);
    Add(&in_barn, barn.node,
        std::accumulate(barn.full_sizes.begin(), barn.full_sizes.end(), uint64_t{0}));
  }
  std::vector<Figure> figures;
  for (Figure* figure : {&main, &spare, &rcu_free, &full, &empty, &in_barn}) {
    figures.push_back(std::move(*figure));
  }
  return figures;
}

}  // namespace slablab
