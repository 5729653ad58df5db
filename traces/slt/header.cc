// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/slt/header.h"

#include <algorithm>

namespace slablab::slt {
namespace {

// Numbers of nodes are below, whatever the machine that is simulated: the kernel's largest
// MAX_NUMNODES.
constexpr int32_t kNodeNumbersMax = 1024;

void ToProto(const TraceCache& cache, Cache* proto) {
  proto->set_name(cache.name);
  proto->set_object_size(cache.object_size);
  proto->set_slab_size(cache.slab_size);
  proto->set_align(cache.align);
  proto->set_hwcache_align(cache.hwcache_align);
  proto->set_has_constructor(cache.has_constructor);
  proto->set_typesafe_by_rcu(cache.typesafe_by_rcu);
  proto->set_reclaim_account(cache.reclaim_account);
  proto->set_from_sidecar(cache.from_sidecar);
}

TraceCache FromProto(const Cache& proto) {
  TraceCache cache;
  cache.name = proto.name();
  cache.object_size = proto.object_size();
  cache.slab_size = proto.slab_size();
  cache.align = proto.align();
  cache.hwcache_align = proto.hwcache_align();
  cache.has_constructor = proto.has_constructor();
  cache.typesafe_by_rcu = proto.typesafe_by_rcu();
  cache.reclaim_account = proto.reclaim_account();
  cache.from_sidecar = proto.from_sidecar();
  return cache;
}

// Adds those of `entries`, which start at number `first`, that `table` has not got.
template <typename Entries, typename Table, typename Convert>
bool AddEntries(uint32_t first, const Entries& entries, Convert convert, Table* table) {
  if (entries.empty()) return true;
  if (first > table->size()) return false;
  for (size_t i = table->size() - first; i < static_cast<size_t>(entries.size()); ++i) {
    table->push_back(convert(entries.Get(static_cast<int>(i))));
  }
  return true;
}

}  // namespace

TableSizes SizesOf(const TraceHeader& header) {
  return {header.call_sites.size(), header.gfp_flags.size(), header.caches.size()};
}

Tables TablesFrom(const TraceHeader& header, const TableSizes& from) {
  Tables tables;
  tables.set_call_site_first(static_cast<uint32_t>(from.call_sites));
  for (size_t i = from.call_sites; i < header.call_sites.size(); ++i) {
    tables.add_call_sites(header.call_sites[i]);
  }
  tables.set_gfp_first(static_cast<uint32_t>(from.gfp_flags));
  for (size_t i = from.gfp_flags; i < header.gfp_flags.size(); ++i) {
    tables.add_gfp_flags(header.gfp_flags[i]);
  }
  tables.set_cache_first(static_cast<uint32_t>(from.caches));
  for (size_t i = from.caches; i < header.caches.size(); ++i) {
    ToProto(header.caches[i], tables.add_caches());
  }
  return tables;
}

bool AddTables(const Tables& tables, TraceHeader* header) {
  const auto same = [](const std::string& name) { return name; };
  const auto cache = [](const Cache& proto) { return FromProto(proto); };
  return AddEntries(tables.call_site_first(), tables.call_sites(), same, &header->call_sites) &&
         AddEntries(tables.gfp_first(), tables.gfp_flags(), same, &header->gfp_flags) &&
         AddEntries(tables.cache_first(), tables.caches(), cache, &header->caches);
}

Header ToProto(const TraceHeader& header) {
  Header proto;
  proto.set_kernel_release(header.kernel_release);
  proto.set_clock(header.clock);
  proto.set_source_format(header.source_format);
  proto.set_source_name(header.source_name);
  proto.set_addresses_hashed(header.addresses == AddressKind::kHashed);
  proto.set_direct_map_base(header.direct_map_base);
  proto.set_cpu_count(header.cpu_count);
  proto.set_node_count(header.node_count);
  for (const int32_t node : header.node_of_cpu) proto.add_node_of_cpu(node);
  *proto.mutable_tables() = TablesFrom(header, TableSizes());
  for (const TraceTask& task : header.tasks) {
    Task* t = proto.add_tasks();
    t->set_pid(task.pid);
    t->set_since(task.since);
    t->set_comm(task.comm);
  }
  for (const TraceRepair& repair : header.repairs) {
    Repair* r = proto.add_repairs();
    r->set_name(repair.name);
    r->set_count(repair.count);
    r->set_explanation(repair.explanation);
    for (const TraceRepair::Part& part : repair.parts) {
      Repair::Part* p = r->add_parts();
      p->set_name(part.name);
      p->set_count(part.count);
    }
  }
  for (const std::string& assumption : header.assumptions) proto.add_assumptions(assumption);
  proto.set_of_some_cpus(header.of_some_cpus);
  proto.set_event_count(header.event_count);
  for (const uint64_t count : header.events_by_kind) proto.add_events_by_kind(count);
  proto.set_lost_events(header.lost_events);
  proto.set_lost_unknown(header.lost_unknown);
  proto.set_lost_covered(header.lost_covered);
  proto.set_lost_untimed(header.lost_untimed);
  proto.set_object_count(header.object_count);
  proto.set_time_first(header.time_first);
  proto.set_time_last(header.time_last);
  proto.set_events_digest(header.events_digest);
  return proto;
}

absl::Status FromProto(const Header& proto, TraceHeader* header) {
  *header = TraceHeader();
  header->kernel_release = proto.kernel_release();
  header->clock = proto.clock();
  header->source_format = proto.source_format();
  header->source_name = proto.source_name();
  header->addresses = proto.addresses_hashed() ? AddressKind::kHashed : AddressKind::kReal;
  header->direct_map_base = proto.direct_map_base();
  if (proto.cpu_count() < 0 || proto.cpu_count() > kMaxCpus || proto.node_count() < 0 ||
      proto.node_count() > kNodeNumbersMax) {
    return absl::DataLossError("the header's number of CPUs or nodes is out of range");
  }
  header->cpu_count = proto.cpu_count();
  header->node_count = proto.node_count();
  header->node_of_cpu.assign(proto.node_of_cpu().begin(), proto.node_of_cpu().end());
  if (!header->node_of_cpu.empty() && proto.node_of_cpu_size() != proto.cpu_count()) {
    return absl::DataLossError("the header names the nodes of some CPUs only");
  }
  for (const int32_t node : header->node_of_cpu) {
    if (node < 0 || node >= header->node_count) {
      return absl::DataLossError("the header puts a CPU on a node that is not there");
    }
  }
  if (!AddTables(proto.tables(), header))
    return absl::DataLossError("the header's tables have gaps");
  for (const Task& task : proto.tasks()) {
    header->tasks.push_back({task.pid(), task.since(), task.comm()});
  }
  for (const Repair& repair : proto.repairs()) {
    TraceRepair& known = header->repairs.emplace_back(
        TraceRepair{repair.name(), repair.count(), repair.explanation()});
    for (const Repair::Part& part : repair.parts())
      known.parts.push_back({part.name(), part.count()});
  }
  header->assumptions.assign(proto.assumptions().begin(), proto.assumptions().end());
  header->of_some_cpus = proto.of_some_cpus();
  header->event_count = proto.event_count();
  for (int i = 0; i < std::min(proto.events_by_kind_size(), kEventKinds); ++i) {
    header->events_by_kind[i] = proto.events_by_kind(i);
  }
  header->lost_events = proto.lost_events();
  header->lost_covered = proto.lost_covered();
  header->lost_untimed = proto.lost_untimed();
  if (proto.has_lost_unknown()) {
    header->lost_unknown = proto.lost_unknown();
  } else if (header->lost_events == 0) {
    header->lost_unknown = header->events_by_kind[static_cast<size_t>(EventKind::kLost)];
  }
  header->object_count = proto.object_count();
  header->time_first = proto.time_first();
  header->time_last = proto.time_last();
  header->events_digest = proto.events_digest();
  return absl::OkStatus();
}

TraceBlock ToTraceBlock(const BlockSummary& summary, uint64_t offset, uint64_t bytes) {
  TraceBlock block;
  block.offset = offset;
  block.bytes = bytes;
  block.event_first = summary.event_first();
  block.event_count = summary.event_count();
  block.object_first = summary.object_first();
  block.live_first = summary.live_first();
  block.time_first = summary.time_first();
  block.time_last = summary.time_last();
  block.may_lose_of_any_cpu = !summary.has_loses_of_any_cpu() || summary.loses_of_any_cpu();
  for (int i = 0; i < std::min(summary.cpus_size(), summary.events_of_cpu_size()); ++i) {
    block.cpus.push_back({static_cast<int32_t>(summary.cpus(i)), summary.events_of_cpu(i)});
  }
  return block;
}

}  // namespace slablab::slt
