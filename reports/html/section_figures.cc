// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "reports/breakdown.h"
#include "reports/html/figures.h"

// The sections of a run's text that need no more than their table: where in the code, tasks, CPUs,
// pages, per-CPU memory, counters, and the kernel's own beside them.

namespace slablab {
namespace {

struct SectionColumn {
  const char* title;
  const char* unit;
  const char* of;  // the table's column
};

// What is known to account for differences from the kernel's counters, each sentence once.
std::string ExplanationsOf(ResultSet set) {
  std::vector<std::string> sentences;
  for (const LabelledResult& run : set) {
    for (const std::string& sentence : run.result.kernel().explanations()) {
      if (std::find(sentences.begin(), sentences.end(), sentence) == sentences.end()) {
        sentences.push_back(sentence);
      }
    }
  }
  std::string text;
  for (const std::string& sentence : sentences) text += (text.empty() ? "" : " ") + sentence;
  return text;
}

// A view whose columns all stand in one of the page's tables.
struct Section {
  const char* id;
  const char* title;
  const char* lede;
  const char* table;
  std::vector<SectionColumn> columns;
  std::string (*note)(ResultSet set) = nullptr;
};

const std::vector<Section>& Sections() {
  static const auto& sections = *new std::vector<Section>{
      {"tasks",
       "Tasks",
       "Whose operations they were, and what these cost.",
       "tasks",
       {{"task", "text", "comm"},
        {"pid", "", "pid"},
        {"operations", "", "operations"},
        {"cycles", "", "cycles"},
        {"slow", "", "slow_operations"},
        {"remote", "", "remote_operations"},
        {"bytes ever", "bytes", "bytes"}}},
      {"cpus",
       "CPUs, and how long they had interrupts off",
       "Cycles; deferred is how long an interrupt had to wait at most.",
       "cpus",
       {{"CPU", "", "cpu"},
        {"node", "", "node"},
        {"operations", "", "operations"},
        {"cycles", "", "operation_cycles"},
        {"times off", "", "irq_off_windows"},
        {"cycles off", "", "irq_off_cycles"},
        {"longest", "", "irq_off_longest_cycles"},
        {"in", "text", "irq_off_longest_site"},
        {"deferred", "", "irq_deferral_longest_cycles"}}},
      {"nodes",
       "Nodes",
       "On whose CPUs operations were done, and where their memory was.",
       "node_shares",
       {{"node", "", "node"},
        {"operations", "", "operations"},
        {"cycles", "", "cycles"},
        {"slow", "", "slow_operations"},
        {"remote", "", "remote_operations"},
        {"bytes ever", "bytes", "bytes"},
        {"of another node", "bytes", "remote_bytes"}}},
      {"pages",
       "Page allocator",
       "What the allocator had done by the page allocator under it.",
       "page_allocator",
       {{"what", "text", "name"}, {"times", "", "count"}}},
      {"percpu",
       "Per-CPU memory, as percpu_stats has it",
       "The percpu allocator's chunks at the end: the one under test, or the one that the model's "
       "per-CPU structures come from.",
       "percpu_chunks",
       {{"chunk", "", "chunk"},
        {"kind", "text", "kind"},
        {"pages", "", "pages"},
        {"populated", "", "populated_pages"},
        {"areas", "", "nr_alloc"},
        {"largest area", "bytes", "max_alloc_size"},
        {"free", "bytes", "free_bytes"},
        {"largest run", "bytes", "contig_bytes"},
        {"holes", "bytes", "sum_frag"}}},
      {"counters",
       "Counters",
       "As sysfs has them, by cache; all is the total, C3 is CPU 3 and N1 node 1.",
       "counters",
       {{"cache", "text", "cache"},
        {"counter", "text", "name"},
        {"of", "text", "index"},
        {"value", "", "value"}}},
      {"kernel",
       "Beside the kernel's own counters",
       "Their change over the recording, in the kernel and here.",
       "kernel",
       {{"cache", "text", "cache"},
        {"counter", "text", "counter"},
        {"kernel", "", "kernel"},
        {"simulated", "", "simulated"}},
       ExplanationsOf},
  };
  return sections;
}

}  // namespace

void AppendSectionFigures(ResultSet set, PageData& page) {
  if (set.size() > kRunsShownAlone) return;
  for (const Section& section : Sections()) {
    if (!page.HasTable(section.table)) continue;
    HtmlTable& table = *page.AddView(section.id, section.title, section.lede).mutable_table();
    if (section.note != nullptr) table.set_note(section.note(set));
    const std::string from = std::string(section.table) + "/";
    AddColumns({{"run", "run", from + "run"}}, table);
    for (const SectionColumn& column : section.columns) {
      AddColumns({{column.title, column.unit, from + column.of}}, table);
    }
  }
}

void AppendSitesFigure(ResultSet set, PageData& page) {
  HtmlTable table;
  AddColumns({{"run", "run"},
              {"site", "text"},
              {"cycles"},
              {"cycles an operation", "", "", 1},
              {"touches"},
              {"misses"},
              {"cycles waited"}},
             table);
  for (const LabelledResult& run : set) {
    const uint64_t operations = run.result.totals().operations();
    for (const SiteCycles& site : CyclesBySite(run.result)) {
      page.AddRow(table)
          .Text(run.label)
          .Text(site.site)
          .Number(site.total_cycles())
          .Quotient(site.total_cycles(), operations)
          .Number(site.touches.total_count())
          .Number(site.touches.misses())
          .Number(site.causes[static_cast<size_t>(Cause::kLockWait)]);
    }
  }
  if (table.rows() == 0) return;
  *page.AddView("sites", "Where in the code",
                "By site in the allocator's code: what its touches cost, what else it spent, and "
                "how long it waited for locks. Use is what users do with objects.")
       .mutable_table() = std::move(table);
}

}  // namespace slablab
