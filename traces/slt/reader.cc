// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <deque>
#include <utility>

#include "base/check.h"
#include "fmt/format.h"
#include "traces/slt/block.h"
#include "traces/slt/contents.h"
#include "traces/slt/file.h"
#include "traces/slt/trace.h"

namespace slablab {
namespace {

class SltReader : public TraceReader {
 public:
  SltReader(std::unique_ptr<slt::RandomAccess> file, Options options)
      : file_(std::move(file)),
        options_(std::move(options)),
        wanted_(kMaxCpus, false),
        decoder_(options_.addresses) {
    for (const CpuId cpu : options_.cpus) {
      if (cpu.value() >= 0 && cpu.value() < kMaxCpus) wanted_[cpu.index()] = true;
    }
  }

  absl::Status Open();

  const TraceHeader& header() const override { return contents_.header; }
  const std::vector<TraceBlock>& blocks() const override { return contents_.blocks; }
  uint64_t file_bytes() const override { return file_->size(); }
  const TraceDamage& damage() const override { return contents_.damage; }
  absl::StatusOr<size_t> Read(absl::Span<Event> events) override;
  absl::StatusOr<std::vector<AlikeEvents>> CountBlock(size_t number, uint64_t events_max) override;
  void Rewind() override;

 private:
  absl::Status Recount();
  bool Wanted(const TraceBlock& block) const;
  bool Wanted(const Event& event, uint64_t number) const {
    return event.time >= options_.from && event.time < options_.to &&
           number >= options_.event_first && number < options_.event_end &&
           (options_.cpus.empty() || wanted_[event.cpu] || IsOfUnknownCpu(event));
  }
  // Goes on to the next block that holds something wanted; false after the last.
  absl::StatusOr<bool> NextBlock();
  // Keeps what is wanted of `events`, the first of which is `number`, at the front; answers how
  // many.
  size_t Select(absl::Span<Event> events, uint64_t number) const;
  void QueueLost(const slt::Gap& gap);
  void MarkOrphans(absl::Span<Event> events) const;

  std::unique_ptr<slt::RandomAccess> file_;
  Options options_;
  std::vector<bool> wanted_;  // by CPU
  slt::Contents contents_;
  slt::BlockDecoder decoder_;
  slt::BlockDecoder counter_{/*addresses=*/false};
  size_t block_next_ = 0;
  size_t gap_next_ = 0;
  std::deque<Event> lost_;  // to be delivered before the block that was loaded
};

absl::Status SltReader::Open() {
  absl::StatusOr<slt::Contents> contents =
      options_.salvage ? slt::SalvageContents(*file_, &decoder_) : slt::ReadContents(*file_);
  if (!contents.ok()) return contents.status();
  contents_ = *std::move(contents);
  Rewind();
  return options_.salvage ? Recount() : absl::OkStatus();
}

// The header's counts are those of the undamaged file, or none; make them those of what is left.
absl::Status SltReader::Recount() {
  TraceHeader& header = contents_.header;
  const Options selection = std::exchange(options_, Options());
  header.event_count = header.lost_events = header.object_count = 0;
  uint64_t lost_unnumbered = 0;
  header.time_first = header.time_last = 0;
  header.events_by_kind = {};
  EventsDigest digest;
  std::vector<Event> events(4096);
  for (;;) {
    absl::StatusOr<size_t> count = Read(absl::MakeSpan(events));
    if (!count.ok()) return count.status();
    if (*count == 0) break;
    if (header.event_count == 0) header.time_first = events[0].time;
    header.time_last = events[*count - 1].time;
    header.event_count += *count;
    for (size_t i = 0; i < *count; ++i) {
      const Event& event = events[i];
      digest.Add(event);
      ++header.events_by_kind[static_cast<size_t>(event.kind)];
      if (event.kind == EventKind::kLost) {
        header.lost_events += event.bytes_req;
        if (event.bytes_req == 0) ++lost_unnumbered;
      }
      header.object_count = std::max(header.object_count, event.object);
    }
  }
  header.lost_unknown = lost_unnumbered - std::min(lost_unnumbered, header.lost_covered);
  header.events_digest = digest.value();
  options_ = selection;
  Rewind();
  return absl::OkStatus();
}

void SltReader::Rewind() {
  block_next_ = 0;
  gap_next_ = 0;
  lost_.clear();
  decoder_.Clear();
}

bool SltReader::Wanted(const TraceBlock& block) const {
  if (block.time_last < options_.from || block.time_first >= options_.to) return false;
  if (block.event_first >= options_.event_end ||
      block.event_first + block.event_count <= options_.event_first) {
    return false;
  }
  if (options_.cpus.empty()) return true;
  // What any CPU may have lost is of every selection.
  const bool has_lost = contents_.header.events_by_kind[static_cast<size_t>(EventKind::kLost)] > 0;
  if (has_lost && block.may_lose_of_any_cpu) return true;
  return std::any_of(block.cpus.begin(), block.cpus.end(),
                     [this](const auto& cpu) { return wanted_[static_cast<size_t>(cpu.cpu)]; });
}

void SltReader::QueueLost(const slt::Gap& gap) {
  for (const Event& event : gap.lost) {
    if (Wanted(event, gap.event_first)) lost_.push_back(event);
  }
}

absl::StatusOr<bool> SltReader::NextBlock() {
  while (block_next_ < contents_.blocks.size()) {
    const size_t number = block_next_;
    while (gap_next_ < contents_.gaps.size() && contents_.gaps[gap_next_].before_block == number) {
      QueueLost(contents_.gaps[gap_next_++]);
    }
    ++block_next_;
    if (!Wanted(contents_.blocks[number])) continue;
    absl::Status status = slt::LoadBlock(*file_, contents_, number, &decoder_);
    if (!status.ok()) return status;
    return true;
  }
  while (gap_next_ < contents_.gaps.size()) QueueLost(contents_.gaps[gap_next_++]);
  return false;
}

size_t SltReader::Select(absl::Span<Event> events, uint64_t number) const {
  if (options_.selects_all()) return events.size();
  size_t kept = 0;
  for (const Event& event : events) {
    if (Wanted(event, number++)) events[kept++] = event;
  }
  return kept;
}

void SltReader::MarkOrphans(absl::Span<Event> events) const {
  for (Event& event : events) {
    if (!Frees(event.kind)) continue;
    for (const slt::Gap& gap : contents_.gaps) {
      if (event.object >= gap.object_first && event.object < gap.object_end) {
        event.predates_trace = true;
      }
    }
  }
}

absl::StatusOr<size_t> SltReader::Read(absl::Span<Event> events) {
  CHECK(!events.empty());
  size_t filled = 0;
  while (filled < events.size()) {
    if (!lost_.empty()) {
      events[filled++] = lost_.front();
      lost_.pop_front();
      continue;
    }
    if (decoder_.remaining() == 0) {
      absl::StatusOr<bool> more = NextBlock();
      if (!more.ok()) return more.status();
      if (!*more && lost_.empty()) break;
      continue;
    }
    absl::Span<Event> part =
        events.subspan(filled, std::min(events.size() - filled, decoder_.remaining()));
    const TraceBlock& block = contents_.blocks[block_next_ - 1];
    const uint64_t number = block.event_first + block.event_count - decoder_.remaining();
    if (!decoder_.Decode(part)) {
      return slt::BlockError(*file_, contents_, block_next_ - 1,
                             "an event contradicts the block's other events");
    }
    if (!contents_.gaps.empty()) MarkOrphans(part);
    filled += Select(part, number);
  }
  return filled;
}

absl::StatusOr<std::vector<AlikeEvents>> SltReader::CountBlock(size_t number, uint64_t events_max) {
  CHECK(!options_.salvage);
  CHECK_LT(number, contents_.blocks.size());
  std::vector<AlikeEvents> alike;
  absl::Status status = slt::CountBlock(*file_, contents_, number, events_max, &counter_, &alike);
  if (!status.ok()) return status;
  return alike;
}

absl::StatusOr<std::unique_ptr<TraceReader>> OpenOn(std::unique_ptr<slt::RandomAccess> file,
                                                    const TraceReader::Options& options) {
  auto reader = std::make_unique<SltReader>(std::move(file), options);
  if (absl::Status status = reader->Open(); !status.ok()) return status;
  return reader;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TraceReader>> TraceReader::Open(const std::string& path,
                                                               const Options& options) {
  absl::StatusOr<std::unique_ptr<slt::RandomAccess>> file = slt::OpenForReading(path);
  if (!file.ok()) return file.status();
  return OpenOn(*std::move(file), options);
}

absl::StatusOr<std::unique_ptr<TraceReader>> TraceReader::FromMemory(std::string name,
                                                                     std::string contents,
                                                                     const Options& options) {
  return OpenOn(slt::ReadFromMemory(std::move(name), std::move(contents)), options);
}

}  // namespace slablab
