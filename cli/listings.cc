// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/listings.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_join.h"
#include "allocators/percpu/registry.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "base/names.h"
#include "cli/sweep_text.h"
#include "fmt/format.h"
#include "reports/comparison/comparison.h"
#include "reports/metrics.h"
#include "reports/numbers.h"
#include "reports/sqlite/schema.h"
#include "runs/experiments/sweep.pb.h"
#include "runs/recorded/bundled_traces.h"
#include "sim/machine/machine_loader.h"
#include "traces/sidecar/recorded_topology.h"
#include "traces/slt/trace.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

using Row = std::vector<std::string>;

std::vector<std::string> ModelNames() {
  std::vector<std::string> names;
  for (const AllocatorInfo& info : ListAllocators()) names.emplace_back(info.name);
  for (const PercpuInfo& info : ListPercpuAllocators()) names.emplace_back(info.name);
  return names;
}

// The models that have the same of something go together: by the address of their tables, in the
// order of the registry.
template <typename Info>
std::vector<std::pair<std::string, absl::Span<const Info>>> Grouped(
    absl::Span<const Info> ModelSwitches::*part) {
  std::vector<std::pair<std::string, absl::Span<const Info>>> groups;
  std::map<const Info*, size_t> seen;
  for (const std::string& name : ModelNames()) {
    const absl::Span<const Info> infos = SwitchesOf(name).*part;
    if (infos.empty()) continue;
    const auto [entry, added] = seen.try_emplace(infos.data(), groups.size());
    if (added) {
      groups.emplace_back(name, infos);
    } else {
      groups[entry->second].first += ", " + name;
    }
  }
  return groups;
}

// Models of one family have the same switches.
struct PolicyFamily {
  std::vector<std::string> models;
  std::vector<std::vector<PolicyInfo>> policies;  // by model
};

std::vector<PolicyFamily> PolicyFamilies() {
  std::vector<PolicyFamily> families;
  for (const AllocatorInfo& info : ListAllocators()) {
    std::vector<PolicyInfo> policies = PoliciesOf(info.name);
    if (policies.empty()) continue;
    const auto same = [&](const PolicyFamily& family) {
      return NamesOf(family.policies[0]) == NamesOf(policies);
    };
    auto family = std::find_if(families.begin(), families.end(), same);
    if (family == families.end()) family = families.insert(families.end(), PolicyFamily());
    family->models.emplace_back(info.name);
    family->policies.push_back(std::move(policies));
  }
  return families;
}

// "slub, slub-6.18 to slub-7.3": of the models, in their order, those of these numbers.
std::string ModelsText(const std::vector<std::string>& models, const std::vector<size_t>& numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size();) {
    size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (last == i + 1) last = i;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", models[numbers[i]]);
    if (last > i) text += fmt::format(" to {}", models[numbers[last]]);
    i = last + 1;
  }
  return text;
}

// "none: slub, slub-6.12; opt-in: slub-6.18; default: slub-7.0 to slub-7.3": which model has which
// value of a family's switch.
std::string PolicyValuesText(const PolicyFamily& family, size_t policy) {
  const PolicyInfo& first = family.policies[0][policy];
  std::vector<std::string> values = NameList(first.words);
  std::map<std::string, std::vector<size_t>> models;
  std::map<std::string, std::vector<size_t>> idle;
  for (size_t model = 0; model < family.models.size(); ++model) {
    const PolicyInfo& info = family.policies[model][policy];
    if (!info.idle.empty()) {
      idle[std::string(info.idle)].push_back(model);
      continue;
    }
    models[info.value].push_back(model);
    if (std::find(values.begin(), values.end(), info.value) == values.end()) {
      values.push_back(info.value);
    }
  }
  std::string text = first.words.empty() ? ValuesText(first) : "";
  const auto add = [&text](const std::string& part) {
    text += fmt::format("{}{}", text.empty() ? "" : "; ", part);
  };
  for (const std::string& value : values) {
    add(models.contains(value)
            ? fmt::format("{}: {}", value, ModelsText(family.models, models[value]))
            : value);
  }
  for (const auto& [why, numbers] : idle) {
    add(fmt::format("nothing in {}: {}", ModelsText(family.models, numbers), why));
  }
  return text + ".";
}

std::string RangeText(const TunableInfo& tunable) {
  if (tunable.least == tunable.most) return fmt::format("{} alone", tunable.least);
  return fmt::format("{}..{}", tunable.least, tunable.most);
}

Row TunableRow(const std::string& model, const TunableInfo& tunable) {
  return {model,
          std::string(tunable.name),
          fmt::format("{}", tunable.least),
          fmt::format("{}", tunable.most),
          std::string(tunable.initial),
          std::string(tunable.meaning),
          tunable.at_boot ? "boot" : "run"};
}

void AddTables(const std::vector<DataTable>& tables, std::string_view of, std::string_view command,
               std::set<std::string>* seen, Listing* listing) {
  listing->text.push_back(
      {.left = fmt::format("Of {} ({})", of, command), .right = "", .is_heading = true});
  for (const DataTable& table : tables) {
    if (!seen->insert(table.name).second) continue;
    listing->text.push_back({.left = table.name, .right = absl::StrJoin(table.columns, ", ")});
    for (size_t i = 0; i < table.columns.size(); ++i) {
      listing->data.rows.push_back({table.name, std::string(of), fmt::format("{}", i + 1),
                                    table.columns[i], i < table.keys ? "key" : "value"});
    }
  }
}

std::string WorkloadUses(const WorkloadUse& use) {
  return fmt::format("uses {} for {}: {}.", use.cache().empty() ? "kmalloc" : use.cache(),
                     use.name(), use.why());
}

absl::Status AddTrace(const std::string& name, Listing* listing) {
  const std::string path = BundledTracePath(name);
  const absl::StatusOr<std::unique_ptr<TraceReader>> reader =
      TraceReader::Open(path, TraceReader::Options());
  if (!reader.ok()) return reader.status();
  const TraceHeader& header = (*reader)->header();
  const size_t cpus = TopologyOf(header, (*reader)->blocks(), /*asked_nodes=*/{}).cpus.size();
  const uint64_t nanos = header.time_last - header.time_first;
  std::vector<std::string> sidecars;
  for (const TraceSidecar& sidecar : header.sidecars) sidecars.push_back(sidecar.name);
  listing->text.push_back(
      {.left = name,
       .right = fmt::format(
           "Linux {}, {} on {}: {} of {} in {}.{:03} s, from {}; {}.",
           header.kernel_release.empty() ? "of unknown release" : header.kernel_release,
           Counted(cpus, "CPU", "CPUs"),
           header.node_count == 0
               ? std::string("an unknown number of nodes")
               : Counted(static_cast<uint64_t>(header.node_count), "node", "nodes"),
           Counted(header.event_count, "event", "events"),
           Counted(header.object_count, "object", "objects"), nanos / 1'000'000'000,
           nanos / 1'000'000 % 1000, header.source_format,
           sidecars.empty() ? "no sidecars" : "with " + absl::StrJoin(sidecars, ", "))});
  listing->data.rows.push_back({name, path, header.kernel_release, fmt::format("{}", cpus),
                                fmt::format("{}", header.node_count),
                                fmt::format("{}", header.event_count),
                                fmt::format("{}", header.object_count), fmt::format("{}", nanos),
                                header.source_format, absl::StrJoin(sidecars, ",")});
  return absl::OkStatus();
}

}  // namespace

Listing ListOfAllocators() {
  Listing listing;
  listing.data = {
      .name = "allocators", .keys = 1, .columns = {"allocator", "kind", "summary"}, .rows = {}};
  const auto add = [&](std::string_view name, std::string_view kind, std::string_view summary) {
    listing.text.push_back({.left = std::string(name), .right = std::string(summary)});
    listing.data.rows.push_back({std::string(name), std::string(kind), std::string(summary)});
  };
  add(kSlubOfKernel, "alias",
      fmt::format("The default: of the models of SLUB below, the one of the recorded kernel, or "
                  "else the nearest older one; {} where nothing was recorded.",
                  SlubOfKernel("")));
  for (const AllocatorInfo& info : ListAllocators()) add(info.name, "slab", info.summary);
  for (const PercpuInfo& info : ListPercpuAllocators()) add(info.name, "percpu", info.summary);
  return listing;
}

Listing ListOfMachines() {
  Listing listing;
  listing.data = {.name = "machines",
                  .keys = 1,
                  .columns = {"machine", "cpus", "nodes", "clock_mhz", "description"},
                  .rows = {}};
  for (const PresetInfo& preset : ListPresets()) {
    listing.text.push_back({.left = preset.name, .right = preset.description});
    const absl::StatusOr<MachineConfig> config = LoadMachine(preset.name);
    CHECK(config.ok());  // a test loads every preset
    listing.data.rows.push_back({preset.name, fmt::format("{}", config->cpu_count()),
                                 fmt::format("{}", config->node_count()),
                                 fmt::format("{}", config->clock_mhz), preset.description});
  }
  const std::pair<std::string_view, std::string_view> further[] = {
      {"host", "the machine that slablab runs on"},
      {kRecordedMachine, "the machine that the trace was recorded on"}};
  for (const auto& [name, description] : further) {
    listing.text.push_back({.left = std::string(name), .right = std::string(description)});
    listing.data.rows.push_back({std::string(name), "", "", "", std::string(description)});
  }
  return listing;
}

Listing ListOfMetrics() {
  Listing listing;
  listing.indent = 32;
  listing.data = {
      .name = "metrics", .keys = 1, .columns = {"metric", "unit", "better", "summary"}, .rows = {}};
  for (const Metric& metric : Metrics()) {
    const std::string_view better = metric.better == Better::kLess   ? "less"
                                    : metric.better == Better::kMore ? "more"
                                                                     : "";
    listing.text.push_back(
        {.left = std::string(metric.name),
         .right = fmt::format("{}{}{}{}.", metric.summary, metric.unit.empty() ? "" : ", in ",
                              metric.unit,
                              better.empty() ? "" : fmt::format("; {} is better", better))});
    listing.data.rows.push_back({std::string(metric.name), std::string(metric.unit),
                                 std::string(better), std::string(metric.summary)});
  }
  return listing;
}

Listing ListOfPolicies() {
  Listing listing;
  listing.indent = 6;
  listing.data = {.name = "policies",
                  .keys = 2,
                  .columns = {"allocator", "policy", "value", "values", "idle", "meaning"},
                  .rows = {}};
  for (const PolicyFamily& family : PolicyFamilies()) {
    listing.text.push_back(
        {.left = absl::StrJoin(family.models, ", "), .right = "", .is_heading = true});
    for (size_t policy = 0; policy < family.policies[0].size(); ++policy) {
      const PolicyInfo& info = family.policies[0][policy];
      listing.text.push_back({.left = std::string(info.name), .right = std::string(info.meaning)});
      listing.text.push_back({.left = "", .right = PolicyValuesText(family, policy)});
    }
    for (size_t model = 0; model < family.models.size(); ++model) {
      for (const PolicyInfo& info : family.policies[model]) {
        listing.data.rows.push_back({family.models[model], std::string(info.name), info.value,
                                     ValuesText(info), std::string(info.idle),
                                     std::string(info.meaning)});
      }
    }
  }
  return listing;
}

Listing ListOfQuirks() {
  Listing listing;
  listing.indent = 28;
  listing.data = {
      .name = "quirks", .keys = 2, .columns = {"allocator", "quirk", "meaning"}, .rows = {}};
  for (const auto& [models, quirks] : Grouped(&ModelSwitches::quirks)) {
    listing.text.push_back({.left = models, .right = "", .is_heading = true});
    for (const QuirkInfo& quirk : quirks) {
      listing.text.push_back(
          {.left = std::string(quirk.name), .right = std::string(quirk.meaning)});
    }
  }
  for (const std::string& model : ModelNames()) {
    const ModelSwitches switches = SwitchesOf(model);
    for (const QuirkInfo& quirk : switches.quirks) {
      listing.data.rows.push_back({model, std::string(quirk.name), std::string(quirk.meaning)});
    }
  }
  return listing;
}

Listing ListOfTunables() {
  Listing listing;
  listing.indent = 28;
  listing.data = {
      .name = "tunables",
      .keys = 2,
      .columns = {"allocator", "tunable", "least", "most", "initial", "meaning", "when"},
      .rows = {}};
  for (const auto& [models, tunables] : Grouped(&ModelSwitches::tunables)) {
    listing.text.push_back({.left = models, .right = "", .is_heading = true});
    for (const TunableInfo& tunable : tunables) {
      listing.text.push_back(
          {.left = std::string(tunable.name),
           .right = fmt::format(
               "{}{}{}. {}", RangeText(tunable),
               tunable.initial.empty() ? "" : fmt::format("; at first {}", tunable.initial),
               tunable.at_boot ? "; a boot parameter" : "", tunable.meaning)});
    }
    const std::string first = models.substr(0, models.find(','));
    const ModelSwitches switches = SwitchesOf(first);
    if (switches.counters.empty()) continue;
    listing.text.push_back(
        {.left = "COUNTER",
         .right = fmt::format("0 alone, with --statistics. Clears the counter: {}.",
                              fmt::join(NamesOf(switches.counters), ", "))});
  }
  for (const std::string& model : ModelNames()) {
    const ModelSwitches switches = SwitchesOf(model);
    for (const TunableInfo& tunable : switches.tunables) {
      listing.data.rows.push_back(TunableRow(model, tunable));
    }
    for (const FigureInfo& counter : switches.counters) {
      listing.data.rows.push_back(
          TunableRow(model, TunableInfo{.name = counter.name,
                                        .initial = "",
                                        .meaning = "Clears the counter."}));
    }
  }
  return listing;
}

Listing ListOfSchema() {
  Listing listing;
  listing.indent = 32;
  listing.data = {.name = "schema",
                  .keys = 3,
                  .columns = {"table", "position", "column", "type", "unit", "meaning"},
                  .rows = {}};
  for (const SchemaTable& table : SchemaTables()) {
    listing.text.push_back({.left = fmt::format("{}: {}", table.name, table.row),
                            .right = "",
                            .is_heading = true});
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const SchemaColumn& column = table.columns[i];
      listing.text.push_back(
          {.left = column.name,
           .right = fmt::format("{}{}{}{}{}", column.type, column.unit.empty() ? "" : ", ",
                                column.unit, column.meaning.empty() ? "" : ": ", column.meaning)});
      listing.data.rows.push_back({table.name, fmt::format("{}", i + 1), column.name, column.type,
                                   column.unit, column.meaning});
    }
  }
  return listing;
}

Listing ListOfTables() {
  Listing listing;
  listing.data = {.name = "tables",
                  .keys = 3,
                  .columns = {"table", "of", "position", "column", "kind"},
                  .rows = {}};
  std::set<std::string> seen;
  AddTables(DataTables(RunResult()), "a run", "run, report", &seen, &listing);
  seen.clear();
  const LabelledResult none;
  // Those of a run are there too, with a column more.
  AddTables(ComparisonTables({&none, 1}), "several runs", "compare, demo, report", &seen, &listing);
  seen.clear();
  AddTables({SweepPointsTable(SweepReport())}, "a sweep",
            "sweep merge, behind the point a column for each axis", &seen, &listing);
  return listing;
}

Listing ListOfWorkloads() {
  Listing listing;
  listing.data = {.name = "workloads",
                  .keys = 2,
                  .columns = {"workload", "parameter", "initial", "meaning"},
                  .rows = {}};
  constexpr size_t kFurther = 2;
  for (const WorkloadInfo& workload : ListWorkloads()) {
    const std::string name(workload.name);
    const std::string meaning =
        fmt::format("{} Its work is counted in {}.", workload.description, workload.spec.unit());
    listing.text.push_back({.left = name, .right = meaning});
    listing.data.rows.push_back({name, "", "", meaning});
    for (const WorkloadParameterSpec& parameter : workload.spec.parameters()) {
      listing.text.push_back({.left = "",
                              .right = fmt::format("{}={}: {}.", parameter.name(),
                                                   parameter.value(), parameter.description()),
                              .is_heading = false,
                              .further = kFurther});
      listing.data.rows.push_back(
          {name, parameter.name(), fmt::format("{}", parameter.value()), parameter.description()});
    }
    for (const WorkloadUse& use : workload.spec.uses()) {
      listing.text.push_back(
          {.left = "", .right = WorkloadUses(use), .is_heading = false, .further = kFurther});
    }
  }
  return listing;
}

absl::StatusOr<Listing> ListOfTraces() {
  Listing listing;
  listing.indent = 6;
  listing.data = {.name = "traces",
                  .keys = 1,
                  .columns = {"trace", "file", "kernel", "cpus", "nodes", "events", "objects",
                              "duration_ns", "source", "sidecars"},
                  .rows = {}};
  const std::vector<std::string> names = BundledTraces();
  if (names.empty()) {
    return absl::NotFoundError(
        fmt::format("{}: no traces are there; SLABLAB_ROOT names the folder that slablab is in",
                    OwnFile("traces/samples")));
  }
  for (const std::string& name : names) {
    if (absl::Status status = AddTrace(name, &listing); !status.ok()) return status;
  }
  return listing;
}

}  // namespace slablab
