// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "allocators/policies.h"
#include "allocators/slab/policy.h"
#include "base/types.h"
#include "cli/command.h"
#include "cli/commands/footprint.pb.h"
#include "cli/flags.h"
#include "cli/limits.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "fmt/format.h"
#include "reports/message_json.h"
#include "reports/numbers.h"
#include "reports/text/fitted_table.h"
#include "runs/experiments/array_footprint.h"

ABSL_FLAG(int32_t, possible_cpus, 1024, "N: possible CPUs.");
ABSL_FLAG(int32_t, caches, 300, "N: caches, each with an array for every CPU.");
ABSL_FLAG(int32_t, entries, 120, "N: objects that an array holds.");
ABSL_FLAG(int32_t, pointer_bytes, 8, "N: bytes of a pointer, 4 or 8.");
ABSL_FLAG(bool, measure, true,
          "also boot SLAB of both eras with so many CPUs and caches, and say what they hold.");

namespace slablab {
namespace {

constexpr std::string_view kFlags[] = {"possible_cpus", "caches", "entries", "pointer_bytes",
                                       "measure",       "policy", "format"};
constexpr Format kFormats[] = {Format::kText, Format::kJson};

// What is simulated within seconds.
constexpr uint64_t kMeasuredBytesMax = uint64_t{2} << 30;

// Each is in its range by now.
absl::StatusOr<ArrayFootprintQuery> Query() {
  const ArrayFootprintQuery query{.cpus = absl::GetFlag(FLAGS_possible_cpus),
                                  .caches = absl::GetFlag(FLAGS_caches),
                                  .entries = absl::GetFlag(FLAGS_entries),
                                  .pointer_bytes = absl::GetFlag(FLAGS_pointer_bytes)};
  if (query.pointer_bytes == 4 || query.pointer_bytes == 8) return query;
  return BadFlag("pointer_bytes", fmt::format("{}", query.pointer_bytes), "it takes 4 or 8");
}

// SLAB of both eras, with what --policy changes in it.
absl::StatusOr<std::vector<SlabPolicy>> Eras() {
  const std::vector<std::string> settings =
      absl::StrSplit(GivenText(*FindSwitch("policy")), ',', absl::SkipEmpty());
  const SlabPolicy* const eras[] = {&kSlabPolicy61, &kSlabPolicy2014};
  for (const std::string& text : settings) {
    const absl::StatusOr<PolicySetting> setting = ParsePolicy(text);
    if (!setting.ok()) return setting.status();
    const auto is_of = [&](const SlabPolicy* era) { return era->name == setting->allocator; };
    if (setting->allocator.empty() || std::any_of(std::begin(eras), std::end(eras), is_of))
      continue;
    return BadFlag("policy", text, "footprint boots slab and slab-2014");
  }
  std::vector<SlabPolicy> policies;
  for (const SlabPolicy* era : eras) {
    std::vector<std::string> own;
    for (const std::string& text : settings) {
      const std::string of = ParsePolicy(text)->allocator;
      if (of.empty() || of == era->name) own.push_back(text);
    }
    const absl::StatusOr<SlabPolicy> policy = WithPolicies(kSlabPolicies, *era, own);
    if (!policy.ok()) return policy.status();
    policies.push_back(*policy);
  }
  return policies;
}

// Why nothing is measured; empty if it is.
std::string ReasonNotToMeasure(const ArrayFootprintQuery& query,
                               const std::vector<SlabPolicy>& eras) {
  if (!absl::GetFlag(FLAGS_measure)) return "--measure is off";
  int least = 0;
  for (const SlabPolicy& era : eras) least = std::max(least, BootCaches(era));
  if (query.caches < least) return fmt::format("SLAB has {} caches when it has booted", least);
  ArrayFootprintQuery simulated = query;
  simulated.pointer_bytes = 8;
  if (ArrayBytes(simulated) > kMeasuredBytesMax) return "it would be more than 2 GiB";
  return "";
}

void AddMeasured(const ArrayFootprintQuery& query, const SlabPolicy& policy,
                 FootprintReport* report) {
  Progress progress({.what = fmt::format("booting {}", policy.name),
                     .unit = "steps",
                     .total = 2 * static_cast<uint64_t>(query.caches)});
  const MeasuredArrays measured =
      MeasureArrays(query, policy, [&](uint64_t done) { progress.Update(done); });
  FootprintReport::Measured& row = *report->add_measured();
  row.set_allocator(std::string(policy.name));
  row.set_arrays_bytes(measured.arrays_bytes);
  row.set_held_bytes(measured.held_bytes);
}

// "147,456,000" and the same in MiB, beside what they are of.
void AddBytes(const std::string& what, uint64_t bytes, FittedTable* table) {
  constexpr uint64_t kMiB = 1 << 20;
  table->AddRow({what, Grouped(bytes), Quotient(bytes, kMiB, 1)});
}

FittedTable TableOfBytes() {
  FittedTable table;
  table.AddColumn({{""}, FittedTable::Column::kLeft});
  table.AddColumn({{"bytes"}});
  table.AddColumn({{"MiB"}});
  return table;
}

std::string Text(const FootprintReport& report, std::string_view not_measured,
                 const std::vector<SlabPolicy>& eras) {
  FittedTable table = TableOfBytes();
  AddBytes("pointers alone", report.pointers_bytes(), &table);
  AddBytes("with 16 bytes of header each", report.arrays_bytes(), &table);
  for (const FootprintReport::Measured& measured : report.measured()) {
    const auto era = std::find_if(eras.begin(), eras.end(), [&](const SlabPolicy& each) {
      return each.name == measured.allocator();
    });
    const bool percpu = era->percpu_arrays;
    AddBytes(fmt::format("measured, {}: {}", measured.allocator(),
                         percpu ? "per-CPU areas" : "kmalloc'ed arrays"),
             measured.arrays_bytes(), &table);
    AddBytes("  slabs and per-CPU chunks in all", measured.held_bytes(), &table);
  }
  return fmt::format(
      "Arrays of {} entries of {} bytes, for {} caches on {} possible CPUs\n{}{}\n",
      report.entries(), report.pointer_bytes(), Grouped(static_cast<uint64_t>(report.caches())),
      Grouped(static_cast<uint64_t>(report.cpus())), table.Text(),
      report.measured_size() > 0 ? std::string("What is measured has pointers of 8 bytes.")
                                 : fmt::format("Not measured: {}.", not_measured));
}

int RunFootprint(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) return Fail(absl::InvalidArgumentError("footprint takes flags only"));
  const absl::StatusOr<Format> format = FormatAmong(kFormats);
  if (!format.ok()) return Fail(format.status());
  const absl::StatusOr<ArrayFootprintQuery> query = Query();
  if (!query.ok()) return Fail(query.status());
  FootprintReport report;
  report.set_cpus(query->cpus);
  report.set_caches(query->caches);
  report.set_entries(query->entries);
  report.set_pointer_bytes(query->pointer_bytes);
  report.set_pointers_bytes(PointerBytes(*query));
  report.set_arrays_bytes(ArrayBytes(*query));
  const absl::StatusOr<std::vector<SlabPolicy>> eras = Eras();
  if (!eras.ok()) return Fail(eras.status());
  const std::string not_measured = ReasonNotToMeasure(*query, *eras);
  for (const SlabPolicy& era : *eras) {
    if (not_measured.empty()) AddMeasured(*query, era, &report);
  }
  if (*format == Format::kText) {
    Print(stdout, "{}", Text(report, not_measured, *eras));
    return kExitOk;
  }
  Print(stdout, "{}", MessageToJson(report));
  return kExitOk;
}

}  // namespace

extern const Command kFootprintCommand = {
    .name = "footprint",
    .synopsis = "",
    .summary =
        "Shows what the arrays of SLAB's CPUs cost in memory, for any number of CPUs and caches.",
    .flags = kFlags,
    .formats = kFormats,
    .run = RunFootprint,
};

}  // namespace slablab
