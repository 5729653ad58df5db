// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "traces/slt/contents.h"
#include "traces/slt/header.h"

namespace slablab::slt {
namespace {

constexpr std::string_view kLostName = "(lost)";
// A table index beyond this is damage, not a name to be made up.
constexpr uint32_t kCallSitesMax = 1 << 20;

// Walks a file from front to back, section by section, and keeps what is whole.
class Salvager {
 public:
  Salvager(const RandomAccess& file, BlockDecoder* decoder) : file_(file), decoder_(decoder) {}

  absl::StatusOr<Contents> Run();

 private:
  absl::Status Walk();
  // Takes the section at *offset and moves *offset behind it, or behind the damage that is there.
  absl::Status TakeSection(uint64_t* offset);
  absl::Status TakePayload(const Frame& frame, const std::string& payload);
  absl::Status TakeBlock(const Frame& frame, const std::string& payload);
  // Where to go on after a section at `offset` that is not whole.
  absl::StatusOr<uint64_t> NextAfterDamage(const absl::StatusOr<Frame>& frame, uint64_t offset);

  void BuildHeader();
  void NameWhatIsLost();
  void BuildGaps();
  void AddGap(size_t before_block, uint64_t event_end, uint64_t object_end, Nanos time);
  bool TailLost() const;
  std::string SectionName(uint64_t offset) const;

  const RandomAccess& file_;
  BlockDecoder* decoder_;
  Contents contents_;
  ZstdDecompressor zstd_;
  std::optional<Start> start_;
  std::optional<End> end_;
  std::vector<Tables> tables_;
  std::vector<uint64_t> object_ends_;                     // by block
  std::vector<std::pair<uint64_t, std::string>> damage_;  // offset, what is wrong
  uint64_t last_whole_end_ = 0;
  // By the events taken so far.
  uint64_t event_next_ = 0;
  uint64_t object_next_ = 1;
  Nanos time_last_ = 0;
  TableSizes sizes_needed_;
  int32_t cpus_needed_ = 0;
};

absl::StatusOr<Contents> Salvager::Run() {
  absl::Status signature = CheckSignature(file_);
  if (!signature.ok() && !absl::IsInvalidArgument(signature)) return signature;
  if (absl::Status status = Walk(); !status.ok()) return status;
  if (!start_.has_value() && !end_.has_value() && contents_.blocks.empty()) {
    return signature.ok() ? absl::DataLossError(fmt::format(
                                "{}: no section of it is whole: nothing to salvage", file_.name()))
                          : signature;
  }
  if (!signature.ok()) damage_.emplace(damage_.begin(), 0, "the signature is damaged");
  BuildHeader();
  BuildGaps();
  NameWhatIsLost();
  for (const auto& [offset, what] : damage_) {
    contents_.damage.messages.push_back(
        fmt::format("{} at offset {}: {}", SectionName(offset), offset, what));
  }
  if (damage_.empty() && !contents_.gaps.empty()) {
    contents_.damage.messages.push_back("blocks are missing between whole sections");
  }
  return std::move(contents_);
}

absl::Status Salvager::Walk() {
  uint64_t offset = std::min<uint64_t>(kSignature.size(), file_.size());
  while (offset < file_.size()) {
    const uint64_t rest = file_.size() - offset;
    if (rest == kTrailerBytes && ReadTrailer(file_).ok()) return absl::OkStatus();
    if (absl::Status status = TakeSection(&offset); !status.ok()) return status;
  }
  damage_.emplace_back(file_.size(), "the file ends without its trailer");
  return absl::OkStatus();
}

absl::Status Salvager::TakeSection(uint64_t* offset) {
  std::string payload;
  absl::StatusOr<Frame> frame = ReadFrame(file_, *offset);
  absl::Status status = frame.status();
  if (status.ok()) status = ReadPayload(file_, *frame, &payload);
  if (status.ok()) status = TakePayload(*frame, payload);
  if (status.ok()) {
    *offset = last_whole_end_ = frame->end();
    return status;
  }
  if (!absl::IsDataLoss(status)) return status;
  damage_.emplace_back(*offset, std::string(status.message()));
  absl::StatusOr<uint64_t> next = NextAfterDamage(frame, *offset);
  if (!next.ok()) return next.status();
  *offset = *next;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Salvager::NextAfterDamage(const absl::StatusOr<Frame>& frame,
                                                   uint64_t offset) {
  if (frame.ok() && frame->end() <= file_.size() && ReadFrame(file_, frame->end()).ok()) {
    return frame->end();
  }
  absl::StatusOr<uint64_t> next = FindFrame(file_, offset + 1);
  if (!next.ok()) return next.status();
  const uint64_t trailer = ReadTrailer(file_).ok() ? file_.size() - kTrailerBytes : file_.size();
  return std::max(offset + 1, std::min(*next, trailer));
}

absl::Status Salvager::TakePayload(const Frame& frame, const std::string& payload) {
  const absl::Status not_the_message =
      absl::DataLossError("the section is not the message it should be");
  switch (frame.kind) {
    case SectionKind::kStart: {
      Start start;
      if (!start.ParseFromString(payload)) return not_the_message;
      if (absl::Status status = CheckVersion(file_, start); !status.ok()) return status;
      start_ = std::move(start);
      return absl::OkStatus();
    }
    case SectionKind::kSidecar: {
      Sidecar section;
      TraceSidecar sidecar;
      if (!section.ParseFromString(payload)) return not_the_message;
      if (!UnpackSidecar(section, &zstd_, &sidecar)) {
        return absl::DataLossError("the sidecar does not decompress");
      }
      contents_.header.sidecars.push_back(std::move(sidecar));
      return absl::OkStatus();
    }
    case SectionKind::kBlock:
      return TakeBlock(frame, payload);
    case SectionKind::kEnd: {
      End end;
      if (!end.ParseFromString(payload)) return not_the_message;
      TraceHeader header;
      if (absl::Status status = FromProto(end.header(), &header); !status.ok()) return status;
      end_ = std::move(end);
      return absl::OkStatus();
    }
  }
  return not_the_message;
}

absl::Status Salvager::TakeBlock(const Frame& frame, const std::string& payload) {
  Block block;
  if (!block.ParseFromString(payload)) {
    return absl::DataLossError("the section is not the message it should be");
  }
  const BlockSummary& summary = block.summary();
  constexpr uint64_t kEventFirstMax = uint64_t{1} << 62;
  if (summary.event_first() > kEventFirstMax || summary.event_first() < event_next_ ||
      summary.object_first() < object_next_ || summary.time_first() < time_last_) {
    return absl::DataLossError("the block does not follow the block before");
  }
  if (absl::Status status = decoder_->Load(block); !status.ok()) return status;
  if (summary.cpus(summary.cpus_size() - 1) >= kMaxCpus) {
    return absl::DataLossError("the block names a CPU beyond the most that there can be");
  }
  const Shapes& shapes = block.shapes();
  TableSizes sizes = sizes_needed_;
  for (int i = 0; i < shapes.kind_size(); ++i) {
    if (shapes.call_site(i) >= kCallSitesMax) {
      return absl::DataLossError("the block names a call site beyond the most that there can be");
    }
    sizes.call_sites = std::max<size_t>(sizes.call_sites, shapes.call_site(i) + 1);
    sizes.gfp_flags = std::max<size_t>(sizes.gfp_flags, shapes.gfp(i) + 1);
    if (NamesCache(static_cast<EventKind>(shapes.kind(i)))) {
      sizes.caches = std::max<size_t>(sizes.caches, shapes.cache(i) + 1);
    }
  }
  std::array<Event, 256> events;
  while (decoder_->remaining() > 0) {
    if (!decoder_->Decode(
            absl::MakeSpan(events.data(), std::min(events.size(), decoder_->remaining())))) {
      return absl::DataLossError("an event contradicts the block's other events");
    }
  }
  sizes_needed_ = sizes;
  cpus_needed_ =
      std::max(cpus_needed_, static_cast<int32_t>(summary.cpus(summary.cpus_size() - 1)) + 1);
  event_next_ = summary.event_first() + summary.event_count();
  object_next_ = decoder_->object_next();
  time_last_ = summary.time_last();
  tables_.push_back(block.tables_added());
  object_ends_.push_back(object_next_);
  contents_.blocks.push_back(ToTraceBlock(summary, frame.offset, frame.end() - frame.offset));
  return absl::OkStatus();
}

void Salvager::BuildHeader() {
  std::vector<TraceSidecar> sidecars = std::move(contents_.header.sidecars);
  if (end_.has_value()) {
    // TakePayload has seen that it converts.
    FromProto(end_->header(), &contents_.header).IgnoreError();
  } else {
    if (!start_.has_value() || !FromProto(start_->header(), &contents_.header).ok()) {
      contents_.header = TraceHeader();
    }
    for (const Tables& tables : tables_) AddTables(tables, &contents_.header);
  }
  contents_.header.sidecars = std::move(sidecars);
}

void Salvager::NameWhatIsLost() {
  TraceHeader& header = contents_.header;
  const auto grow = [](auto& table, size_t size, const auto& entry) {
    if (table.size() < size) table.resize(size, entry);
  };
  TraceCache lost_cache;
  lost_cache.name = kLostName;
  grow(header.call_sites, sizes_needed_.call_sites, std::string(kLostName));
  grow(header.gfp_flags, sizes_needed_.gfp_flags, std::string(kLostName));
  grow(header.caches, sizes_needed_.caches, lost_cache);
  for (const Gap& gap : contents_.gaps) {
    for (const Event& event : gap.lost) cpus_needed_ = std::max(cpus_needed_, event.cpu + 1);
  }
  if (header.cpu_count < cpus_needed_) {
    header.cpu_count = cpus_needed_;
    header.node_of_cpu.clear();
  }
}

bool Salvager::TailLost() const {
  if (end_.has_value()) return false;
  // If only the end section is damaged, nothing lies between the last whole section and it.
  absl::StatusOr<uint64_t> end_offset = ReadTrailer(file_);
  return !end_offset.ok() || *end_offset != last_whole_end_;
}

void Salvager::AddGap(size_t before_block, uint64_t event_end, uint64_t object_end, Nanos time) {
  Gap gap;
  gap.before_block = before_block;
  gap.event_first = event_next_;
  gap.object_first = object_next_;
  gap.object_end = object_end;
  Event lost;
  lost.kind = EventKind::kLost;
  lost.time = time_last_;
  if (end_.has_value()) {
    for (const BlockEntry& entry : end_->blocks()) {
      const TraceBlock block = ToTraceBlock(entry.summary(), entry.offset(), entry.bytes());
      if (block.event_first < event_next_ || block.event_first >= event_end) continue;
      lost.time = std::clamp(block.time_last, lost.time, std::max(lost.time, time));
      for (const TraceBlock::CpuEvents& cpu : block.cpus) {
        if (cpu.cpu < 0 || cpu.cpu >= kMaxCpus) continue;
        lost.cpu = static_cast<uint16_t>(cpu.cpu);
        lost.bytes_req = cpu.events;
        gap.lost.push_back(lost);
      }
    }
  }
  const uint64_t count = event_end - event_next_;
  if (gap.lost.empty()) {
    lost.time = std::max(lost.time, time);
    lost.bytes_req = static_cast<uint32_t>(std::min<uint64_t>(count, UINT32_MAX));
    gap.lost.push_back(lost);
  }
  contents_.damage.events_lost += count;
  contents_.gaps.push_back(std::move(gap));
}

void Salvager::BuildGaps() {
  event_next_ = 0;
  object_next_ = 1;
  time_last_ = 0;
  for (size_t i = 0; i < contents_.blocks.size(); ++i) {
    const TraceBlock& block = contents_.blocks[i];
    if (block.event_first > event_next_) {
      AddGap(i, block.event_first, block.object_first, block.time_first);
    }
    event_next_ = block.event_first + block.event_count;
    object_next_ = object_ends_[i];
    time_last_ = block.time_last;
  }
  if (end_.has_value() && event_next_ < end_->header().event_count()) {
    AddGap(contents_.blocks.size(), end_->header().event_count(), end_->header().object_count() + 1,
           end_->header().time_last());
  }
  contents_.damage.tail_lost = TailLost();
  if (!contents_.damage.tail_lost) return;
  Gap gap;
  gap.before_block = contents_.blocks.size();
  gap.event_first = event_next_;
  Event lost;
  lost.kind = EventKind::kLost;
  lost.time = time_last_;
  gap.lost.push_back(lost);
  contents_.gaps.push_back(std::move(gap));
}

std::string Salvager::SectionName(uint64_t offset) const {
  if (offset == kSignature.size()) return "the start section";
  if (end_.has_value()) {
    for (int i = 0; i < end_->blocks_size(); ++i) {
      const BlockEntry& entry = end_->blocks(i);
      if (entry.offset() != offset) continue;
      return fmt::format("block {} (events {} to {})", i, entry.summary().event_first(),
                         entry.summary().event_first() + entry.summary().event_count() - 1);
    }
  }
  const auto after = std::count_if(contents_.blocks.begin(), contents_.blocks.end(),
                                   [offset](const auto& block) { return block.offset < offset; });
  if (after == 0) return "before the first whole block,";
  return fmt::format("after {} whole block{},", after, after == 1 ? "" : "s");
}

}  // namespace

absl::StatusOr<Contents> SalvageContents(const RandomAccess& file, BlockDecoder* decoder) {
  return Salvager(file, decoder).Run();
}

}  // namespace slablab::slt
