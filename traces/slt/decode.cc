// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "fmt/format.h"
#include "google/protobuf/wire_format_lite.h"
#include "traces/slt/block.h"

namespace slablab::slt {
namespace {

using google::protobuf::internal::WireFormatLite;

constexpr size_t kEventsMax = 65536;
constexpr size_t kShapesMax = 65536;

absl::Status Contradiction(std::string_view what) {
  return absl::DataLossError(fmt::format("the block contradicts itself: {}", what));
}

// Without std::max_element, which asks for a place: so compilers take several values at a time.
uint16_t MostOf(const std::vector<uint16_t>& values) {
  uint16_t most = 0;
  for (const uint16_t value : values) most = std::max(most, value);
  return most;
}

uint64_t AddZigzag(uint64_t base, uint64_t zigzag) {
  return base + static_cast<uint64_t>(WireFormatLite::ZigZagDecode64(zigzag));
}

}  // namespace

void SetFlags(uint32_t flags, Event* event) {
  event->context = static_cast<Context>(flags & 3);
  event->irqs_off = (flags >> 2 & 1) != 0;
  event->inferred = (flags >> 3 & 1) != 0;
  event->predates_trace = (flags >> 4 & 1) != 0;
  event->reserved = (flags >> 5 & 1) != 0;
  event->atomic = (flags >> 6 & 1) != 0;
  event->by_rcu = (flags >> 7 & 1) != 0;
  event->migratetype = static_cast<uint8_t>(flags >> 8);
}

absl::Status BlockDecoder::Load(const Block& block) {
  next_ = event_count_ = 0;
  if (absl::Status s = LoadSummary(block); !s.ok()) return s;
  if (absl::Status s = LoadShapes(block.shapes()); !s.ok()) return s;
  if (absl::Status s = LoadTimes(block); !s.ok()) return s;
  if (absl::Status s = LoadEventColumns(block); !s.ok()) return s;
  if (absl::Status s = PlaceCursors(); !s.ok()) return s;
  return LoadObjectColumns(block);
}

absl::Status BlockDecoder::Count(const Block& block, uint64_t events_max,
                                 std::vector<AlikeEvents>* alike) {
  if (absl::Status s = LoadSummary(block); !s.ok()) return s;
  const size_t events = event_count_;
  Clear();
  if (absl::Status s = LoadShapes(block.shapes()); !s.ok()) return s;
  if (absl::Status s = LoadColumn(block, COLUMN_SHAPE, events, &shape_); !s.ok()) return s;
  if (MostOf(shape_) >= shapes_.size()) {
    return Contradiction("a shape beyond its list");
  }
  std::vector<uint32_t> counts(shapes_.size(), 0);
  if (events_max >= events) {
    for (const uint16_t shape : shape_) ++counts[shape];
  } else {
    // Shapes are ordered by CPU, so which are of the first events is known by their CPUs.
    if (absl::Status s = LoadColumn(block, COLUMN_CPU, events, &cpu_slot_); !s.ok()) return s;
    std::vector<uint32_t> left = events_of_cpu_;
    std::vector<uint32_t> next(left.size(), 0);
    for (size_t cpu = 1; cpu < left.size(); ++cpu) next[cpu] = next[cpu - 1] + left[cpu - 1];
    for (size_t i = 0; i < events_max; ++i) {
      const uint16_t cpu = cpu_slot_[i];
      if (cpu >= left.size()) return Contradiction("a CPU beyond its list");
      if (left[cpu]-- == 0) return Contradiction("events by CPU");
      ++counts[shape_[next[cpu]++]];
    }
  }
  alike->clear();
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    alike->push_back({.event = shapes_[i].event,
                      .has_object = shapes_[i].object != OBJECT_NONE,
                      .count = counts[i]});
  }
  return absl::OkStatus();
}

absl::Status BlockDecoder::LoadSummary(const Block& block) {
  const BlockSummary& summary = block.summary();
  if (summary.event_count() == 0 || summary.event_count() > kEventsMax) {
    return Contradiction(fmt::format("{} events", summary.event_count()));
  }
  if (summary.object_first() == 0) return Contradiction("its first object is 0");
  if (summary.cpus_size() != summary.events_of_cpu_size()) return Contradiction("its CPU list");
  cpus_.clear();
  events_of_cpu_.assign(summary.events_of_cpu().begin(), summary.events_of_cpu().end());
  uint64_t events = 0;
  for (int i = 0; i < summary.cpus_size(); ++i) {
    const uint32_t cpu = summary.cpus(i);
    if (cpu > UINT16_MAX || (i > 0 && cpu <= cpus_.back())) return Contradiction("its CPU list");
    cpus_.push_back(static_cast<uint16_t>(cpu));
    events += summary.events_of_cpu(i);
  }
  if (events != summary.event_count()) return Contradiction("events by CPU");
  if (block.pids_size() > static_cast<int>(kEventsMax)) return Contradiction("its list of pids");
  pids_.assign(block.pids().begin(), block.pids().end());
  event_count_ = summary.event_count();
  object_first_ = summary.object_first();
  return absl::OkStatus();
}

absl::Status BlockDecoder::LoadShapes(const Shapes& shapes) {
  const int count = shapes.kind_size();
  for (const int size : {shapes.call_site_size(), shapes.cache_size(), shapes.bytes_req_size(),
                         shapes.bytes_alloc_size(), shapes.gfp_size(), shapes.node_size(),
                         shapes.flags_size(), shapes.object_size(), shapes.address_size()}) {
    if (size != count) return Contradiction("lists of shapes of different lengths");
  }
  if (count > static_cast<int>(kShapesMax)) return Contradiction("too many shapes");
  shapes_.assign(count, Shape());
  uses_of_shape_.assign(count, Uses());
  std::vector<Event> events(count);
  for (int i = 0; i < count; ++i) {
    Event& event = events[i];
    const bool in_range = shapes.kind(i) < kEventKinds && shapes.cache(i) <= UINT16_MAX &&
                          shapes.gfp(i) <= UINT16_MAX && shapes.node(i) >= INT16_MIN &&
                          shapes.node(i) <= INT16_MAX && shapes.flags(i) <= UINT16_MAX &&
                          ObjectRule_IsValid(shapes.object(i)) &&
                          AddressRule_IsValid(shapes.address(i));
    if (!in_range) return Contradiction(fmt::format("shape {} is out of range", i));
    event.kind = static_cast<EventKind>(shapes.kind(i));
    event.call_site = shapes.call_site(i);
    event.cache = static_cast<uint16_t>(shapes.cache(i));
    event.bytes_req = shapes.bytes_req(i);
    event.bytes_alloc = shapes.bytes_alloc(i);
    event.gfp = static_cast<uint16_t>(shapes.gfp(i));
    event.node = static_cast<int16_t>(shapes.node(i));
    SetFlags(shapes.flags(i), &event);
    Shape& shape = shapes_[i];
    shape.event = event;
    shape.object = shapes.object(i);
    shape.address = shapes.address(i);
    shape.frees = Frees(event.kind) && shape.object != OBJECT_NONE;
    shape.older_last = object_first_;
    Uses& uses = uses_of_shape_[i];
    uses.appeared() = shape.object == OBJECT_NEXT;
    uses.in_block() = shape.object == OBJECT_IN_BLOCK;
    uses.older() = shape.object == OBJECT_OLDER;
    uses.predicted() = shape.address == ADDRESS_PREDICTED;
    uses.deltas = shape.address == ADDRESS_DELTA;
    if (shape.address == ADDRESS_OF_OBJECT && shape.object != OBJECT_IN_BLOCK) {
      return Contradiction(fmt::format("shape {} has the address of no object", i));
    }
    if (shape.address == ADDRESS_PREDICTED && !Allocates(event.kind)) {
      return Contradiction(fmt::format("shape {} predicts a free's address", i));
    }
  }
  if (!addresses_) return absl::OkStatus();
  std::vector<AddressClass> classes;
  predictor_.Reset(cpus_.size(), AssignAddressClasses(events, &classes));
  for (int i = 0; i < count; ++i) shapes_[i].address_class = classes[i];
  return absl::OkStatus();
}

template <typename T>
absl::Status BlockDecoder::LoadColumn(const Block& block, ColumnId id, size_t count,
                                      std::vector<T>* values) {
  values->resize(count);
  uint32_t planes_seen = 0;
  for (const Column& column : block.columns()) {
    if (column.id() != id) continue;
    if (column.plane() >= sizeof(T) || (planes_seen >> column.plane() & 1) != 0) {
      return Contradiction(fmt::format("plane {} of {}", column.plane(), ColumnId_Name(id)));
    }
    plane_.resize(count);
    if (!zstd_.Decompress(column.zstd(), plane_.data(), count)) {
      return Contradiction(fmt::format("{} does not hold {} values", ColumnId_Name(id), count));
    }
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(plane_.data());
    T* out = values->data();
    const uint32_t shift = 8 * column.plane();
    if (planes_seen == 0) {
      for (size_t i = 0; i < count; ++i) out[i] = static_cast<T>(T{bytes[i]} << shift);
    } else {
      for (size_t i = 0; i < count; ++i) out[i] = static_cast<T>(out[i] | T{bytes[i]} << shift);
    }
    planes_seen |= uint32_t{1} << column.plane();
  }
  if (planes_seen == 0) values->assign(count, 0);
  return absl::OkStatus();
}

absl::Status BlockDecoder::LoadTimes(const Block& block) {
  const Nanos first = block.summary().time_first();
  const Nanos last = block.summary().time_last();
  const uint64_t unit = block.time_unit();
  if (last < first) return Contradiction("it ends before it begins");
  if (absl::Status s = LoadColumn(block, COLUMN_TIME, event_count_, &times_); !s.ok()) return s;
  Nanos now = first;
  for (Nanos& time : times_) {
    uint64_t step = 0;
    if (__builtin_mul_overflow(time, unit, &step) || step > last - now) {
      return Contradiction("times beyond its last");
    }
    now += step;
    time = now;
  }
  if (times_.front() != first || now != last) return Contradiction("its first or last time");
  return absl::OkStatus();
}

absl::Status BlockDecoder::LoadEventColumns(const Block& block) {
  for (const Column& column : block.columns()) {
    if (column.id() == COLUMN_UNSPECIFIED || !ColumnId_IsValid(column.id())) {
      return Contradiction("an unknown column");
    }
  }
  if (absl::Status s = LoadColumn(block, COLUMN_CPU, event_count_, &cpu_slot_); !s.ok()) return s;
  if (absl::Status s = LoadColumn(block, COLUMN_SHAPE, event_count_, &shape_); !s.ok()) return s;
  return LoadColumn(block, COLUMN_PID, event_count_, &pid_slot_);
}

absl::Status BlockDecoder::PlaceCursors() {
  std::vector<uint32_t> events_seen(cpus_.size(), 0);
  for (const uint16_t slot : cpu_slot_) {
    if (slot >= cpus_.size()) return Contradiction("a CPU beyond its list");
    ++events_seen[slot];
  }
  if (events_seen != events_of_cpu_) return Contradiction("events by CPU");
  if (MostOf(shape_) >= shapes_.size()) {
    return Contradiction("a shape beyond its list");
  }
  if (MostOf(pid_slot_) >= pids_.size()) {
    return Contradiction("a pid beyond its list");
  }
  cursors_.assign(cpus_.size(), CpuCursor());
  uses_ = Uses();
  uint32_t event = 0;
  for (size_t cpu = 0; cpu < cpus_.size(); ++cpu) {
    cursors_[cpu] = {.event = event,
                     .object_ref = uses_.in_block(),
                     .address_slot = uses_.predicted(),
                     .appeared_first = uses_.appeared()};
    for (const uint32_t end = event + events_of_cpu_[cpu]; event < end; ++event) {
      uses_.Add(uses_of_shape_[shape_[event]]);
    }
  }
  if (object_first_ > std::numeric_limits<uint64_t>::max() - uses_.appeared()) {
    return Contradiction("its first object");
  }
  appeared_.resize(uses_.appeared());
  objects_.resize(uses_.appeared());
  objects_seen_ = older_next_ = delta_next_ = 0;
  return absl::OkStatus();
}

absl::Status BlockDecoder::LoadObjectColumns(const Block& block) {
  absl::Status s = LoadColumn(block, COLUMN_OBJECT_CPU, uses_.in_block(), &object_cpu_);
  if (!s.ok()) return s;
  s = LoadColumn(block, COLUMN_OBJECT_AGE, uses_.in_block(), &object_age_);
  if (!s.ok()) return s;
  s = LoadColumn(block, COLUMN_OBJECT_OLDER, uses_.older(), &object_older_);
  if (!s.ok() || !addresses_) return s;
  s = LoadColumn(block, COLUMN_ADDRESS_SLOT, uses_.predicted(), &address_slot_);
  if (!s.ok()) return s;
  size_t deltas = uses_.deltas;
  for (const uint8_t slot : address_slot_) deltas += slot == AddressPredictor::kMiss;
  return LoadColumn(block, COLUMN_ADDRESS_DELTA, deltas, &address_delta_);
}

inline bool BlockDecoder::DecodeObject(Shape& shape, CpuCursor& cpu, uint16_t cpu_slot,
                                       Event* event) {
  switch (shape.object) {
    case OBJECT_NEXT:
      event->object = object_first_ + objects_seen_;
      appeared_[cpu.appeared_first + cpu.appeared] = static_cast<uint32_t>(objects_seen_);
      ++cpu.appeared;
      ++objects_seen_;
      return true;
    case OBJECT_IN_BLOCK: {
      const uint16_t other = object_cpu_[cpu.object_ref];
      const uint16_t age = object_age_[cpu.object_ref];
      ++cpu.object_ref;
      const size_t slot = other == 0 ? cpu_slot : other - 1;
      if (slot >= cursors_.size()) return false;
      const CpuCursor& home = cursors_[slot];
      if (age >= home.appeared) return false;
      event->object = object_first_ + appeared_[home.appeared_first + home.appeared - 1 - age];
      return true;
    }
    case OBJECT_OLDER:
      shape.older_last = AddZigzag(shape.older_last, object_older_[older_next_]);
      ++older_next_;
      event->object = shape.older_last;
      return shape.older_last != kNoTraceObject && shape.older_last < object_first_;
    default:
      return true;
  }
}

inline bool BlockDecoder::DecodeAddress(Shape& shape, CpuCursor& cpu, uint16_t cpu_slot,
                                        Event* event) {
  switch (shape.address) {
    case ADDRESS_OF_OBJECT:
      event->address = objects_[event->object - object_first_].address;
      return true;
    case ADDRESS_PREDICTED: {
      AddressPredictor::Stack& stack = predictor_.Of(cpu_slot, shape.address_class);
      const uint8_t slot = address_slot_[cpu.address_slot];
      ++cpu.address_slot;
      if (slot == AddressPredictor::kMiss) {
        event->address = AddZigzag(stack.last(), address_delta_[delta_next_]);
        ++delta_next_;
        stack.Miss(event->address);
        return true;
      }
      if (slot >= stack.size()) return false;
      event->address = stack.Take(slot);
      return true;
    }
    case ADDRESS_DELTA:
      shape.address_last = AddZigzag(shape.address_last, address_delta_[delta_next_]);
      ++delta_next_;
      event->address = shape.address_last;
      return true;
    default:
      return true;
  }
}

bool BlockDecoder::Decode(absl::Span<Event> events) {
  CHECK_LE(events.size(), remaining());
  for (Event& event : events) {
    const uint16_t cpu_slot = cpu_slot_[next_];
    CpuCursor& cpu = cursors_[cpu_slot];
    Shape& shape = shapes_[shape_[cpu.event]];
    event = shape.event;
    event.time = times_[next_];
    event.cpu = cpus_[cpu_slot];
    event.pid = pids_[pid_slot_[cpu.event]];
    ++cpu.event;
    ++next_;
    if (!DecodeObject(shape, cpu, cpu_slot, &event)) return false;
    if (!addresses_) continue;
    if (!DecodeAddress(shape, cpu, cpu_slot, &event)) return false;

    AddressClass address_class = shape.address_class;
    if (shape.object == OBJECT_NEXT) {
      objects_[event.object - object_first_] = {event.address, address_class};
    } else if (shape.object == OBJECT_IN_BLOCK) {
      address_class = objects_[event.object - object_first_].address_class;
    }
    if (shape.frees && address_class != kNoClass) {
      predictor_.Of(cpu_slot, address_class).Push(event.address);
    }
  }
  return true;
}

}  // namespace slablab::slt
