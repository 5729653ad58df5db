// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <vector>

#include "base/printable.h"
#include "reports/breakdown.h"
#include "reports/numbers.h"
#include "reports/text/sections.h"

// Locks as /proc/lock_stat has them (Documentation/locking/lockstat.rst), CPUs and their windows
// with interrupts off, and the page allocator's figures.

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;

template <typename Row>
std::vector<const Row*> Pointers(const google::protobuf::RepeatedPtrField<Row>& rows) {
  std::vector<const Row*> pointers;
  for (const Row& row : rows) pointers.push_back(&row);
  return pointers;
}

}  // namespace

void AppendLocks(const RunResult& result, const TextOptions& options, TextPage& page) {
  if (result.locks().empty()) return;
  std::vector<const LockStats*> locks = Pointers(result.locks());
  std::stable_sort(locks.begin(), locks.end(), [](const LockStats* a, const LockStats* b) {
    return a->wait_total_cycles() != b->wait_total_cycles()
               ? a->wait_total_cycles() > b->wait_total_cycles()
               : a->hold_total_cycles() > b->hold_total_cycles();
  });
  page.Heading("Locks, as /proc/lock_stat has them (cycles; most waited for first)");
  constexpr size_t kNameColumns = 17;
  TextTable table(
      {{"", kNameColumns, kLeft}, {"", 11}, {"", 12}, {"", 8}, {"", 8}, {"", 10}, {"", 8}});
  table.AddRow({"class", "con-bounces", "contentions", "wait-min", "-max", "-total", "-avg"});
  table.AddRow({"", "acq-bounces", "acquisitions", "hold-min", "-max", "-total", "-avg"});
  table.AddRule();
  const size_t shown = ShownRows(locks.size(), options);
  for (size_t i = 0; i < shown; ++i) {
    const LockStats& lock = *locks[i];
    // A long name goes on in the second line.
    const std::string name = PrintableAscii(lock.name());
    const std::string rest =
        name.size() > kNameColumns ? "  " + name.substr(kNameColumns) : std::string();
    table.AddRow({name.substr(0, kNameColumns), lock.contention_bounces(), lock.contentions(),
                  lock.wait_min_cycles(), lock.wait_max_cycles(), lock.wait_total_cycles(),
                  TextCell::Mean(lock.wait_total_cycles(), lock.contentions(), 0)});
    table.AddRow({rest, lock.acquisition_bounces(), lock.acquisitions(), lock.hold_min_cycles(),
                  lock.hold_max_cycles(), lock.hold_total_cycles(),
                  TextCell::Mean(lock.hold_total_cycles(), lock.acquisitions(), 0)});
  }
  AppendRest(locks.size(), options, "lock classes", table);
  page.Table(table);
}

void AppendCpus(const RunResult& result, const TextOptions& options, TextPage& page) {
  if (result.cpus().empty()) return;
  std::vector<const CpuStats*> cpus = Pointers(result.cpus());
  // All of them in order of number, or the busiest of them.
  const size_t shown = ShownRows(cpus.size(), options);
  if (shown < cpus.size()) {
    std::stable_sort(cpus.begin(), cpus.end(), [](const CpuStats* a, const CpuStats* b) {
      return a->operation_cycles() > b->operation_cycles();
    });
  }
  page.Heading("CPUs, and how long they had interrupts off (cycles)");
  TextTable table({{"CPU", 4},
                   {"node", 4},
                   {"operations", 13},
                   {"cycles/op", 10},
                   {"irq-off", 11},
                   {"cycles", 13},
                   {"longest", 10},
                   {"deferred", 8}});
  const auto number = [](int32_t value) { return fmt::format("{}", value); };
  for (size_t i = 0; i < shown; ++i) {
    const CpuStats& cpu = *cpus[i];
    table.AddRow({number(cpu.cpu()), number(cpu.node()), cpu.operations(),
                  TextCell::Mean(cpu.operation_cycles(), cpu.operations(), 1),
                  cpu.irq_off_windows(), cpu.irq_off_cycles(), cpu.irq_off_longest_cycles(),
                  cpu.irq_deferral_longest_cycles()});
  }
  AppendRest(cpus.size(), options, "CPUs, the others less busy", table);
  page.Table(table);
  const CpuStats& longest = *std::max_element(
      result.cpus().begin(), result.cpus().end(), [](const CpuStats& a, const CpuStats& b) {
        return a.irq_off_longest_cycles() < b.irq_off_longest_cycles();
      });
  if (longest.irq_off_longest_cycles() > 0) {
    page.Paragraph(fmt::format("Interrupts were off longest on CPU {}: {} cycles, ended in {}.",
                               longest.cpu(), Grouped(longest.irq_off_longest_cycles()),
                               longest.irq_off_longest_site()));
  }
  uint64_t deferral = 0;
  for (const CpuStats& cpu : result.cpus()) {
    deferral = std::max<uint64_t>(deferral, cpu.irq_deferral_longest_cycles());
  }
  page.Paragraph(deferral == 0 ? "No interrupt was deferred."
                               : fmt::format("An interrupt was deferred by {} cycles at most.",
                                             Grouped(deferral)));
}

void AppendPageAllocator(const RunResult& result, TextPage& page) {
  if (result.page_allocator().empty()) return;
  page.Heading("Page allocator");
  TextTable table({{"", 55, kLeft}, {"", 24}});
  for (const NamedCount& count : result.page_allocator())
    table.AddRow({count.name(), count.count()});
  page.Table(table);
}

}  // namespace slablab
