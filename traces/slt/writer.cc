// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/whole_file.h"
#include "fmt/format.h"
#include "traces/slt/block.h"
#include "traces/slt/file.h"
#include "traces/slt/header.h"
#include "traces/slt/trace.h"
#include "traces/slt/zstd.h"

namespace slablab {
namespace {

class SltWriter : public TraceWriter {
 public:
  SltWriter(std::string path, std::unique_ptr<WholeFile> file, const Options& options)
      : path_(std::move(path)),
        file_(std::move(file)),
        events_per_block_(static_cast<size_t>(options.events_per_block)),
        encoder_(options.zstd_level),
        sidecar_zstd_(options.zstd_level) {
    pending_.reserve(events_per_block_);
  }

  TraceHeader& header() override { return header_; }
  absl::Status Append(const Event& event) override;
  absl::Status Finish() override;

 private:
  // The largest indices that events used.
  struct Used {
    uint32_t call_site = 0;
    uint16_t gfp = 0;
    uint16_t cache = 0;
    uint16_t cpu = 0;
  };

  absl::Status BadEvent(std::string_view what) const {
    return absl::InvalidArgumentError(fmt::format("{}: event {}: {}", path_, event_count_, what));
  }
  void TrackLive(const Event& event);
  absl::Status CheckHeader() const;
  absl::Status WriteSection(slt::SectionKind kind, std::string_view payload);
  absl::Status WriteStart();
  absl::Status WriteSidecars();
  absl::Status WriteBlock();
  absl::Status WriteEnd();

  std::string path_;
  std::unique_ptr<WholeFile> file_;
  size_t events_per_block_;
  slt::BlockEncoder encoder_;
  ZstdCompressor sidecar_zstd_;

  TraceHeader header_;
  std::vector<Event> pending_;
  uint64_t event_count_ = 0;
  uint64_t object_next_ = 1;
  uint64_t object_next_of_block_ = 1;
  std::vector<bool> live_ = {false};  // by object
  uint64_t live_count_ = 0;
  uint64_t live_first_of_block_ = 0;
  std::array<uint64_t, kEventKinds> events_by_kind_ = {};
  uint64_t lost_events_ = 0;
  uint64_t lost_unnumbered_ = 0;
  Nanos time_first_ = 0;
  Nanos time_last_ = 0;
  EventsDigest digest_;
  Used used_;
  slt::TableSizes tables_written_;
  std::vector<TraceSidecar> sidecars_written_;
  slt::End end_;
};

absl::Status SltWriter::Append(const Event& event) {
  if (event_count_ > 0 && event.time < time_last_) {
    return BadEvent(
        fmt::format("time {} is before that of the event before, {}", event.time, time_last_));
  }
  if (event.object > object_next_) {
    return BadEvent(
        fmt::format("object {} is new, but the next new object is {}", event.object, object_next_));
  }
  if (event.cpu >= kMaxCpus) {
    return BadEvent(
        fmt::format("CPU {} is beyond the most that there can be, {}", event.cpu, kMaxCpus));
  }
  if (event_count_ == 0) time_first_ = event.time;
  time_last_ = event.time;
  TrackLive(event);
  if (event.object == object_next_) ++object_next_;
  ++events_by_kind_[static_cast<size_t>(event.kind)];
  if (event.kind == EventKind::kLost) {
    lost_events_ += event.bytes_req;
    if (event.bytes_req == 0) ++lost_unnumbered_;
  }
  digest_.Add(event);
  used_.call_site = std::max(used_.call_site, event.call_site);
  used_.gfp = std::max(used_.gfp, event.gfp);
  if (NamesCache(event.kind)) used_.cache = std::max(used_.cache, event.cache);
  used_.cpu = std::max(used_.cpu, event.cpu);
  ++event_count_;
  pending_.push_back(event);
  return pending_.size() == events_per_block_ ? WriteBlock() : absl::OkStatus();
}

void SltWriter::TrackLive(const Event& event) {
  if (event.object == kNoTraceObject) return;
  if (event.object == live_.size()) live_.push_back(false);
  const bool live_before = live_[event.object];
  if (Allocates(event.kind)) live_[event.object] = true;
  if (Frees(event.kind)) live_[event.object] = false;
  live_count_ += live_[event.object];
  live_count_ -= live_before;
}

absl::Status SltWriter::WriteSection(slt::SectionKind kind, std::string_view payload) {
  if (payload.size() > INT32_MAX) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: a section of {} bytes is more than the format holds", path_, payload.size()));
  }
  return file_->Write(slt::FrameFor(kind, payload));
}

absl::Status SltWriter::WriteStart() {
  slt::Start start;
  start.set_format_version(1);
  *start.mutable_header() = slt::ToProto(header_);
  tables_written_ = slt::SizesOf(header_);
  if (absl::Status s = file_->Write(slt::kSignature); !s.ok()) return s;
  return WriteSection(slt::SectionKind::kStart, start.SerializeAsString());
}

absl::Status SltWriter::WriteSidecars() {
  for (size_t i = sidecars_written_.size(); i < header_.sidecars.size(); ++i) {
    const TraceSidecar& sidecar = header_.sidecars[i];
    slt::Sidecar section;
    section.set_name(sidecar.name);
    section.set_raw_bytes(sidecar.contents.size());
    section.set_zstd(sidecar_zstd_.Compress(sidecar.contents));
    slt::SidecarEntry* entry = end_.add_sidecars();
    entry->set_offset(file_->bytes_written());
    if (absl::Status s = WriteSection(slt::SectionKind::kSidecar, section.SerializeAsString());
        !s.ok()) {
      return s;
    }
    entry->set_bytes(file_->bytes_written() - entry->offset());
    sidecars_written_.push_back(sidecar);
  }
  return absl::OkStatus();
}

absl::Status SltWriter::WriteBlock() {
  if (file_->bytes_written() == 0) {
    if (absl::Status s = WriteStart(); !s.ok()) return s;
  }
  if (absl::Status s = WriteSidecars(); !s.ok()) return s;
  if (pending_.empty()) return absl::OkStatus();
  slt::Block block;
  const uint64_t event_first = event_count_ - pending_.size();
  object_next_of_block_ = encoder_.Encode(pending_, event_first, object_next_of_block_, &block);
  CHECK_EQ(object_next_of_block_, object_next_);
  block.mutable_summary()->set_live_first(std::exchange(live_first_of_block_, live_count_));
  *block.mutable_tables_added() = slt::TablesFrom(header_, tables_written_);
  tables_written_ = slt::SizesOf(header_);
  slt::BlockEntry* entry = end_.add_blocks();
  entry->set_offset(file_->bytes_written());
  *entry->mutable_summary() = block.summary();
  if (absl::Status s = WriteSection(slt::SectionKind::kBlock, block.SerializeAsString()); !s.ok()) {
    return s;
  }
  entry->set_bytes(file_->bytes_written() - entry->offset());
  pending_.clear();
  return absl::OkStatus();
}

absl::Status SltWriter::CheckHeader() const {
  const auto bad = [this](std::string what) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", path_, what));
  };
  if (used_.call_site >= header_.call_sites.size()) {
    return bad(fmt::format("an event's call site {} is not in the table of {}", used_.call_site,
                           header_.call_sites.size()));
  }
  if (used_.gfp >= header_.gfp_flags.size()) {
    return bad(fmt::format("an event's gfp flags {} are not in the table of {}", used_.gfp,
                           header_.gfp_flags.size()));
  }
  if (used_.cache >= header_.caches.size()) {
    return bad(fmt::format("an event's cache {} is not in the table of {}", used_.cache,
                           header_.caches.size()));
  }
  if (event_count_ > 0 && used_.cpu >= header_.cpu_count) {
    return bad(fmt::format("an event's CPU {} is not among the {} of the header", used_.cpu,
                           header_.cpu_count));
  }
  if (header_.call_sites[0] != "" || header_.gfp_flags[0] != "" ||
      header_.caches[0] != TraceCache()) {
    return bad("entry 0 of each table is the unknown one");
  }
  if (sidecars_written_.size() > header_.sidecars.size() ||
      !std::equal(sidecars_written_.begin(), sidecars_written_.end(), header_.sidecars.begin())) {
    return bad("a sidecar changed after it was written");
  }
  TraceHeader read_back;
  if (absl::Status s = slt::FromProto(slt::ToProto(header_), &read_back); !s.ok()) {
    return bad(std::string(s.message()));
  }
  return absl::OkStatus();
}

absl::Status SltWriter::WriteEnd() {
  *end_.mutable_header() = slt::ToProto(header_);
  const uint64_t offset = file_->bytes_written();
  if (absl::Status s = WriteSection(slt::SectionKind::kEnd, end_.SerializeAsString()); !s.ok()) {
    return s;
  }
  return file_->Write(slt::TrailerFor(offset));
}

absl::Status SltWriter::Finish() {
  header_.event_count = event_count_;
  header_.events_by_kind = events_by_kind_;
  header_.lost_events = lost_events_;
  header_.lost_unknown = lost_unnumbered_ - std::min(lost_unnumbered_, header_.lost_covered);
  header_.object_count = object_next_ - 1;
  header_.time_first = time_first_;
  header_.time_last = time_last_;
  header_.events_digest = digest_.value();
  if (absl::Status s = CheckHeader(); !s.ok()) return s;
  if (absl::Status s = WriteBlock(); !s.ok()) return s;
  if (absl::Status s = WriteEnd(); !s.ok()) return s;
  return file_->Commit();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TraceWriter>> TraceWriter::Create(const std::string& path,
                                                                 const Options& options) {
  if (options.events_per_block < 1 || options.events_per_block > kMaxEventsPerBlock) {
    return absl::InvalidArgumentError(fmt::format("{} events a block is not within 1 .. {}",
                                                  options.events_per_block, kMaxEventsPerBlock));
  }
  if (options.zstd_level < 1 || options.zstd_level > 22) {
    return absl::InvalidArgumentError(
        fmt::format("zstd level {} is not within 1 .. 22", options.zstd_level));
  }
  absl::StatusOr<std::unique_ptr<WholeFile>> file = WholeFile::Open(path);
  if (!file.ok()) return file.status();
  return std::make_unique<SltWriter>(path, *std::move(file), options);
}

}  // namespace slablab
