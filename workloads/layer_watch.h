// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_LAYER_WATCH_H_
#define SLABLAB_WORKLOADS_LAYER_WATCH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "allocators/allocator.h"

namespace slablab {

// What a cache's layers held in the samples of a run.
struct LayerOverTime {
  uint64_t samples = 0;
  uint64_t objects = 0;  // in all samples together
  uint64_t objects_peak = 0;
  uint64_t mean() const { return samples == 0 ? 0 : objects / samples; }
};

// Adds `layer` to that of its name, behind the others if it is the first.
inline void AddLayer(const CacheLayer& layer, std::vector<CacheLayer>& sums) {
  const auto at = std::find_if(sums.begin(), sums.end(), [&](const CacheLayer& sum) {
    // Mostly one literal.
    return (sum.name.data() == layer.name.data() && sum.name.size() == layer.name.size()) ||
           sum.name == layer.name;
  });
  if (at == sums.end()) {
    sums.push_back(layer);
  } else {
    *at += layer;
  }
}

// Allocator::Layers() over a run.
class LayerWatch {
 public:
  // Looks at all caches. Answers their sums, by layer.
  std::vector<CacheLayer> Sample(const Allocator& allocator) {
    std::vector<CacheLayer> sums;
    sums.reserve(kLayersMost);
    caches_.resize(static_cast<size_t>(allocator.cache_count()));
    for (size_t i = 0; i < caches_.size(); ++i) {
      layers_.clear();
      allocator.AddLayers(CacheId(static_cast<int32_t>(i)), &layers_);
      std::vector<LayerOverTime>& cache = caches_[i];
      cache.resize(std::max(cache.size(), layers_.size()));
      for (size_t layer = 0; layer < layers_.size(); ++layer) {
        AddLayer(layers_[layer], sums);
        LayerOverTime& over_time = cache[layer];
        ++over_time.samples;
        over_time.objects += layers_[layer].objects;
        over_time.objects_peak = std::max(over_time.objects_peak, layers_[layer].objects);
      }
    }
    return sums;
  }
  // By cache and layer.
  const std::vector<std::vector<LayerOverTime>>& caches() const { return caches_; }

 private:
  static constexpr size_t kLayersMost = 9;  // of any model

  std::vector<CacheLayer> layers_;  // of one cache, for a while
  std::vector<std::vector<LayerOverTime>> caches_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_LAYER_WATCH_H_
