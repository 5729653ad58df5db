// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/sweep_plan.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "allocators/registry.h"
#include "base/gz_input.h"
#include "fmt/format.h"
#include "runs/experiments/sweep.pb.h"
#include "runs/recorded/bundled_traces.h"
#include "runs/recorded/recorded_machine.h"
#include "runs/simulation/model_choice.h"
#include "runs/simulation/run_check.h"
#include "runs/simulation/run_spec.h"
#include "traces/slt/trace.h"

namespace slablab {
namespace {

namespace pb = google::protobuf;

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// A point in the making.
struct Draft {
  RunSpec spec;
  std::map<std::string, std::string> flags;  // FlagAxis
  uint32_t cpus = 0;                         // 0: as the machine has them
  uint32_t nodes = 0;
};

struct Axis {
  std::string name;
  std::string field;  // where in the text it stands
  std::vector<std::string> values;
  std::function<void(size_t value, Draft& draft)> apply;
};

// Where in the text an axis has its value of that number.
std::string PathOf(const Axis& axis, size_t value) {
  return fmt::format("{}{}[{}]", axis.field, axis.field == axis.name ? "" : ".value", value);
}

// The axes that a spec gives values for, in its order. They refer to the spec.
class AxisReader {
 public:
  AxisReader(const SweepSpec& spec, const SpecOrigin& origin) : spec_(spec), origin_(origin) {}

  absl::StatusOr<std::vector<Axis>> Read() {
    AddSimple("workload", spec_.workload(), [spec = &spec_](size_t i, Draft& draft) {
      const std::string& value = spec->workload(static_cast<int>(i));
      RunSpec over;
      if (absl::EndsWith(value, ".slt") || IsBundledTrace(value)) {
        over.set_trace(value);
      } else {
        over.set_workload(value);
      }
      draft.spec = Overlaid(draft.spec, over);
    });
    AddSimple("allocator", spec_.allocator(), [spec = &spec_](size_t i, Draft& draft) {
      draft.spec.set_allocator(spec->allocator(static_cast<int>(i)));
    });
    AddSimple("machine", spec_.machine(), [spec = &spec_](size_t i, Draft& draft) {
      draft.spec.set_machine(spec->machine(static_cast<int>(i)));
    });
    AddSimple("cpus", spec_.cpus(), [spec = &spec_](size_t i, Draft& draft) {
      draft.cpus = spec->cpus(static_cast<int>(i));
    });
    AddSimple("nodes", spec_.nodes(), [spec = &spec_](size_t i, Draft& draft) {
      draft.nodes = spec->nodes(static_cast<int>(i));
    });
    AddSimple("size", spec_.size(), [spec = &spec_](size_t i, Draft& draft) {
      draft.spec.set_scale(spec->size(static_cast<int>(i)));
    });
    AddNumbers("parameter", spec_.parameter(), &RunSpec::add_set);
    AddNumbers("tunable", spec_.tunable(), &RunSpec::add_tune);
    for (int i = 0; i < spec_.policy_size(); ++i) {
      const FlagAxis& axis = spec_.policy(i);
      Add({.name = axis.name(),
           .field = fmt::format("policy[{}]", i),
           .values = {axis.value().begin(), axis.value().end()},
           .apply = [&axis](size_t value, Draft& draft) {
             draft.spec.add_policy(
                 fmt::format("{}={}", axis.name(), axis.value(static_cast<int>(value))));
           }});
    }
    for (int i = 0; i < spec_.flag_size(); ++i) {
      const FlagAxis& axis = spec_.flag(i);
      Add({.name = axis.name(),
           .field = fmt::format("flag[{}]", i),
           .values = {axis.value().begin(), axis.value().end()},
           .apply = [&axis](size_t value, Draft& draft) {
             draft.flags[axis.name()] = axis.value(static_cast<int>(value));
           }});
    }
    AddSimple("seed", spec_.seed(), [spec = &spec_](size_t i, Draft& draft) {
      draft.spec.set_seed(spec->seed(static_cast<int>(i)));
    });
    if (absl::Status status = Check(); !status.ok()) return status;
    return std::move(axes_);
  }

 private:
  void Add(Axis axis) { axes_.push_back(std::move(axis)); }

  template <typename Values>
  void AddSimple(const std::string& name, const Values& values,
                 std::function<void(size_t, Draft&)> apply) {
    if (values.empty()) return;
    Axis axis{.name = name, .field = name, .values = {}, .apply = std::move(apply)};
    for (const auto& value : values) axis.values.push_back(fmt::format("{}", value));
    Add(std::move(axis));
  }

  void AddNumbers(const std::string& field, const pb::RepeatedPtrField<NumberAxis>& axes,
                  void (RunSpec::*add)(std::string&&)) {
    for (int i = 0; i < axes.size(); ++i) {
      const NumberAxis& from = axes[i];
      Axis axis{.name = from.name(),
                .field = fmt::format("{}[{}]", field, i),
                .values = {},
                .apply = [&from, add](size_t value, Draft& draft) {
                  (draft.spec.*
                   add)(fmt::format("{}={}", from.name(), from.value(static_cast<int>(value))));
                }};
      for (const int64_t value : from.value()) axis.values.push_back(absl::StrCat(value));
      Add(std::move(axis));
    }
  }

  // A value given twice, or an axis of none, is a slip of the pen.
  absl::Status Check() const {
    std::set<std::string> names;
    for (const Axis& axis : axes_) {
      if (axis.name.empty()) return origin_.Error(axis.field, "an axis without a name");
      if (!names.insert(axis.name).second) {
        return origin_.Error(axis.field, fmt::format("a second axis \"{}\"", axis.name));
      }
      if (axis.values.empty()) {
        return origin_.Error(axis.field, fmt::format("axis \"{}\" has no values", axis.name));
      }
      std::set<std::string> values;
      for (size_t i = 0; i < axis.values.size(); ++i) {
        if (values.insert(axis.values[i]).second) continue;
        return origin_.Error(PathOf(axis, i),
                             fmt::format("a second \"{}\" in {}", axis.values[i], axis.name));
      }
    }
    for (int i = 0; i < spec_.flag_size(); ++i) {
      // Points would have two names.
      const RunSwitch* const set = FindSwitch(spec_.flag(i).name());
      if (set == nullptr || set->flag->axis().empty()) continue;
      return origin_.Error(
          fmt::format("flag[{}]", i),
          fmt::format("--{} has an axis of its own: {}", set->name(), set->flag->axis()));
    }
    return absl::OkStatus();
  }

  const SweepSpec& spec_;
  const SpecOrigin& origin_;
  std::vector<Axis> axes_;
};

// Makes the points of a sweep, and finds what is wrong with its values before anything runs.
class Planner {
 public:
  Planner(const SweepSpec& spec, const SpecOrigin& origin, std::string folder)
      : spec_(spec), origin_(origin), folder_(std::move(folder)) {}

  absl::StatusOr<SweepPlan> Plan() {
    absl::StatusOr<std::vector<Axis>> axes = AxisReader(spec_, origin_).Read();
    if (!axes.ok()) return axes.status();
    size_t count = 1;
    for (const Axis& axis : *axes) {
      count *= axis.values.size();
      if (count > kSweepPointsMax) {
        return origin_.Error(axis.field, fmt::format("more than {} points", kSweepPointsMax));
      }
    }
    if (absl::Status status = CheckSizes(); !status.ok()) return status;
    SweepPlan plan;
    for (const Axis& axis : *axes) plan.axes.push_back(axis.name);
    bool can_be = false;
    for (size_t number = 0; number < count; ++number) {
      absl::StatusOr<SweepPoint> point = PointOf(*axes, number, count);
      if (!point.ok()) return point.status();
      can_be |= point->refused.empty();
      plan.points.push_back(*std::move(point));
    }
    // What no allocator of the sweep knows is no matter of how values meet.
    for (const auto& [value, error] : unknown_) {
      if (!known_.contains(value)) return error;
    }
    // Nor are values that never meet well.
    if (!can_be && !first_refusal_.ok()) return first_refusal_;
    return plan;
  }

 private:
  // The point's number, read with the axes as digits.
  absl::StatusOr<SweepPoint> PointOf(const std::vector<Axis>& axes, size_t number, size_t count) {
    SweepPoint point;
    std::vector<size_t> chosen;
    Draft draft{.spec = spec_.base(), .flags = {}};
    for (const Axis& axis : axes) {
      count /= axis.values.size();
      const size_t value = number / count % axis.values.size();
      point.values.push_back(axis.values[value]);
      chosen.push_back(value);
      axis.apply(value, draft);
    }
    if (const auto flag = draft.flags.find("scenario"); flag != draft.flags.end()) {
      draft.spec.set_scenario(flag->second);
      if (flag->second.empty()) draft.spec.clear_scenario();
    }
    ResolvePaths(folder_, &draft.spec);
    if (absl::Status status = SetMachine(draft); !status.ok()) return status;
    absl::StatusOr<SimulationOptions> options = OptionsOf(draft.spec, origin_, "base.");
    if (!options.ok()) return options.status();
    std::string flags;
    for (const auto& [name, value] : draft.flags) {
      if (name == "scenario") continue;
      const absl::Status status = SetRunSwitch(name, value, &options->run);
      if (!status.ok()) return FlagError(axes, name, status);
      flags += fmt::format("--{}={}\n", name, value);
    }
    if (absl::Status status = ChooseModelOf(axes, chosen, draft.spec, &*options); !status.ok()) {
      return status;
    }
    for (size_t i = 0; i < axes.size(); ++i) {
      if (axes[i].name == "allocator") point.values[i] = options->run.allocator();
    }
    point.options = *std::move(options);
    NoteModelValues(axes, chosen, point.options, draft.spec);
    DropForeignPolicies(&point.options.run);
    if (const std::optional<RunFault> fault = checker_.Check(point.options); fault.has_value()) {
      const absl::Status error = FaultError(axes, chosen, *fault, draft.spec);
      if (!fault->elsewhere) return error;
      if (first_refusal_.ok() && fault->field != "machine") first_refusal_ = error;
      point.refused = fault->message;
    }
    const absl::StatusOr<RunInputs> inputs = inputs_.Of(point.options);
    if (!inputs.ok()) return origin_.Error("base.trace", MessageOf(inputs.status()));
    point.inputs = *inputs;
    point.name = NameOfRun(draft.spec, *inputs, flags);
    return point;
  }

  // Makes "slub" the model that it is of the point's trace, in the spec too: the point's name is of
  // what is run.
  absl::Status ChooseModelOf(const std::vector<Axis>& axes, const std::vector<size_t>& chosen,
                             RunSpec& spec, SimulationOptions* options) {
    chooser_.Choose(options);
    const std::string_view name = DigestedName(options->run.allocator());
    if (spec.has_allocator() || name != kSlubOfKernel) spec.set_allocator(std::string(name));
    for (size_t i = 0; options->allocator_of_kernel && i < axes.size(); ++i) {
      const std::vector<std::string>& values = axes[i].values;
      if (axes[i].name != "allocator") continue;
      const std::string& model = options->run.allocator();
      if (std::find(values.begin(), values.end(), model) == values.end()) continue;
      return origin_.Error(PathOf(axes[i], chosen[i]),
                           fmt::format("\"{}\" is {} here, which is another value of allocator",
                                       kSlubOfKernel, model));
    }
    return absl::OkStatus();
  }

  // Which quirks, policies, boots and tunables some allocator of the sweep knows, and which one did
  // not.
  void NoteModelValues(const std::vector<Axis>& axes, const std::vector<size_t>& chosen,
                       const SimulationOptions& options, const RunSpec& spec) {
    for (const ModelValue& value : ModelValues(options)) {
      const std::string key = fmt::format("{}={}", value.field, value.name);
      if (value.status.ok()) {
        known_.insert(key);
      } else if (!unknown_.contains(key)) {
        unknown_[key] = FaultError(axes, chosen,
                                   {.field = value.field,
                                    .parameter = value.name,
                                    .message = std::string(MessageOf(value.status))},
                                   spec);
      }
    }
  }

  // Where the axis or the base has what is wrong.
  absl::Status FaultError(const std::vector<Axis>& axes, const std::vector<size_t>& chosen,
                          const RunFault& fault, const RunSpec& spec) const {
    const std::string parameter = fault.parameter.substr(0, fault.parameter.find('='));
    for (size_t i = 0; i < axes.size(); ++i) {
      if (axes[i].name != fault.field && axes[i].name != parameter) continue;
      return origin_.Error(PathOf(axes[i], chosen[i]), fault.message);
    }
    return ErrorOf(fault, spec, origin_, "base.");
  }

  absl::Status FlagError(const std::vector<Axis>& axes, const std::string& name,
                         const absl::Status& status) const {
    const auto axis = std::find_if(axes.begin(), axes.end(), [&](const Axis& candidate) {
      return candidate.name == name && candidate.field != name;
    });
    return origin_.Error(axis == axes.end() ? "flag" : axis->field, MessageOf(status));
  }

  // The base machine in the size that the axes say.
  absl::Status SetMachine(Draft& draft) {
    if (draft.spec.machine().empty()) {
      draft.spec.set_machine(DefaultMachine(draft.spec.has_trace()));
    }
    const std::string& base = draft.spec.machine();
    const auto key = std::pair(base, IsOfRecording(base) ? draft.spec.trace() : std::string());
    if (machines_.count(key) == 0) {
      const absl::StatusOr<SourcedMachine> whole = LoadMachineFor(base, draft.spec.trace());
      if (!whole.ok()) {
        return origin_.Error(IsOfRecording(base) ? "base.trace" : "base.machine",
                             MessageOf(whole.status()));
      }
      machines_[key] = {whole->config.cpu_count(), whole->config.node_count()};
    }
    if (draft.cpus == 0 && draft.nodes == 0) return absl::OkStatus();
    const auto& [cpus, nodes] = machines_[key];
    draft.spec.set_machine(fmt::format("{}@{}x{}", base, draft.cpus == 0 ? cpus : draft.cpus,
                                       draft.nodes == 0 ? nodes : draft.nodes));
    return absl::OkStatus();
  }

  absl::Status CheckSizes() const {
    for (int i = 0; i < spec_.cpus_size(); ++i) {
      if (spec_.cpus(i) == 0) return origin_.Error(fmt::format("cpus[{}]", i), "0 CPUs");
    }
    for (int i = 0; i < spec_.nodes_size(); ++i) {
      if (spec_.nodes(i) == 0) return origin_.Error(fmt::format("nodes[{}]", i), "0 nodes");
    }
    return absl::OkStatus();
  }

  const SweepSpec& spec_;
  const SpecOrigin& origin_;
  const std::string folder_;
  RunInputsReader inputs_;
  ModelChooser chooser_;
  RunChecker checker_;
  absl::Status first_refusal_;
  // Of the values that are for allocators to know, "quirks=memcg-off": those that one knows, and
  // the error that each is which one does not.
  std::set<std::string> known_;
  std::map<std::string, absl::Status> unknown_;
  // CPUs and nodes, by name and, of what was recorded, trace.
  std::map<std::pair<std::string, std::string>, std::pair<int, int>> machines_;
};

}  // namespace

absl::StatusOr<SweepPlan> PlanSweepFromText(std::string_view text, const std::string& path) {
  SweepSpec spec;
  SpecOrigin origin(path);
  if (absl::Status status = ParseTextproto(text, &spec, &origin); !status.ok()) return status;
  // What an axis sets is wrong where the axis stands.
  for (const RunSwitch& each : Switches()) {
    if (each.flag->axis().empty()) continue;
    origin.SetPositionOf("base." + each.field->name(), each.flag->axis());
  }
  const std::filesystem::path file(path);
  absl::StatusOr<SweepPlan> plan = Planner(spec, origin, file.parent_path().string()).Plan();
  if (plan.ok()) plan->name = file.stem().string();
  return plan;
}

absl::StatusOr<SweepPlan> PlanSweep(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  return PlanSweepFromText(*text, path);
}

absl::StatusOr<Shard> ParseShard(std::string_view text) {
  Shard shard;
  const char* const end = text.data() + text.size();
  const auto index = std::from_chars(text.data(), end, shard.index);
  if (index.ec == std::errc() && index.ptr != end && *index.ptr == '/') {
    const auto count = std::from_chars(index.ptr + 1, end, shard.count);
    if (count.ec == std::errc() && count.ptr == end && shard.index >= 1 &&
        shard.index <= shard.count) {
      return shard;
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("--shard={}: a shard is K/N, the K-th of N, such as 3/8", text));
}

std::vector<size_t> PointsOf(const SweepPlan& plan, const Shard& shard) {
  std::set<std::string_view> names;
  for (const SweepPoint& point : plan.points) {
    if (point.refused.empty()) names.insert(point.name);
  }
  std::map<std::string_view, size_t> shard_of;
  size_t dealt = 0;
  for (const std::string_view name : names) shard_of[name] = dealt++ % shard.count + 1;
  std::vector<size_t> indices;
  for (size_t i = 0; i < plan.points.size(); ++i) {
    const auto found = shard_of.find(plan.points[i].name);
    if (found == shard_of.end() || found->second != shard.index) continue;
    indices.push_back(i);
    shard_of.erase(found);  // Once is enough.
  }
  return indices;
}

}  // namespace slablab
