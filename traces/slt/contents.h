// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SLT_CONTENTS_H_
#define SLABLAB_TRACES_SLT_CONTENTS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "traces/event.h"
#include "traces/slt/block.h"
#include "traces/slt/file.h"
#include "traces/slt/slt.pb.h"
#include "traces/slt/trace.h"
#include "traces/slt/zstd.h"

// What an .slt file holds, short of the events: from its end section if the file is whole, or by
// searching the file for whole sections.

namespace slablab::slt {

// Events that are missing from a damaged file.
struct Gap {
  size_t before_block = 0;   // where in Contents.blocks they were
  uint64_t event_first = 0;  // the number of the first
  std::vector<Event> lost;   // the kLost events that stand for them
  // The objects that first appeared there.
  uint64_t object_first = 0;
  uint64_t object_end = 0;
};

struct Contents {
  TraceHeader header;
  std::vector<TraceBlock> blocks;  // the readable ones
  std::vector<Gap> gaps;           // by before_block
  TraceDamage damage;
};

// Errors as TraceReader::Open without salvage.
absl::StatusOr<Contents> ReadContents(const RandomAccess& file);

// Reads the whole file. Fails only with what is not an .slt file at all, or cannot be read.
absl::StatusOr<Contents> SalvageContents(const RandomAccess& file, BlockDecoder* decoder);

// What block `number` has of its first `events_max` events.
absl::Status CountBlock(const RandomAccess& file, const Contents& contents, size_t number,
                        uint64_t events_max, BlockDecoder* decoder,
                        std::vector<AlikeEvents>* alike);

// Loads block `number` into the decoder.
absl::Status LoadBlock(const RandomAccess& file, const Contents& contents, size_t number,
                       BlockDecoder* decoder);

// The parts that both ways of reading share.
absl::Status CheckSignature(const RandomAccess& file);
absl::Status CheckVersion(const RandomAccess& file, const Start& start);
bool UnpackSidecar(const Sidecar& section, ZstdDecompressor* zstd, TraceSidecar* sidecar);

// The kDataLoss of a block, naming file, block, offset and events.
absl::Status BlockError(const RandomAccess& file, const Contents& contents, size_t number,
                        std::string_view what);

}  // namespace slablab::slt

#endif  // SLABLAB_TRACES_SLT_CONTENTS_H_
