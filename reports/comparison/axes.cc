// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "fmt/format.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "reports/comparison/comparison.h"
#include "runs/switches.h"

// In what the runs of a set differ: their labels, and the series along which they scale.

namespace slablab {
namespace {

namespace pb = google::protobuf;

std::string WithoutSuffix(std::string text, std::string_view suffix) {
  if (text.size() > suffix.size() && text.ends_with(suffix)) {
    text.resize(text.size() - suffix.size());
  }
  return text;
}

std::string Joined(const pb::RepeatedPtrField<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

std::string Joined(const pb::RepeatedPtrField<NamedValue>& values) {
  std::string text;
  for (const NamedValue& value : values) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", value.name(), value.value());
  }
  return text;
}

std::string Joined(const pb::RepeatedPtrField<PolicyValue>& policies) {
  std::string text;
  for (const PolicyValue& policy : policies) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", policy.name(), policy.value());
  }
  return text;
}

// As a label says it: without the field's name where the value speaks for itself.
std::string NumberText(const std::string& name, int64_t value) {
  if (name == "cpus") return fmt::format("{} CPU{}", value, value == 1 ? "" : "s");
  if (name == "nodes") return fmt::format("{} node{}", value, value == 1 ? "" : "s");
  return fmt::format("{}={}", name, value);
}

std::string StringText(const std::string& name, const std::string& value) {
  if (name == "allocator" || name == "machine" || name == "workload") return value;
  if (name == "trace") return WithoutSuffix(value, ".slt");
  if (name == "order" || name == "placement" || name == "start" || name == "boot") {
    return value.empty() ? fmt::format("default {}", name) : fmt::format("{} {}", value, name);
  }
  if (name.ends_with("_textproto")) return "";  // Too long; told apart by number.
  return fmt::format("{}={}", name, value);
}

std::string FieldText(const RunConfig& config, const pb::FieldDescriptor& field) {
  const pb::Reflection& reflection = *config.GetReflection();
  const std::string& name = field.name();
  if (field.is_repeated()) {
    std::string values;
    if (name == "quirks") values = Joined(config.quirks());
    if (name == "percpu_quirks") values = Joined(config.percpu_quirks());
    if (name == "policies") values = Joined(config.policies());
    if (name == "tunables") values = Joined(config.tunables());
    if (!values.empty()) return values;
    return name == "policies" ? "own policies" : fmt::format("no {}", name);
  }
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return NumberText(name, reflection.GetInt32(config, &field));
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return NumberText(name, reflection.GetInt64(config, &field));
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return NumberText(name, reflection.GetUInt32(config, &field));
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return fmt::format("{}={}", name, reflection.GetUInt64(config, &field));
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return fmt::format("{}{}", reflection.GetBool(config, &field) ? "" : "no ", name);
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return StringText(name, reflection.GetString(config, &field));
    default:
      return "";
  }
}

// Of a field, the number of each run's value among those that occur.
std::vector<size_t> Classes(absl::Span<const RunResult* const> results,
                            const pb::FieldDescriptor& field) {
  std::vector<std::string> seen;
  std::vector<size_t> classes;
  for (const RunResult* result : results) {
    RunConfig only;  // This field alone, so that bytes compare values.
    const pb::Reflection& reflection = *only.GetReflection();
    only = result->config();
    std::vector<const pb::FieldDescriptor*> set;
    reflection.ListFields(only, &set);
    for (const pb::FieldDescriptor* other : set) {
      if (other != &field) reflection.ClearField(&only, other);
    }
    only.DiscardUnknownFields();
    const std::string bytes = only.SerializeAsString();
    const auto at = std::find(seen.begin(), seen.end(), bytes);
    classes.push_back(static_cast<size_t>(at - seen.begin()));
    if (at == seen.end()) seen.push_back(bytes);
  }
  return classes;
}

// The same of a switch that RunConfig has no field for.
std::vector<size_t> Classes(absl::Span<const RunResult* const> results, const RunSwitch& each) {
  std::vector<std::string> seen;
  std::vector<size_t> classes;
  for (const RunResult* result : results) {
    std::string text = SwitchText(WithDefaults(result->config().run()), each);
    const auto at = std::find(seen.begin(), seen.end(), text);
    classes.push_back(static_cast<size_t>(at - seen.begin()));
    if (at == seen.end()) seen.push_back(std::move(text));
  }
  return classes;
}

bool AllEqual(const std::vector<size_t>& classes) {
  return std::all_of(classes.begin(), classes.end(), [](size_t c) { return c == 0; });
}

// Whether equal values of `by` always go with equal values of `what`.
bool Decides(const std::vector<size_t>& by, const std::vector<size_t>& what) {
  std::map<size_t, size_t> decided;
  for (size_t i = 0; i < by.size(); ++i) {
    if (decided.try_emplace(by[i], what[i]).first->second != what[i]) return false;
  }
  return true;
}

bool IsOfMachine(const std::string& name) {
  return name == "machine_textproto" || name == "cpus" || name == "nodes" || name == "clock_mhz";
}

// "none" and "default" of "sheaves.which=none" and "sheaves.which=default": what alone tells the
// values of one axis apart. Others stay as they are.
std::vector<std::string> ToldApart(const std::vector<std::string>& values) {
  std::vector<std::vector<std::string>> words;
  for (const std::string& value : values) words.push_back(absl::StrSplit(value, ','));
  std::set<size_t> differing;
  for (const std::vector<std::string>& each : words) {
    if (each.size() != words[0].size()) return values;
    for (size_t i = 0; i < each.size(); ++i) {
      const size_t value = words[0][i].rfind('=') + 1;
      const bool like = value > 0 && each[i].size() > value &&
                        each[i].substr(0, value) == words[0][i].substr(0, value);
      if (!like) return values;
      if (each[i] != words[0][i]) differing.insert(i);
    }
  }
  if (differing.size() != 1) return values;
  std::vector<std::string> apart;
  for (const std::vector<std::string>& each : words) {
    const std::string& word = each[*differing.begin()];
    apart.push_back(word.substr(word.rfind('=') + 1));
  }
  return apart;
}

const pb::FieldDescriptor& ConfigField(const char* name) {
  return *RunConfig::descriptor()->FindFieldByName(name);
}

std::vector<const RunResult*> Pointers(ResultSet set) {
  std::vector<const RunResult*> results;
  for (const LabelledResult& labelled : set) results.push_back(&labelled.result);
  return results;
}

void Append(std::string& text, const std::string& part) {
  if (!text.empty() && !part.empty()) text += ' ';
  text += part;
}

// What a run has in common with those of its series.
struct Key {
  std::string line;
  std::string panel;
};

// Runs of equal `keys` together, in the order of their first; within, by CPUs.
std::vector<Series> Grouped(ResultSet set, const std::vector<Key>& keys) {
  std::vector<Series> all;
  for (size_t run = 0; run < keys.size(); ++run) {
    const Key& key = keys[run];
    auto at = std::find_if(all.begin(), all.end(), [&](const Series& series) {
      return series.line == key.line && series.panel == key.panel;
    });
    if (at == all.end()) {
      std::string name = key.line;
      Append(name, key.panel);
      at = all.insert(all.end(),
                      {.name = std::move(name), .line = key.line, .panel = key.panel, .runs = {}});
    }
    at->runs.push_back(run);
  }
  for (Series& series : all) {
    std::stable_sort(series.runs.begin(), series.runs.end(), [&](size_t a, size_t b) {
      return set[a].result.config().cpus() < set[b].result.config().cpus();
    });
  }
  return all;
}

bool HasTwoOfOneSize(ResultSet set, const std::vector<Series>& all) {
  for (const Series& series : all) {
    for (size_t i = 1; i < series.runs.size(); ++i) {
      if (set[series.runs[i]].result.config().cpus() ==
          set[series.runs[i - 1]].result.config().cpus()) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

std::vector<Axis> AxesOf(absl::Span<const RunResult* const> results) {
  const std::vector<size_t> machines = Classes(results, ConfigField("machine"));
  const std::vector<size_t> parameters = Classes(results, *FindSwitch("set"));
  std::vector<Axis> axes;
  const pb::Descriptor& descriptor = *RunConfig::descriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const pb::FieldDescriptor& field = *descriptor.field(i);
    if (field.number() == RunConfig::kRunFieldNumber) continue;
    const std::vector<size_t> classes = Classes(results, field);
    if (AllEqual(classes)) continue;
    if (IsOfMachine(field.name()) && Decides(machines, classes)) continue;
    if (field.name() == "workload_textproto" && Decides(parameters, classes)) continue;
    Axis axis{.name = field.name(), .values = {}};
    for (const RunResult* result : results) {
      axis.values.push_back(FieldText(result->config(), field));
    }
    axes.push_back(std::move(axis));
  }
  for (const RunSwitch& each : Switches()) {
    if (!each.flag->reported().empty() || AllEqual(Classes(results, each))) continue;
    Axis axis{.name = each.field->name(), .values = {}};
    for (const RunResult* result : results) {
      const std::string text = SwitchText(WithDefaults(result->config().run()), each);
      axis.values.push_back(!each.is_list() ? fmt::format("{}={}", each.name(), text)
                            : text.empty()  ? fmt::format("no {}", each.name())
                                            : text);
    }
    axes.push_back(std::move(axis));
  }
  return axes;
}

std::vector<LabelledResult> Labelled(std::vector<RunResult> results) {
  std::vector<const RunResult*> pointers;
  for (const RunResult& result : results) pointers.push_back(&result);
  std::vector<Axis> axes = AxesOf(pointers);
  if (axes.size() == 1) axes[0].values = ToldApart(axes[0].values);
  std::vector<LabelledResult> set;
  std::map<std::string, int> seen;
  for (size_t i = 0; i < results.size(); ++i) {
    std::string label;
    for (const Axis& axis : axes) {
      if (!label.empty() && !axis.values[i].empty()) label += ' ';
      label += axis.values[i];
    }
    if (label.empty()) label = results[i].config().allocator();
    if (label.empty()) label = "run";
    const int times = ++seen[label];
    if (times > 1) label += fmt::format(" #{}", times);
    set.push_back({.label = std::move(label), .result = std::move(results[i])});
  }
  return set;
}

std::vector<Series> ScalingSeries(ResultSet set) {
  const std::vector<const RunResult*> results = Pointers(set);
  const std::vector<Axis> axes = AxesOf(results);
  const bool nodes_differ = !AllEqual(Classes(results, ConfigField("nodes")));
  std::vector<Key> keys(set.size());
  for (size_t run = 0; run < set.size(); ++run) {
    for (const Axis& axis : axes) {
      if (IsOfMachine(axis.name) || axis.name == "machine") continue;
      Append(axis.name == "allocator" ? keys[run].line : keys[run].panel, axis.values[run]);
    }
    const RunConfig& config = set[run].result.config();
    if (nodes_differ) Append(keys[run].panel, NumberText("nodes", config.nodes()));
    if (keys[run].line.empty()) keys[run].line = config.allocator();
  }
  std::vector<Series> all = Grouped(set, keys);
  if (HasTwoOfOneSize(set, all)) {
    for (size_t run = 0; run < set.size(); ++run) {
      Append(keys[run].panel, set[run].result.config().machine());
    }
    all = Grouped(set, keys);
  }
  const bool scales = std::any_of(all.begin(), all.end(), [&](const Series& series) {
    return set[series.runs.front()].result.config().cpus() !=
           set[series.runs.back()].result.config().cpus();
  });
  return scales ? all : std::vector<Series>();
}

}  // namespace slablab
