// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/sweep_sides.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/names.h"
#include "cli/flags.h"

namespace slablab {
namespace {

using Values = std::vector<std::string>;

constexpr std::string_view kSeed = "seed";
constexpr std::string_view kOfSizeOrWorkload[] = {"workload", "cpus", "nodes", "size"};

// The index of `value` among `values`, at the end of which it is put if it is not there.
template <typename Value>
size_t IndexAmong(std::vector<Value>& values, const Value& value) {
  const auto at = std::find(values.begin(), values.end(), value);
  if (at != values.end()) return static_cast<size_t>(at - values.begin());
  values.push_back(value);
  return values.size() - 1;
}

Values ValuesOfAxis(const SweepReport& report, int axis) {
  Values values;
  for (const SweepPointReport& point : report.points()) {
    if (axis < point.values_size()) IndexAmong(values, point.values(axis));
  }
  return values;
}

// -1: none.
int ComparedAxis(const SweepReport& report) {
  int first = -1;
  int first_of_size = -1;
  for (int i = 0; i < report.axes_size(); ++i) {
    const std::string& axis = report.axes(i);
    if (axis == kSeed || ValuesOfAxis(report, i).size() < 2) continue;
    if (axis == "allocator") return i;
    const bool of_size = std::find(std::begin(kOfSizeOrWorkload), std::end(kOfSizeOrWorkload),
                                   axis) != std::end(kOfSizeOrWorkload);
    int& candidate = of_size ? first_of_size : first;
    if (candidate < 0 || axis == "machine") candidate = i;
  }
  return first >= 0 ? first : first_of_size;
}

}  // namespace

SweepSides SidesOfSweep(const SweepReport& report, const std::string& base) {
  SweepSides found;
  const int compared = ComparedAxis(report);
  if (compared < 0) return found;
  found.axis = report.axes(compared);
  Values labels = ValuesOfAxis(report, compared);
  if (const auto at = std::find(labels.begin(), labels.end(), base); at != labels.end()) {
    std::rotate(labels.begin(), at, at + 1);
  }
  std::vector<Values> settings;
  Values seeds;
  struct Place {
    size_t side;
    size_t setting;
    size_t seed;
  };
  std::vector<Place> places;
  for (const SweepPointReport& point : report.points()) {
    Values setting;
    std::string seed;
    for (int i = 0; i < point.values_size(); ++i) {
      if (i == compared) continue;
      if (report.axes(i) == kSeed) {
        seed = point.values(i);
      } else {
        setting.push_back(point.values(i));
      }
    }
    places.push_back({.side = IndexAmong(labels, point.values(compared)),
                      .setting = IndexAmong(settings, setting),
                      .seed = IndexAmong(seeds, seed)});
  }
  found.sides.settings = settings.size();
  for (const std::string& label : labels) {
    found.sides.sides.push_back({.label = label, .runs = {}});
    found.sides.sides.back().runs.resize(settings.size() * seeds.size());
  }
  for (int i = 0; i < report.points_size(); ++i) {
    const Place& place = places[static_cast<size_t>(i)];
    if (!report.points(i).has_result()) continue;
    found.sides.sides[place.side].runs[place.setting * seeds.size() + place.seed] =
        &report.points(i).result();
  }
  return found;
}

absl::Status CheckSweepBase(const SweepReport& report, const std::string& base) {
  if (base.empty()) return absl::OkStatus();
  const int compared = ComparedAxis(report);
  const Values values = compared < 0 ? Values() : ValuesOfAxis(report, compared);
  if (std::find(values.begin(), values.end(), base) != values.end()) return absl::OkStatus();
  if (values.empty()) return BadFlag("base", base, "the sweep compares nothing");
  return BadFlag("base", base, UnknownNameText(report.axes(compared), base, values));
}

SweepReport WithBaseFirst(const SweepReport& report, const std::string& base) {
  SweepReport sorted = report;
  const int compared = ComparedAxis(report);
  if (compared < 0 || base.empty()) return sorted;
  std::stable_partition(
      sorted.mutable_points()->begin(), sorted.mutable_points()->end(),
      [&](const SweepPointReport& point) { return point.values(compared) == base; });
  return sorted;
}

}  // namespace slablab
