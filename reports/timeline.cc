// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/timeline.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "reports/perfetto.pb.h"

namespace slablab {
namespace {

constexpr uint32_t kSequence = 1;
constexpr uint32_t kStateCleared = 1;
constexpr uint32_t kNeedsState = 2;
constexpr uint64_t kProcessTrack = 1;
constexpr uint64_t kNotesTrack = 2;
constexpr uint64_t kCpuTrack = 1'000;        // that of CPU 0; the others follow
constexpr uint64_t kCounterTrack = 100'000;  // likewise, in order of name
constexpr size_t kPieceBytes = size_t{1} << 20;

constexpr std::string_view kCategories[] = {"alloc", "free", "lock", "irq", "hotplug"};

}  // namespace

// Packets of the file, handed on in pieces.
class Timeline::Output {
 public:
  explicit Output(const std::function<absl::Status(const std::string&)>& sink) : sink_(sink) {}

  // A packet for the caller to fill; Write() takes it.
  perfetto::TracePacket& packet() {
    packet_ = trace_.mutable_packet(0);
    packet_->Clear();
    packet_->set_trusted_packet_sequence_id(kSequence);
    return *packet_;
  }
  void Write() {
    if (!status_.ok()) return;
    CHECK(trace_.AppendToString(&piece_));  // Of a repeated field: pieces make a whole.
    if (piece_.size() >= kPieceBytes) Flush();
  }
  void Flush() {
    if (status_.ok() && !piece_.empty()) status_ = sink_(piece_);
    piece_.clear();
  }
  void WriteEvent(uint64_t track, uint64_t time_ns, perfetto::TrackEvent::Type type,
                  uint64_t name_iid = 0, uint64_t category_iid = 0) {
    perfetto::TracePacket& filled = packet();
    filled.set_timestamp(time_ns);
    filled.set_sequence_flags(kNeedsState);
    perfetto::TrackEvent& event = *filled.mutable_track_event();
    event.set_track_uuid(track);
    event.set_type(type);
    if (name_iid != 0) event.set_name_iid(name_iid);
    if (category_iid != 0) event.add_category_iids(category_iid);
    Write();
  }
  const absl::Status& status() const { return status_; }

 private:
  const std::function<absl::Status(const std::string&)>& sink_;
  absl::Status status_;
  std::string piece_;
  perfetto::Trace trace_ = [] {
    perfetto::Trace trace;
    trace.add_packet();
    return trace;
  }();
  perfetto::TracePacket* packet_ = nullptr;
};

Timeline::Timeline(Options options)
    : options_(std::move(options)), slices_(options_.tracks.size()) {
  CHECK_GT(options_.clock_mhz, 0u);
  CHECK_LT(options_.tracks.size(), kCounterTrack - kCpuTrack);
}

uint32_t Timeline::NameIndex(const std::string& name) {
  const auto [entry, is_first] =
      name_indices_.try_emplace(name, static_cast<uint32_t>(names_.size()));
  if (is_first) names_.push_back(name);
  return entry->second;
}

uint64_t Timeline::Nanoseconds(Cycles at) const {
  const auto since = static_cast<unsigned __int128>(at - start_);
  return static_cast<uint64_t>(since * 1000 / options_.clock_mhz);
}

void Timeline::Add(int32_t cpu, Slice slice) {
  CHECK_GE(cpu, 0);
  CHECK_LT(static_cast<size_t>(cpu), slices_.size());
  CHECK_LE(slice.from, slice.to);
  slices_[static_cast<size_t>(cpu)].push_back(slice);
  ++slice_count_;
}

void Timeline::AddSlice(Category category, const std::string& name, const Span& span) {
  Add(span.cpu, {.from = span.from, .to = span.to, .name = NameIndex(name), .category = category});
}

void Timeline::AddInstant(Category category, const std::string& name, int32_t cpu, Cycles at) {
  Add(cpu, {.from = at, .to = at, .name = NameIndex(name), .category = category, .instant = true});
}

void Timeline::AddBytes(const std::string& counter, uint64_t time_ns, uint64_t bytes) {
  counters_[counter].push_back({.time_ns = time_ns, .bytes = bytes});
}

void Timeline::WriteCpu(size_t cpu, Output& output) {
  std::vector<Slice>& slices = slices_[cpu];
  std::erase_if(slices, [this](const Slice& slice) { return slice.from < start_; });
  if (slices.empty()) return;
  perfetto::TrackDescriptor& track = *output.packet().mutable_track_descriptor();
  track.set_uuid(kCpuTrack + cpu);
  track.set_name(options_.tracks[cpu]);
  track.set_parent_uuid(kProcessTrack);
  track.set_sibling_order_rank(static_cast<int32_t>(cpu));
  output.Write();
  // Whoever contains comes before what it contains.
  std::stable_sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
    return a.from != b.from ? a.from < b.from : a.to > b.to;
  });
  std::vector<Cycles> open;  // ends, the innermost last
  const uint64_t uuid = kCpuTrack + cpu;
  const auto close_until = [&](Cycles at) {
    while (!open.empty() && open.back() <= at) {
      output.WriteEvent(uuid, Nanoseconds(open.back()), perfetto::TrackEvent::TYPE_SLICE_END);
      open.pop_back();
    }
  };
  for (const Slice& slice : slices) {
    close_until(slice.from);
    CHECK(open.empty() || slice.to <= open.back());  // They nest.
    output.WriteEvent(
        uuid, Nanoseconds(slice.from),
        slice.instant ? perfetto::TrackEvent::TYPE_INSTANT : perfetto::TrackEvent::TYPE_SLICE_BEGIN,
        slice.name + 1, static_cast<uint64_t>(slice.category) + 1);
    if (!slice.instant) open.push_back(slice.to);
  }
  close_until(~Cycles{0});
}

void Timeline::WriteNotes(Output& output) {
  if (notes_.empty()) return;
  perfetto::TrackDescriptor& track = *output.packet().mutable_track_descriptor();
  track.set_uuid(kNotesTrack);
  track.set_name("about this run");
  track.set_parent_uuid(kProcessTrack);
  track.set_sibling_order_rank(-2);
  output.Write();
  for (const uint32_t note : notes_) {
    output.WriteEvent(kNotesTrack, 0, perfetto::TrackEvent::TYPE_INSTANT, note + 1);
  }
}

void Timeline::WriteCounters(Output& output) {
  uint64_t uuid = kCounterTrack;
  for (const auto& [name, samples] : counters_) {
    perfetto::TrackDescriptor& track = *output.packet().mutable_track_descriptor();
    track.set_uuid(uuid);
    track.set_name(name);
    track.set_parent_uuid(kProcessTrack);
    track.set_sibling_order_rank(-1);  // Above the CPUs.
    track.mutable_counter()->set_unit_name("bytes");
    output.Write();
    for (const Sample& sample : samples) {
      perfetto::TracePacket& packet = output.packet();
      packet.set_timestamp(sample.time_ns);
      perfetto::TrackEvent& event = *packet.mutable_track_event();
      event.set_track_uuid(uuid);
      event.set_type(perfetto::TrackEvent::TYPE_COUNTER);
      event.set_counter_value(static_cast<int64_t>(sample.bytes));
      output.Write();
    }
    ++uuid;
  }
}

absl::Status Timeline::Write(const std::function<absl::Status(const std::string&)>& sink) {
  Output output(sink);
  perfetto::TracePacket& first = output.packet();
  first.set_sequence_flags(kStateCleared);
  for (size_t i = 0; i < std::size(kCategories); ++i) {
    perfetto::InternedString& category = *first.mutable_interned_data()->add_event_categories();
    category.set_iid(i + 1);
    category.set_name(std::string(kCategories[i]));
  }
  for (size_t i = 0; i < names_.size(); ++i) {
    perfetto::InternedString& name = *first.mutable_interned_data()->add_event_names();
    name.set_iid(i + 1);
    name.set_name(names_[i]);
  }
  perfetto::TrackDescriptor& process = *first.mutable_track_descriptor();
  process.set_uuid(kProcessTrack);
  process.set_child_ordering(perfetto::TrackDescriptor::EXPLICIT);
  process.mutable_process()->set_pid(1);
  process.mutable_process()->set_process_name(options_.name);
  output.Write();
  WriteNotes(output);
  WriteCounters(output);
  for (size_t cpu = 0; cpu < slices_.size(); ++cpu) WriteCpu(cpu, output);
  output.Flush();
  return output.status();
}

}  // namespace slablab
