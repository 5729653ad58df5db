// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SLT_BLOCK_H_
#define SLABLAB_TRACES_SLT_BLOCK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/types.h"
#include "traces/event.h"
#include "traces/slt/address_predictor.h"
#include "traces/slt/slt.pb.h"
#include "traces/slt/zstd.h"

// Between events and the columns of a block; the columns' meaning is in traces/slt/slt.proto.

namespace slablab::slt {

// The shape's flags in Shapes.flags, and back.
uint32_t FlagsOf(const Event& event);
void SetFlags(uint32_t flags, Event* event);

// Writes events as a Block. REQUIRES: 1 .. 65536 events in time order, objects at most one above
// the largest so far, which starts at object_first - 1.
class BlockEncoder {
 public:
  explicit BlockEncoder(int zstd_level) : zstd_(zstd_level) {}

  // Sets the block's summary, time_unit, pids, shapes and columns. Answers the number that the next
  // block's first new object takes.
  uint64_t Encode(absl::Span<const Event> events, uint64_t event_first, uint64_t object_first,
                  Block* block);

 private:
  using Values = std::vector<uint64_t>;
  // A column's values: one list for each CPU slot, written one after another.
  using ByCpu = std::vector<Values>;

  void NumberCpusAndPids(Block* block);
  void AssignShapes(uint64_t object_first, Shapes* shapes);
  // Emits the object and address columns. REQUIRES: the two above have run.
  void EncodeObjects(uint64_t object_first, Block* block);
  void EncodeTimes(Block* block);
  void AddColumn(ColumnId id, const Values& values, Block* block);
  void AddColumn(ColumnId id, const ByCpu& values, Block* block);

  ZstdCompressor zstd_;
  AddressPredictor predictor_;
  absl::Span<const Event> events_;
  std::vector<uint16_t> cpu_slot_;  // by event
  std::vector<uint16_t> pid_slot_;
  std::vector<uint16_t> shape_of_;
  std::vector<Event> shapes_;  // each shape's repeating fields
  std::vector<ObjectRule> object_rule_;
  std::vector<AddressRule> address_rule_;
};

// Reads a Block back. Load checks everything that can be checked before the first event; Decode is
// the inner loop.
class BlockDecoder {
 public:
  // Without `addresses`, those columns are left alone, and events have none.
  explicit BlockDecoder(bool addresses) : addresses_(addresses) {}

  // Errors are kDataLoss. The block is no longer needed afterwards.
  absl::Status Load(const Block& block);

  // How many of the block's first `events_max` events are alike. Reads two columns at most, and
  // leaves nothing to decode. Errors are kDataLoss.
  absl::Status Count(const Block& block, uint64_t events_max, std::vector<AlikeEvents>* alike);

  // Nothing remains.
  void Clear() { next_ = event_count_ = 0; }
  size_t remaining() const { return event_count_ - next_; }
  // The number that the next block's first new object takes.
  uint64_t object_next() const { return object_first_ + objects_.size(); }
  // Decodes the next events. REQUIRES: events.size() <= remaining(). False if the block contradicts
  // itself; the decoder must be loaded anew then.
  bool Decode(absl::Span<Event> events);

 private:
  // How many values of the columns events take. Added up as one, four at a time.
  struct Uses {
    std::array<uint32_t, 4> count{};
    uint32_t deltas = 0;
    uint32_t& appeared() { return count[0]; }
    uint32_t& in_block() { return count[1]; }
    uint32_t& older() { return count[2]; }
    uint32_t& predicted() { return count[3]; }
    void Add(const Uses& other) {
      for (size_t i = 0; i < count.size(); ++i) count[i] += other.count[i];
      deltas += other.deltas;
    }
  };
  struct Shape {
    Event event;
    ObjectRule object = OBJECT_NONE;
    AddressRule address = ADDRESS_ZERO;
    AddressClass address_class = kNoClass;
    bool frees = false;
    uint64_t older_last = 0;
    uint64_t address_last = 0;
  };
  // Where a CPU's next values are in the columns "by CPU".
  struct CpuCursor {
    uint32_t event = 0;
    uint32_t object_ref = 0;
    uint32_t address_slot = 0;
    uint32_t appeared_first = 0;
    uint32_t appeared = 0;  // objects that appeared on this CPU so far
  };
  struct BlockObject {
    uint64_t address = 0;
    AddressClass address_class = kNoClass;
  };

  absl::Status LoadSummary(const Block& block);
  absl::Status LoadShapes(const Shapes& shapes);
  absl::Status LoadTimes(const Block& block);
  absl::Status LoadEventColumns(const Block& block);
  // Counts what each CPU's events take from the other columns, and places the cursors.
  absl::Status PlaceCursors();
  absl::Status LoadObjectColumns(const Block& block);
  template <typename T>
  absl::Status LoadColumn(const Block& block, ColumnId id, size_t count, std::vector<T>* values);

  bool DecodeObject(Shape& shape, CpuCursor& cpu, uint16_t cpu_slot, Event* event);
  bool DecodeAddress(Shape& shape, CpuCursor& cpu, uint16_t cpu_slot, Event* event);

  const bool addresses_;
  ZstdDecompressor zstd_;
  std::string plane_;
  AddressPredictor predictor_;

  size_t event_count_ = 0;
  size_t next_ = 0;
  uint64_t object_first_ = 0;
  std::vector<Shape> shapes_;
  std::vector<Uses> uses_of_shape_;
  std::vector<uint16_t> cpus_;
  std::vector<uint32_t> events_of_cpu_;
  std::vector<int32_t> pids_;
  std::vector<Nanos> times_;
  std::vector<uint16_t> cpu_slot_;
  std::vector<uint16_t> shape_;
  std::vector<uint16_t> pid_slot_;
  std::vector<uint16_t> object_cpu_;
  std::vector<uint16_t> object_age_;
  std::vector<uint64_t> object_older_;
  std::vector<uint8_t> address_slot_;
  std::vector<uint64_t> address_delta_;
  Uses uses_;  // of all events
  size_t older_next_ = 0;
  size_t delta_next_ = 0;

  std::vector<CpuCursor> cursors_;
  std::vector<uint32_t> appeared_;  // by CPU: indices into objects_
  std::vector<BlockObject> objects_;
  size_t objects_seen_ = 0;
};

}  // namespace slablab::slt

#endif  // SLABLAB_TRACES_SLT_BLOCK_H_
