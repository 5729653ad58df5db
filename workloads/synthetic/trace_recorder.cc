// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/synthetic/trace_recorder.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace slablab {

namespace {

// Where x86-64 maps physical memory without KASLR.
constexpr uint64_t kDirectMap = 0xffff888000000000;

Context ContextOf(Priority priority) {
  switch (priority) {
    case Priority::kTask:
      return Context::kTask;
    case Priority::kSoftirq:
      return Context::kSoftirq;
    case Priority::kHardirq:
      return Context::kHardirq;
  }
  return Context::kTask;
}

}  // namespace

void TraceRecorder::OnBegin(const Machine& machine, const Allocator& allocator) {
  machine_ = &machine;
  allocator_ = &allocator;
}

void TraceRecorder::OnOperation(const OperationEnd& operation) {
  if (operation.object.is_null()) return;
  records_.push_back(
      {.time = operation.is_free ? operation.start : operation.end, .operation = operation});
  cache_of_.push_back(operation.is_free ? kNoCache : allocator_->Locate(operation.object).cache);
  records_.back().operation.event = cache_of_.size() - 1;
}

void TraceRecorder::FillHeader(const Program& program, const std::vector<std::string>& task_names,
                               TraceHeader& header) const {
  const MachineConfig& config = machine_->config();
  header.clock = "mono";
  header.source_format = "synthetic workload";
  header.source_name = program.spec.name();
  header.addresses = AddressKind::kReal;
  header.direct_map_base = kDirectMap;
  header.cpu_count = config.cpu_count();
  header.node_count = config.node_count();
  for (const CpuPlace& place : config.cpus) header.node_of_cpu.push_back(place.node.value());
  for (const ProgramLabel& label : program.labels) {
    header.call_sites.push_back(label.call_site);
    header.gfp_flags.push_back(label.gfp);
  }
  for (int i = 0; i < allocator_->cache_count(); ++i) {
    const CacheLayout layout = allocator_->Layout(CacheId(i));
    header.caches.push_back({.name = layout.name,
                             .object_size = layout.object_size,
                             .slab_size = layout.slab_size,
                             .align = layout.align});
  }
  for (size_t i = 0; i < task_names.size(); ++i) {
    header.tasks.push_back({.pid = static_cast<int32_t>(i + 1), .comm = task_names[i]});
  }
  header.assumptions.push_back(absl::StrCat(
      "Not a recording of a kernel: the synthetic workload ", program.spec.name(),
      " ran on the machine ", config.name, " under ", std::string(allocator_->name()), "."));
}

absl::Status TraceRecorder::WriteTo(const Program& program,
                                    const std::vector<std::string>& task_names,
                                    TraceWriter& writer) {
  FillHeader(program, task_names, writer.header());
  std::stable_sort(records_.begin(), records_.end(),
                   [](const Record& a, const Record& b) { return a.time < b.time; });
  const auto clock_mhz = static_cast<uint64_t>(machine_->config().clock_mhz);
  absl::flat_hash_map<uint64_t, TraceObject> live;  // by address; never iterated
  absl::flat_hash_map<TraceObject, uint16_t> cache_of;
  TraceObject last = 0;
  for (const Record& record : records_) {
    const OperationEnd& operation = record.operation;
    const CacheId cache = cache_of_[operation.event];
    Event event = {.time = record.time * 1000 / clock_mhz,
                   .address = kDirectMap + operation.object.value(),
                   .pid = operation.task + 1,
                   .cpu = static_cast<uint16_t>(operation.cpu.value()),
                   .context = ContextOf(operation.priority)};
    if (operation.is_free) {
      const auto found = live.find(operation.object.value());
      CHECK(found != live.end());
      event.object = found->second;
      live.erase(found);
      event.cache = cache_of[event.object];
      event.kind = operation.cache == kNoCache ? EventKind::kKfree : EventKind::kCacheFree;
      event.by_rcu = event.inferred = operation.by_rcu;  // No kernel would have recorded it.
    } else {
      event.object = live[operation.object.value()] = ++last;
      event.bytes_req = static_cast<uint32_t>(operation.bytes);
      event.bytes_alloc =
          cache == kNoCache ? event.bytes_req : allocator_->Layout(cache).object_size;
      event.kind = operation.cache == kNoCache ? EventKind::kKmalloc : EventKind::kCacheAlloc;
      event.cache = operation.cache == kNoCache
                        ? uint16_t{0}
                        : static_cast<uint16_t>(operation.cache.value() + 1);
      event.call_site = operation.label + 1;
      event.gfp = static_cast<uint16_t>(operation.label + 1);
      cache_of[event.object] = event.cache;
    }
    if (absl::Status status = writer.Append(event); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace slablab
