// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/call_site_tables.h"

#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "fmt/format.h"
#include "reports/callers.h"

namespace slablab {
namespace {

// What every caller did with every cache by every path, with names for what the message numbers.
DataTable CallSitesTable(const Attribution& told) {
  DataTable table{.name = "call_sites",
                  .keys = 3,
                  .columns = {"caller", "cache", "path", "is_free", "is_slow", "operations",
                              "remote_operations", "cycles", "cycles_max", "source"},
                  .rows = {}};
  for (const OperationGroup& group : told.groups()) {
    const bool has_path = group.path() < static_cast<uint32_t>(told.paths_size());
    const PathName path = has_path ? told.paths(static_cast<int>(group.path())) : PathName();
    table.rows.push_back({CallerName(told, group.caller()), CacheName(told, group.cache()),
                          path.name(), path.is_free() ? "true" : "false",
                          path.is_slow() ? "true" : "false", fmt::format("{}", group.operations()),
                          fmt::format("{}", group.remote_operations()),
                          fmt::format("{}", group.cycles()), fmt::format("{}", group.cycles_max()),
                          SourceOf(told, group.caller())});
  }
  return table;
}

// The parts of each group's cycles: touches by structure and outcome, causes, and waits for locks,
// which are parts of the cause "lock wait".
DataTable CallSiteCyclesTable(const Attribution& told) {
  DataTable table{.name = "call_site_cycles",
                  .keys = 6,
                  .columns = {"caller", "cache", "path", "kind", "of", "outcome", "count",
                              "cycles"},
                  .rows = {}};
  for (const OperationGroup& group : told.groups()) {
    const bool has_path = group.path() < static_cast<uint32_t>(told.paths_size());
    const std::vector<std::string> key = {
        CallerName(told, group.caller()), CacheName(told, group.cache()),
        has_path ? told.paths(static_cast<int>(group.path())).name() : "?"};
    const auto add = [&](std::string kind, std::string of, std::string outcome, uint64_t count,
                         uint64_t cycles) {
      std::vector<std::string>& row = table.rows.emplace_back(key);
      for (std::string& value :
           std::vector<std::string>{std::move(kind), std::move(of), std::move(outcome),
                                    fmt::format("{}", count), fmt::format("{}", cycles)}) {
        row.push_back(std::move(value));
      }
    };
    for (const AttributedCell& cell : group.cells()) {
      add("touch", NameAt(told.structures(), cell.structure()),
          NameAt(told.outcomes(), cell.outcome()), cell.count(), cell.cycles());
    }
    for (const AttributedCause& cause : group.causes()) {
      add("cause", NameAt(told.causes(), cause.cause()), "", 0, cause.cycles());
    }
    for (const AttributedWait& wait : group.waits()) {
      add("lock", NameAt(told.locks(), wait.lock()), "", wait.count(), wait.cycles());
    }
  }
  return table;
}

DataTable CallersMemoryTable(const Attribution& told) {
  DataTable table{.name = "callers_memory",
                  .keys = 2,
                  .columns = {"caller", "cache", "objects", "bytes", "requested_bytes",
                              "live_objects", "live_bytes", "peak_objects", "peak_bytes",
                              "remote_frees", "other_cpu_frees", "pinned_slabs",
                              "pinned_free_bytes", "pinned_share_bytes"},
                  .rows = {}};
  for (const CallerMemory& memory : told.memory()) {
    std::vector<std::string>& row = table.rows.emplace_back();
    row = {CallerName(told, memory.caller()), CacheName(told, memory.cache())};
    for (const uint64_t value :
         {memory.objects(), memory.bytes(), memory.requested_bytes(), memory.live_objects(),
          memory.live_bytes(), memory.peak_objects(), memory.peak_bytes(), memory.remote_frees(),
          memory.other_cpu_frees(), memory.pinned_slabs(), memory.pinned_free_bytes(),
          memory.pinned_share_bytes()}) {
      row.push_back(fmt::format("{}", value));
    }
  }
  return table;
}

// By the age of the caller's oldest object in each slab; 0: older than all other classes.
DataTable PinnedTable(const Attribution& told) {
  DataTable table{.name = "pinned_by_age",
                  .keys = 3,
                  .columns = {"caller", "cache", "age_ns_max", "slabs", "free_bytes"},
                  .rows = {}};
  for (const CallerMemory& memory : told.memory()) {
    for (const PinnedByAge& age : memory.pinned()) {
      table.rows.push_back({CallerName(told, memory.caller()), CacheName(told, memory.cache()),
                            fmt::format("{}", age.age_ns_max()), fmt::format("{}", age.slabs()),
                            fmt::format("{}", age.free_bytes())});
    }
  }
  return table;
}

// A row for each that is known of those who took a line, with the line's own figures.
DataTable FalseSharingTable(const Attribution& told) {
  DataTable table{.name = "false_sharing",
                  .keys = 5,
                  .columns = {"address", "structure", "is_write", "offset", "caller", "bounces",
                              "cycles", "cache", "slab_offset", "object_size", "cpus",
                              "line_bounces", "line_transfers", "line_remote", "line_writes",
                              "line_false_bounces", "line_cycles"},
                  .rows = {}};
  const auto number = [](uint64_t value) { return fmt::format("{}", value); };
  for (const SharedLine& line : told.lines()) {
    const std::string cpus = absl::StrJoin(line.cpus(), " ");
    for (const LineUse& use : line.uses()) {
      table.rows.push_back({fmt::format("{:016x}", line.address()),
                            NameAt(told.structures(), use.structure()),
                            use.is_write() ? "true" : "false", number(use.offset()),
                            CallerName(told, use.caller()), number(use.bounces()),
                            number(use.cycles()), CacheName(told, line.cache()),
                            number(line.slab_offset()), number(line.object_size()), cpus,
                            number(line.bounces()), number(line.transfers()), number(line.remote()),
                            number(line.writes()), number(line.false_bounces()),
                            number(line.cycles())});
    }
  }
  return table;
}

}  // namespace

std::vector<DataTable> CallSiteTables(const Attribution& told) {
  return {CallSitesTable(told), CallSiteCyclesTable(told), CallersMemoryTable(told),
          PinnedTable(told), FalseSharingTable(told)};
}

}  // namespace slablab
