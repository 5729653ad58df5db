// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <numeric>

#include "absl/container/flat_hash_map.h"
#include "base/check.h"
#include "google/protobuf/wire_format_lite.h"
#include "traces/slt/block.h"

namespace slablab::slt {
namespace {

using google::protobuf::internal::WireFormatLite;

// What makes two events one shape.
struct ShapeKey {
  Event event;  // without what varies
  ObjectRule object;
  AddressRule address;

  friend bool operator==(const ShapeKey&, const ShapeKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ShapeKey& key) {
    const Event& e = key.event;
    return H::combine(std::move(h), e.kind, e.call_site, e.cache, e.bytes_req, e.bytes_alloc, e.gfp,
                      e.node, FlagsOf(e), key.object, key.address);
  }
};

Event WithoutWhatVaries(Event event) {
  event.time = 0;
  event.object = kNoTraceObject;
  event.address = 0;
  event.pid = 0;
  event.cpu = 0;
  return event;
}

void AddShape(const ShapeKey& key, Shapes* shapes) {
  shapes->add_kind(static_cast<uint32_t>(key.event.kind));
  shapes->add_call_site(key.event.call_site);
  shapes->add_cache(key.event.cache);
  shapes->add_bytes_req(key.event.bytes_req);
  shapes->add_bytes_alloc(key.event.bytes_alloc);
  shapes->add_gfp(key.event.gfp);
  shapes->add_node(key.event.node);
  shapes->add_flags(FlagsOf(key.event));
  shapes->add_object(key.object);
  shapes->add_address(key.address);
}

AddressRule AddressRuleFor(const Event& event, ObjectRule object, uint64_t object_address) {
  if (object == OBJECT_IN_BLOCK && event.address == object_address) return ADDRESS_OF_OBJECT;
  if (event.address == 0) return ADDRESS_ZERO;
  if (object == OBJECT_NEXT && Allocates(event.kind)) return ADDRESS_PREDICTED;
  return ADDRESS_DELTA;
}

uint64_t ZigzagDifference(uint64_t value, uint64_t base) {
  return WireFormatLite::ZigZagEncode64(static_cast<int64_t>(value - base));
}

}  // namespace

uint32_t FlagsOf(const Event& event) {
  return static_cast<uint32_t>(event.context) | uint32_t{event.irqs_off} << 2 |
         uint32_t{event.inferred} << 3 | uint32_t{event.predates_trace} << 4 |
         uint32_t{event.reserved} << 5 | uint32_t{event.atomic} << 6 | uint32_t{event.by_rcu} << 7 |
         uint32_t{event.migratetype} << 8;
}

uint64_t BlockEncoder::Encode(absl::Span<const Event> events, uint64_t event_first,
                              uint64_t object_first, Block* block) {
  CHECK(!events.empty() && events.size() <= 65536);
  events_ = events;
  BlockSummary* summary = block->mutable_summary();
  summary->set_event_first(event_first);
  summary->set_event_count(static_cast<uint32_t>(events.size()));
  summary->set_object_first(object_first);
  summary->set_time_first(events.front().time);
  summary->set_time_last(events.back().time);
  summary->set_loses_of_any_cpu(std::any_of(events.begin(), events.end(), IsOfUnknownCpu));
  NumberCpusAndPids(block);
  AssignShapes(object_first, block->mutable_shapes());
  EncodeTimes(block);
  EncodeObjects(object_first, block);
  const auto appeared = std::count_if(shape_of_.begin(), shape_of_.end(), [this](uint16_t shape) {
    return object_rule_[shape] == OBJECT_NEXT;
  });
  return object_first + static_cast<uint64_t>(appeared);
}

void BlockEncoder::NumberCpusAndPids(Block* block) {
  BlockSummary* summary = block->mutable_summary();
  std::vector<uint32_t> count(1 << 16, 0);
  for (const Event& event : events_) ++count[event.cpu];
  std::vector<uint16_t> slot_of_cpu(1 << 16, 0);
  for (uint32_t cpu = 0; cpu < count.size(); ++cpu) {
    if (count[cpu] == 0) continue;
    slot_of_cpu[cpu] = static_cast<uint16_t>(summary->cpus_size());
    summary->add_cpus(cpu);
    summary->add_events_of_cpu(count[cpu]);
  }
  absl::flat_hash_map<int32_t, uint16_t> slot_of_pid;  // only looked up
  cpu_slot_.clear();
  pid_slot_.clear();
  for (const Event& event : events_) {
    cpu_slot_.push_back(slot_of_cpu[event.cpu]);
    const auto next = static_cast<uint16_t>(block->pids_size());
    const auto [found, added] = slot_of_pid.try_emplace(event.pid, next);
    if (added) block->add_pids(event.pid);
    pid_slot_.push_back(found->second);
  }
  Values slots(cpu_slot_.begin(), cpu_slot_.end());
  AddColumn(COLUMN_CPU, slots, block);
  ByCpu pids(summary->cpus_size());
  for (size_t i = 0; i < events_.size(); ++i) pids[cpu_slot_[i]].push_back(pid_slot_[i]);
  AddColumn(COLUMN_PID, pids, block);
}

void BlockEncoder::AssignShapes(uint64_t object_first, Shapes* shapes) {
  absl::flat_hash_map<ShapeKey, uint16_t> numbers;  // only looked up
  std::vector<uint64_t> address_of;                 // by object - object_first
  shape_of_.clear();
  shapes_.clear();
  object_rule_.clear();
  address_rule_.clear();
  for (const Event& event : events_) {
    ShapeKey key = {WithoutWhatVaries(event), OBJECT_NONE, ADDRESS_ZERO};
    const uint64_t next_object = object_first + address_of.size();
    CHECK_LE(event.object, next_object);
    uint64_t object_address = 0;
    if (event.object == next_object) {
      key.object = OBJECT_NEXT;
      address_of.push_back(event.address);
    } else if (event.object >= object_first) {
      key.object = OBJECT_IN_BLOCK;
      object_address = address_of[event.object - object_first];
    } else if (event.object != kNoTraceObject) {
      key.object = OBJECT_OLDER;
    }
    key.address = AddressRuleFor(event, key.object, object_address);
    const auto [found, added] = numbers.try_emplace(key, static_cast<uint16_t>(shapes_.size()));
    if (added) {
      AddShape(key, shapes);
      shapes_.push_back(key.event);
      object_rule_.push_back(key.object);
      address_rule_.push_back(key.address);
    }
    shape_of_.push_back(found->second);
  }
}

void BlockEncoder::EncodeTimes(Block* block) {
  uint64_t unit = 0;
  for (size_t i = 1; i < events_.size(); ++i) {
    CHECK_GE(events_[i].time, events_[i - 1].time);
    unit = std::gcd(unit, events_[i].time - events_[i - 1].time);
  }
  unit = std::max<uint64_t>(unit, 1);
  block->set_time_unit(unit);
  Values differences = {0};
  for (size_t i = 1; i < events_.size(); ++i) {
    differences.push_back((events_[i].time - events_[i - 1].time) / unit);
  }
  AddColumn(COLUMN_TIME, differences, block);
}

void BlockEncoder::EncodeObjects(uint64_t object_first, Block* block) {
  struct Appearance {
    uint16_t cpu_slot;
    uint32_t position;  // among the objects that appeared on that CPU
    AddressClass address_class;
  };
  std::vector<Appearance> appearances;  // by object - object_first
  const size_t cpus = block->summary().cpus_size();
  std::vector<AddressClass> classes;
  predictor_.Reset(cpus, AssignAddressClasses(shapes_, &classes));
  std::vector<uint32_t> appeared(cpus, 0);
  std::vector<uint64_t> older_last(shapes_.size(), object_first);
  std::vector<uint64_t> address_last(shapes_.size(), 0);
  ByCpu shape_column(cpus), object_cpu(cpus), object_age(cpus), address_slot(cpus);
  Values object_older, address_delta;

  for (size_t i = 0; i < events_.size(); ++i) {
    const Event& event = events_[i];
    const uint16_t shape = shape_of_[i];
    const uint16_t cpu = cpu_slot_[i];
    shape_column[cpu].push_back(shape);
    AddressClass address_class = classes[shape];
    switch (object_rule_[shape]) {
      case OBJECT_NEXT:
        appearances.push_back({cpu, appeared[cpu]++, address_class});
        break;
      case OBJECT_IN_BLOCK: {
        const Appearance& seen = appearances[event.object - object_first];
        object_cpu[cpu].push_back(seen.cpu_slot == cpu ? 0 : uint64_t{seen.cpu_slot} + 1);
        object_age[cpu].push_back(appeared[seen.cpu_slot] - 1 - seen.position);
        address_class = seen.address_class;
        break;
      }
      case OBJECT_OLDER:
        object_older.push_back(ZigzagDifference(event.object, older_last[shape]));
        older_last[shape] = event.object;
        break;
      default:
        break;
    }
    if (address_rule_[shape] == ADDRESS_PREDICTED) {
      AddressPredictor::Stack& stack = predictor_.Of(cpu, address_class);
      const uint8_t slot = stack.Find(event.address);
      address_slot[cpu].push_back(slot);
      if (slot == AddressPredictor::kMiss) {
        address_delta.push_back(ZigzagDifference(event.address, stack.last()));
        stack.Miss(event.address);
      } else {
        stack.Take(slot);
      }
    } else if (address_rule_[shape] == ADDRESS_DELTA) {
      address_delta.push_back(ZigzagDifference(event.address, address_last[shape]));
      address_last[shape] = event.address;
    }
    if (Frees(event.kind) && event.object != kNoTraceObject && address_class != kNoClass) {
      predictor_.Of(cpu, address_class).Push(event.address);
    }
  }
  AddColumn(COLUMN_SHAPE, shape_column, block);
  AddColumn(COLUMN_OBJECT_CPU, object_cpu, block);
  AddColumn(COLUMN_OBJECT_AGE, object_age, block);
  AddColumn(COLUMN_OBJECT_OLDER, object_older, block);
  AddColumn(COLUMN_ADDRESS_SLOT, address_slot, block);
  AddColumn(COLUMN_ADDRESS_DELTA, address_delta, block);
}

void BlockEncoder::AddColumn(ColumnId id, const Values& values, Block* block) {
  uint64_t any = 0;
  for (const uint64_t value : values) any |= value;
  std::string plane(values.size(), '\0');
  for (int number = 0; number < 8; ++number) {
    if ((any >> (8 * number) & 0xff) == 0) continue;
    for (size_t i = 0; i < values.size(); ++i) {
      plane[i] = static_cast<char>(values[i] >> (8 * number));
    }
    Column* column = block->add_columns();
    column->set_id(id);
    column->set_plane(static_cast<uint32_t>(number));
    column->set_zstd(zstd_.Compress(plane));
  }
}

void BlockEncoder::AddColumn(ColumnId id, const ByCpu& values, Block* block) {
  Values joined;
  for (const Values& of_cpu : values) joined.insert(joined.end(), of_cpu.begin(), of_cpu.end());
  AddColumn(id, joined, block);
}

}  // namespace slablab::slt
