// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/tuning.h"

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/names.h"
#include "fmt/format.h"

namespace slablab {
namespace {

absl::Status Refused(const TunableSetting& setting, absl::string_view why) {
  return absl::InvalidArgumentError(fmt::format("tunable {}{}{}={}: {}", setting.cache,
                                                setting.cache.empty() ? "" : ":", setting.key,
                                                setting.value, std::string(why)));
}

std::string NoSuchCache(const Allocator& allocator, const std::string& name) {
  std::vector<std::string> names;
  for (int i = 0; i < allocator.cache_count(); ++i) {
    names.push_back(allocator.Layout(CacheId(i)).name);
  }
  return "there is no such cache" + DidYouMean(name, names);
}

}  // namespace

Task<absl::Status> WriteTunable(Cpu& cpu, Allocator& allocator, const TunableSetting& setting) {
  if (!setting.cache.empty()) {
    const CacheId cache = allocator.FindCache(setting.cache);
    if (cache == kNoCache) co_return Refused(setting, NoSuchCache(allocator, setting.cache));
    const absl::Status status = co_await allocator.Tune(cpu, cache, setting.key, setting.value);
    co_return status.ok() ? status : Refused(setting, status.message());
  }
  absl::Status first_refusal;
  int taken = 0;
  for (int i = 0; i < allocator.cache_count(); ++i) {
    const absl::Status status =
        co_await allocator.Tune(cpu, CacheId(i), setting.key, setting.value);
    if (status.ok()) {
      ++taken;
    } else if (first_refusal.ok()) {
      first_refusal = status;
    }
  }
  if (taken > 0 || first_refusal.ok()) co_return absl::OkStatus();
  co_return Refused(setting, first_refusal.message());
}

}  // namespace slablab
