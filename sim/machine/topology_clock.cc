// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <hwloc.h>
#include <hwloc/cpukinds.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include "sim/machine/topology.h"
#include "sim/machine/topology_tree.h"

namespace slablab {
namespace {

constexpr int64_t kMostMhz = 100'000;

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// "2.40" in thousandths, "2400" too: what stands in front of a unit. None: it is no such number.
std::optional<int64_t> Thousandths(std::string_view text) {
  int64_t whole = 0;
  const char* const end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, whole);
  if (error != std::errc() || whole < 0 || whole > kMostMhz) return std::nullopt;
  int64_t value = whole * 1000;
  if (at == end) return value;
  if (*at != '.') return std::nullopt;
  int64_t digit_value = 100;
  for (++at; at != end; ++at) {
    if (*at < '0' || *at > '9') return std::nullopt;
    value += (*at - '0') * digit_value;
    digit_value /= 10;
  }
  return value;
}

bool IsClock(int64_t mhz) { return mhz >= 1 && mhz <= kMostMhz; }

// The highest of what the kinds of CPUs have under that name.
int64_t HighestOfKinds(hwloc_topology_t topology, std::string_view name) {
  int64_t highest = 0;
  const int kinds = hwloc_cpukinds_get_nr(topology, 0);
  for (int kind = 0; kind < kinds; ++kind) {
    unsigned count = 0;
    hwloc_info_s* infos = nullptr;
    int efficiency = 0;
    if (hwloc_cpukinds_get_info(topology, static_cast<unsigned>(kind), nullptr, &efficiency, &count,
                                &infos, 0) != 0) {
      continue;
    }
    for (unsigned i = 0; i < count; ++i) {
      if (name != infos[i].name) continue;
      const std::optional<int64_t> mhz = Thousandths(infos[i].value);
      if (mhz.has_value() && IsClock(*mhz / 1000)) highest = std::max(highest, *mhz / 1000);
    }
  }
  return highest;
}

// "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz"
int64_t MhzOfModelName(std::string_view model) {
  const size_t at = model.rfind('@');
  if (at == std::string_view::npos) return 0;
  const std::string_view speed = Trimmed(model.substr(at + 1));
  const size_t unit = speed.find_first_not_of("0123456789.");
  if (unit == std::string_view::npos) return 0;
  const std::optional<int64_t> number = Thousandths(speed.substr(0, unit));
  const std::string_view name = Trimmed(speed.substr(unit));
  if (!number.has_value()) return 0;
  if (name.substr(0, 3) == "GHz") return *number;
  if (name.substr(0, 3) == "MHz") return *number / 1000;
  return 0;
}

int64_t MhzOfModel(hwloc_topology_t topology) {
  for (const hwloc_obj_type_t type : {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_MACHINE}) {
    const hwloc_obj_t object = hwloc_get_obj_by_type(topology, type, 0);
    if (object == nullptr) continue;
    const char* model = hwloc_obj_get_info_by_name(object, "CPUModel");
    if (model != nullptr && IsClock(MhzOfModelName(model))) return MhzOfModelName(model);
  }
  return 0;
}

}  // namespace

ClockFacts ReadClock(hwloc_topology* topology) {
  if (const int64_t mhz = HighestOfKinds(topology, "FrequencyMaxMHz"); mhz > 0) {
    return {.mhz = mhz, .source = "cpufreq's highest"};
  }
  if (const int64_t mhz = HighestOfKinds(topology, "FrequencyBaseMHz"); mhz > 0) {
    return {.mhz = mhz, .source = "cpufreq's base"};
  }
  if (const int64_t mhz = MhzOfModel(topology); mhz > 0) {
    return {.mhz = mhz, .source = "the CPU model's name"};
  }
  return {};
}

ClockFacts ClockOfCpuinfo(std::string_view cpuinfo) {
  int64_t of_model = 0;
  while (!cpuinfo.empty()) {
    const std::string_view line = cpuinfo.substr(0, cpuinfo.find('\n'));
    cpuinfo.remove_prefix(std::min(cpuinfo.size(), line.size() + 1));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = Trimmed(line.substr(0, colon));
    const std::string_view value = Trimmed(line.substr(colon + 1));
    if (key == "model name" && of_model == 0) of_model = MhzOfModelName(value);
    // POWER writes "clock : 3800.000000MHz".
    if (key == "cpu MHz" || key == "clock") {
      const size_t unit = std::min(value.find_first_not_of("0123456789."), value.size());
      const std::optional<int64_t> number = Thousandths(value.substr(0, unit));
      if (IsClock(of_model)) break;
      if (number.has_value() && IsClock((*number + 500) / 1000)) {
        return {.mhz = (*number + 500) / 1000, .source = "/proc/cpuinfo"};
      }
    }
  }
  if (IsClock(of_model)) return {.mhz = of_model, .source = "the CPU model's name"};
  return {};
}

}  // namespace slablab
