// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/slt/contents.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "fmt/format.h"
#include "traces/slt/header.h"

namespace slablab::slt {
namespace {

absl::Status ErrorAt(const RandomAccess& file, std::string_view section, uint64_t offset,
                     std::string_view what) {
  return absl::DataLossError(fmt::format(
      "{}: {} at offset {}: {}; 'trace slice --salvage' saves the blocks that are whole",
      file.name(), section, offset, what));
}

// The first section that is not whole, in the words of ErrorAt; `otherwise` if all are.
absl::Status LocateDamage(const RandomAccess& file, const absl::Status& otherwise) {
  std::string payload;
  uint64_t offset = kSignature.size();
  int blocks = 0;
  while (file.size() - offset > kTrailerBytes) {
    absl::StatusOr<Frame> frame = ReadFrame(file, offset);
    absl::Status status = frame.ok() ? ReadPayload(file, *frame, &payload) : frame.status();
    if (!status.ok()) {
      if (absl::IsUnavailable(status)) return status;
      const bool is_block = !frame.ok() || frame->kind == SectionKind::kBlock;
      return ErrorAt(file, is_block ? fmt::format("block {}", blocks) : "a section", offset,
                     std::string(status.message()));
    }
    blocks += frame->kind == SectionKind::kBlock;
    offset = frame->end();
  }
  return ErrorAt(file, fmt::format("after block {}", blocks - 1), offset,
                 std::string(otherwise.message()));
}

template <typename Message>
absl::Status ReadMessage(const RandomAccess& file, uint64_t offset, SectionKind kind,
                         Message* message, uint64_t* end) {
  absl::StatusOr<Frame> frame = ReadFrame(file, offset);
  if (!frame.ok()) return frame.status();
  if (frame->kind != kind) return absl::DataLossError("another kind of section stands here");
  std::string payload;
  if (absl::Status status = ReadPayload(file, *frame, &payload); !status.ok()) return status;
  if (!message->ParseFromString(payload)) {
    return absl::DataLossError("the section is not the message it should be");
  }
  *end = frame->end();
  return absl::OkStatus();
}

absl::Status CheckStart(const RandomAccess& file, uint64_t* end) {
  Start start;
  absl::Status status = ReadMessage(file, kSignature.size(), SectionKind::kStart, &start, end);
  if (!status.ok()) {
    return ErrorAt(file, "the start section", kSignature.size(), std::string(status.message()));
  }
  return CheckVersion(file, start);
}

absl::Status ReadSidecars(const RandomAccess& file, const End& end, Contents* contents) {
  ZstdDecompressor zstd;
  for (const SidecarEntry& entry : end.sidecars()) {
    Sidecar section;
    uint64_t section_end = 0;
    absl::Status status =
        ReadMessage(file, entry.offset(), SectionKind::kSidecar, &section, &section_end);
    TraceSidecar sidecar;
    if (status.ok() && !UnpackSidecar(section, &zstd, &sidecar)) {
      status = absl::DataLossError("the sidecar does not decompress");
    }
    if (status.ok() && section_end - entry.offset() != entry.bytes()) {
      status = absl::DataLossError("the index gives another length");
    }
    if (!status.ok()) {
      return ErrorAt(file, fmt::format("sidecar {}", contents->header.sidecars.size()),
                     entry.offset(), std::string(status.message()));
    }
    contents->header.sidecars.push_back(std::move(sidecar));
  }
  return absl::OkStatus();
}

// The sections the index names must fill the file from the start section to the end section.
absl::Status CheckTiling(const End& end, uint64_t from, uint64_t to) {
  std::vector<std::pair<uint64_t, uint64_t>> sections;  // offset, bytes
  for (const SidecarEntry& entry : end.sidecars()) {
    sections.emplace_back(entry.offset(), entry.bytes());
  }
  for (const BlockEntry& entry : end.blocks()) sections.emplace_back(entry.offset(), entry.bytes());
  std::sort(sections.begin(), sections.end());
  for (const auto& [offset, bytes] : sections) {
    if (offset != from || bytes > to - from) {
      return absl::DataLossError("the index does not account for the whole file");
    }
    from += bytes;
  }
  if (from != to) return absl::DataLossError("the index does not account for the whole file");
  return absl::OkStatus();
}

absl::Status CheckBlockOrder(const Contents& contents) {
  uint64_t event_next = 0;
  uint64_t object_next = 1;
  Nanos time = 0;
  for (const TraceBlock& block : contents.blocks) {
    if (block.event_first != event_next || block.event_count == 0 ||
        block.object_first < object_next || block.time_first < time ||
        block.time_last < block.time_first) {
      return absl::DataLossError("the index's blocks do not follow one another");
    }
    for (const TraceBlock::CpuEvents& cpu : block.cpus) {
      if (cpu.cpu < 0 || cpu.cpu >= contents.header.cpu_count) {
        return absl::DataLossError("the index names a CPU that the header does not have");
      }
    }
    event_next += block.event_count;
    object_next = block.object_first;
    time = block.time_last;
  }
  if (event_next != contents.header.event_count) {
    return absl::DataLossError("the index and the header differ in the number of events");
  }
  return absl::OkStatus();
}

absl::Status CheckNames(const Shapes& shapes, const TraceHeader& header) {
  for (int i = 0; i < shapes.kind_size(); ++i) {
    const bool cache_named = NamesCache(static_cast<EventKind>(shapes.kind(i)));
    if (shapes.call_site(i) >= header.call_sites.size() ||
        shapes.gfp(i) >= header.gfp_flags.size() ||
        (cache_named && shapes.cache(i) >= header.caches.size())) {
      return absl::DataLossError("an event names what is not in the header's tables");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckVersion(const RandomAccess& file, const Start& start) {
  if (start.format_version() == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: .slt version {}, but this slablab reads version 1", file.name(),
                  start.format_version()));
}

bool UnpackSidecar(const Sidecar& section, ZstdDecompressor* zstd, TraceSidecar* sidecar) {
  sidecar->name = section.name();
  constexpr uint64_t kBytesMax = uint64_t{1} << 30;
  return section.raw_bytes() <= kBytesMax &&
         zstd->DecompressGrowing(section.zstd(), section.raw_bytes(), &sidecar->contents);
}

absl::Status CheckSignature(const RandomAccess& file) {
  std::string signature;
  const size_t bytes = std::min<uint64_t>(file.size(), kSignature.size());
  if (absl::Status status = file.ReadAt(0, bytes, &signature); !status.ok()) return status;
  if (signature == kSignature) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: not an .slt trace: {}", file.name(),
                  bytes == 0 ? "the file is empty"
                             : "the first 8 bytes are not its signature; slablab import makes a "
                               "trace of a recording"));
}

absl::StatusOr<Contents> ReadContents(const RandomAccess& file) {
  if (absl::Status status = CheckSignature(file); !status.ok()) return status;
  absl::StatusOr<uint64_t> end_offset = ReadTrailer(file);
  if (!end_offset.ok()) return LocateDamage(file, end_offset.status());
  End end;
  uint64_t after_end = 0;
  absl::Status status = ReadMessage(file, *end_offset, SectionKind::kEnd, &end, &after_end);
  if (status.ok() && after_end != file.size() - kTrailerBytes) {
    status = absl::DataLossError("the trailer does not follow the end section");
  }
  if (!status.ok()) return LocateDamage(file, status);

  uint64_t after_start = 0;
  if (status = CheckStart(file, &after_start); !status.ok()) return status;
  Contents contents;
  status = FromProto(end.header(), &contents.header);
  for (const BlockEntry& entry : end.blocks()) {
    contents.blocks.push_back(ToTraceBlock(entry.summary(), entry.offset(), entry.bytes()));
  }
  if (status.ok()) status = CheckTiling(end, after_start, *end_offset);
  if (status.ok()) status = CheckBlockOrder(contents);
  if (!status.ok())
    return ErrorAt(file, "the end section", *end_offset, std::string(status.message()));
  if (status = ReadSidecars(file, end, &contents); !status.ok()) return status;
  return contents;
}

absl::Status BlockError(const RandomAccess& file, const Contents& contents, size_t number,
                        std::string_view what) {
  const TraceBlock& block = contents.blocks[number];
  return ErrorAt(file,
                 fmt::format("block {} (events {} to {})", number, block.event_first,
                             block.event_first + block.event_count - 1),
                 block.offset, what);
}

namespace {

// Reads block `number`, checks it against the index and the names, and gives it to `use`.
absl::Status UseBlock(const RandomAccess& file, const Contents& contents, size_t number,
                      absl::FunctionRef<absl::Status(const Block& block)> use) {
  const TraceBlock& expected = contents.blocks[number];
  Block block;
  uint64_t end = 0;
  absl::Status status = ReadMessage(file, expected.offset, SectionKind::kBlock, &block, &end);
  if (status.ok() &&
      ToTraceBlock(block.summary(), expected.offset, end - expected.offset) != expected) {
    status = absl::DataLossError("the index and the block differ");
  }
  if (status.ok()) status = use(block);
  if (status.ok()) status = CheckNames(block.shapes(), contents.header);
  if (status.ok() || absl::IsUnavailable(status)) return status;
  return BlockError(file, contents, number, std::string(status.message()));
}

}  // namespace

absl::Status CountBlock(const RandomAccess& file, const Contents& contents, size_t number,
                        uint64_t events_max, BlockDecoder* decoder,
                        std::vector<AlikeEvents>* alike) {
  return UseBlock(file, contents, number,
                  [&](const Block& block) { return decoder->Count(block, events_max, alike); });
}

absl::Status LoadBlock(const RandomAccess& file, const Contents& contents, size_t number,
                       BlockDecoder* decoder) {
  const absl::Status status = UseBlock(
      file, contents, number, [decoder](const Block& block) { return decoder->Load(block); });
  if (!status.ok()) decoder->Clear();
  return status;
}

}  // namespace slablab::slt
