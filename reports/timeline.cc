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
constexpr uint64_t kTasksTrack = 3;          // above all tasks'
constexpr uint64_t kCpuTrack = 1'000;        // that of CPU 0; the others follow
constexpr uint64_t kCounterTrack = 100'000;  // likewise, in order of name
constexpr uint64_t kTaskTrack = 1'000'000;   // likewise, in order of task
constexpr int32_t kTasksRank = 1'000'000;    // Below the CPUs.
constexpr size_t kPieceBytes = size_t{1} << 20;

constexpr std::string_view kCategories[] = {"alloc", "free", "lock", "irq", "hotplug", "task"};

uint64_t Interned(Timeline::Text text) { return static_cast<uint64_t>(text) + 1; }

void AddString(uint64_t iid, const std::string& text,
               google::protobuf::RepeatedPtrField<perfetto::InternedString>& strings) {
  perfetto::InternedString& string = *strings.Add();
  string.set_iid(iid);
  string.set_name(text);
}

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
  // An event for the caller to add to; Write() takes it.
  perfetto::TrackEvent& event(uint64_t track, uint64_t time_ns, perfetto::TrackEvent::Type type) {
    perfetto::TracePacket& filled = packet();
    filled.set_timestamp(time_ns);
    filled.set_sequence_flags(kNeedsState);
    perfetto::TrackEvent& event = *filled.mutable_track_event();
    event.set_track_uuid(track);
    event.set_type(type);
    return event;
  }
  // A track for the caller to add to; Write() takes it.
  perfetto::TrackDescriptor& track(uint64_t uuid, uint64_t parent, const std::string& name,
                                   int32_t rank) {
    perfetto::TrackDescriptor& track = *packet().mutable_track_descriptor();
    track.set_uuid(uuid);
    track.set_name(name);
    track.set_parent_uuid(parent);
    track.set_sibling_order_rank(rank);
    return track;
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
  cpu_text_ = Intern("CPU");
  cycles_text_ = Intern("cycles");
}

Timeline::Text Timeline::Intern(std::string_view text) {
  const auto found = text_indices_.find(text);
  if (found != text_indices_.end()) return found->second;
  const auto index = static_cast<Text>(texts_.size());
  texts_.emplace_back(text);
  text_indices_.emplace(texts_.back(), index);
  return index;
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

void Timeline::AddSlice(Category category, Text name, const Span& span,
                        absl::Span<const Argument> arguments, Flow flow) {
  Add(span.cpu, {.from = span.from,
                 .to = span.to,
                 .name = name,
                 .category = category,
                 .flow = flow,
                 .first_argument = arguments_.size(),
                 .arguments = static_cast<uint32_t>(arguments.size())});
  arguments_.insert(arguments_.end(), arguments.begin(), arguments.end());
}

void Timeline::AddInstant(Category category, Text name, int32_t cpu, Cycles at) {
  Add(cpu, {.from = at, .to = at, .name = name, .category = category, .instant = true});
}

void Timeline::AddTaskSlice(int64_t task, std::string_view name, Text slice, const Span& span) {
  TaskTrack& track = tasks_[task];
  if (track.slices.empty()) track.name = std::string(name);
  track.slices.push_back({.from = span.from,
                          .to = span.to,
                          .name = slice,
                          .category = Category::kTask,
                          .cpu = span.cpu});
}

void Timeline::AddSample(const std::string& counter, std::string_view unit, Sample sample) {
  Counter& kept = counters_[counter];
  kept.unit = std::string(unit);
  kept.samples.push_back(sample);
}

// REQUIRES: they are in order of their beginnings, and whoever contains comes first.
void Timeline::WriteSlices(uint64_t track, absl::Span<const Slice> slices, Output& output) {
  std::vector<Cycles> open;  // ends, the innermost last
  const auto close_until = [&](Cycles at) {
    while (!open.empty() && open.back() <= at) {
      output.event(track, Nanoseconds(open.back()), perfetto::TrackEvent::TYPE_SLICE_END);
      output.Write();
      open.pop_back();
    }
  };
  for (const Slice& slice : slices) {
    close_until(slice.from);
    CHECK(open.empty() || slice.to <= open.back());  // They nest.
    perfetto::TrackEvent& event =
        output.event(track, Nanoseconds(slice.from),
                     slice.instant ? perfetto::TrackEvent::TYPE_INSTANT
                                   : perfetto::TrackEvent::TYPE_SLICE_BEGIN);
    event.set_name_iid(Interned(slice.name));
    event.add_category_iids(static_cast<uint64_t>(slice.category) + 1);
    if (slice.flow.id != 0 && slice.flow.ends) event.add_terminating_flow_ids(slice.flow.id);
    if (slice.flow.id != 0 && !slice.flow.ends) event.add_flow_ids(slice.flow.id);
    if (slice.cpu >= 0) {
      perfetto::DebugAnnotation& cpu = *event.add_debug_annotations();
      cpu.set_name_iid(Interned(cpu_text_));
      cpu.set_uint_value(static_cast<uint64_t>(slice.cpu));
    }
    perfetto::DebugAnnotation* cycles = nullptr;
    for (uint32_t i = 0; i < slice.arguments; ++i) {
      const Argument& argument = arguments_[slice.first_argument + i];
      const bool is_cycles = argument.kind == Argument::Kind::kCycles;
      if (is_cycles && cycles == nullptr) {
        cycles = event.add_debug_annotations();
        cycles->set_name_iid(Interned(cycles_text_));
      }
      perfetto::DebugAnnotation& filled =
          is_cycles ? *cycles->add_dict_entries() : *event.add_debug_annotations();
      filled.set_name_iid(Interned(argument.name));
      if (argument.kind == Argument::Kind::kText) {
        filled.set_string_value_iid(Interned(static_cast<Text>(argument.value)));
      } else if (argument.kind == Argument::Kind::kAddress) {
        filled.set_pointer_value(argument.value);
      } else {
        filled.set_uint_value(argument.value);
      }
    }
    output.Write();
    if (!slice.instant) open.push_back(slice.to);
  }
  close_until(~Cycles{0});
}

void Timeline::WriteCpu(size_t cpu, Output& output) {
  std::vector<Slice>& slices = slices_[cpu];
  std::erase_if(slices, [this](const Slice& slice) { return slice.from < start_; });
  if (slices.empty()) return;
  const uint64_t uuid = kCpuTrack + cpu;
  output.track(uuid, kProcessTrack, options_.tracks[cpu], static_cast<int32_t>(cpu));
  output.Write();
  // Whoever contains comes before what it contains.
  std::stable_sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
    return a.from != b.from ? a.from < b.from : a.to > b.to;
  });
  WriteSlices(uuid, slices, output);
}

// A task whose slices overlap has several tracks of its name, which a viewer shows as one.
void Timeline::WriteTasks(Output& output) {
  uint64_t uuid = kTaskTrack;
  int32_t rank = 0;
  if (!tasks_.empty()) {
    output.track(kTasksTrack, kProcessTrack, "tasks", kTasksRank)
        .set_child_ordering(perfetto::TrackDescriptor::EXPLICIT);
    output.Write();
  }
  for (auto& [task, track] : tasks_) {
    std::vector<Slice>& slices = track.slices;
    std::erase_if(slices, [this](const Slice& slice) { return slice.from < start_; });
    std::stable_sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
      return a.from != b.from ? a.from < b.from : a.to < b.to;
    });
    std::vector<std::vector<Slice>> lanes;
    for (const Slice& slice : slices) {
      const auto free = std::find_if(lanes.begin(), lanes.end(), [&](const auto& lane) {
        return lane.back().to <= slice.from;
      });
      (free == lanes.end() ? lanes.emplace_back() : *free).push_back(slice);
    }
    for (const std::vector<Slice>& lane : lanes) {
      output.track(uuid, kTasksTrack, track.name, rank);
      output.Write();
      WriteSlices(uuid++, lane, output);
    }
    ++rank;
  }
}

void Timeline::WriteNotes(Output& output) {
  if (notes_.empty()) return;
  output.track(kNotesTrack, kProcessTrack, "about this run", -2);
  output.Write();
  for (const Text note : notes_) {
    output.event(kNotesTrack, 0, perfetto::TrackEvent::TYPE_INSTANT).set_name_iid(Interned(note));
    output.Write();
  }
}

void Timeline::WriteCounters(Output& output) {
  uint64_t uuid = kCounterTrack;
  for (const auto& [name, counter] : counters_) {
    output
        .track(uuid, kProcessTrack, name, /*rank=*/-1)  // Above the CPUs.
        .mutable_counter()
        ->set_unit_name(counter.unit);
    output.Write();
    for (const Sample& sample : counter.samples) {
      output.event(uuid, sample.time_ns, perfetto::TrackEvent::TYPE_COUNTER)
          .set_counter_value(static_cast<int64_t>(sample.value));
      output.Write();
    }
    ++uuid;
  }
}

absl::Status Timeline::Write(const std::function<absl::Status(const std::string&)>& sink) {
  Output output(sink);
  perfetto::TracePacket& first = output.packet();
  first.set_sequence_flags(kStateCleared);
  perfetto::InternedData& interned = *first.mutable_interned_data();
  for (size_t i = 0; i < std::size(kCategories); ++i) {
    AddString(i + 1, std::string(kCategories[i]), *interned.mutable_event_categories());
  }
  // Each may be the name of an event or an argument, or an argument itself.
  for (size_t i = 0; i < texts_.size(); ++i) {
    AddString(i + 1, texts_[i], *interned.mutable_event_names());
    AddString(i + 1, texts_[i], *interned.mutable_debug_annotation_names());
    AddString(i + 1, texts_[i], *interned.mutable_debug_annotation_string_values());
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
  WriteTasks(output);
  output.Flush();
  return output.status();
}

}  // namespace slablab
