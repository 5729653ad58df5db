// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/cmd_list.h"

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "allocators/percpu_registry.h"
#include "allocators/registry.h"
#include "cli/command.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "fmt/format.h"
#include "reports/metrics.h"
#include "sim/machine_loader.h"
#include "workloads/workload_loader.h"

namespace slablab {

namespace {

constexpr size_t kIndent = 20;

// What it is, what --set takes, and what it uses and why.
void AppendWorkload(const WorkloadInfo& workload, std::string* rows) {
  AppendRow(
      rows, workload.name,
      fmt::format("{} Its work is counted in {}.", workload.description, workload.spec.unit()),
      kIndent);
  for (const WorkloadParameterSpec& parameter : workload.spec.parameters()) {
    AppendRow(
        rows, "",
        fmt::format("{}={}: {}.", parameter.name(), parameter.value(), parameter.description()),
        kIndent + 2);
  }
  for (const WorkloadUse& use : workload.spec.uses()) {
    AppendRow(rows, "",
              fmt::format("uses {} for {}: {}.", use.cache().empty() ? "kmalloc" : use.cache(),
                          use.name(), use.why()),
              kIndent + 2);
  }
}

}  // namespace

int RunList(const std::vector<std::string>& arguments) {
  constexpr size_t kMetricIndent = 32;
  std::string rows;
  const std::string what = arguments.size() == 1 ? arguments[0] : "";
  if (what == "allocators") {
    for (const AllocatorInfo& allocator : ListAllocators()) {
      AppendRow(&rows, allocator.name, allocator.summary, kIndent);
    }
    for (const PercpuInfo& allocator : ListPercpuAllocators()) {
      AppendRow(&rows, allocator.name, allocator.summary, kIndent);
    }
    Print(stdout, "{}", rows);
    return kExitOk;
  }
  if (what == "machines") {
    for (const PresetInfo& preset : ListPresets()) {
      AppendRow(&rows, preset.name, preset.description, kIndent);
    }
    AppendRow(&rows, "host", "the machine that slablab runs on", kIndent);
    AppendRow(&rows, kRecordedMachine, "the machine that the trace was recorded on", kIndent);
    Print(stdout, "{}", rows);
    return kExitOk;
  }
  if (what == "metrics") {
    for (const Metric& metric : Metrics()) {
      const std::string_view better = metric.better == Better::kLess   ? "; less is better"
                                      : metric.better == Better::kMore ? "; more is better"
                                                                       : "";
      AppendRow(&rows, metric.name,
                fmt::format("{}{}{}{}.", metric.summary, metric.unit.empty() ? "" : ", in ",
                            metric.unit, better),
                kMetricIndent);
    }
    Print(stdout, "{}", rows);
    return kExitOk;
  }
  if (what == "workloads") {
    for (const WorkloadInfo& workload : ListWorkloads()) AppendWorkload(workload, &rows);
    Print(stdout, "{}", rows);
    return kExitOk;
  }
  return Fail(absl::InvalidArgumentError(
      absl::StrCat("list what? ", what.empty() ? "" : absl::StrCat("'", what, "' is not one of: "),
                   "allocators, machines, metrics, workloads")));
}

}  // namespace slablab
