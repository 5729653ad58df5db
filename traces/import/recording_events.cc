// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/recording_events.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/format.h"

namespace slablab {
namespace {

// Minds an interruption.
class InterruptibleSink : public RawEventSink {
 public:
  InterruptibleSink(const std::function<bool()>& interrupted, RawEventSink& sink)
      : interrupted_(interrupted), sink_(sink) {}

  absl::Status Append(const RawEvent& event) override {
    if (events_++ % RecordingEvents::kEventsBetweenQuestions == 0 && interrupted_()) {
      return absl::CancelledError("interrupted");
    }
    return sink_.Append(event);
  }
  uint64_t events() const { return events_; }

 private:
  const std::function<bool()>& interrupted_;
  RawEventSink& sink_;
  uint64_t events_ = 0;
};

constexpr Nanos kNanosPerDay = Nanos{86'400} * 1'000'000'000;
// No ring holds what is longer.
constexpr Nanos kSpanMax = 366 * kNanosPerDay;

bool IsOfSlab(EventKind kind) { return AllocatesObject(kind) || FreesObject(kind); }

// Passes events on and sees what they are like. Stops at the first that shows that another reading
// is needed.
class Probe : public RawEventSink {
 public:
  Probe(AddressKind addresses, bool is_sorted, RawEventSink& sink)
      : addresses_(addresses), is_sorted_(is_sorted), sink_(sink) {}

  absl::Status Append(const RawEvent& event) override {
    if (!is_sorted_ && event.time + kClockJitter < latest_) {
      is_out_of_order_ = true;
      return absl::AbortedError("not in order of time");
    }
    latest_ = std::max(latest_, event.time);
    earliest_ = std::min(earliest_, event.time);
    if (event.kind == EventKind::kLost) {
      LossNotices& losses = losses_[event.cpu];
      losses.events += event.bytes_req;
      losses.unnumbered += event.bytes_req == 0 ? 1 : 0;
    }
    ++events_by_kind_[static_cast<size_t>(event.kind)];
    if (IsOfSlab(event.kind) && event.address != 0 && event.address != kZeroSizePointer) {
      has_addresses_ = true;
      address_max_ = std::max(address_max_, event.address);
      if (addresses_ == AddressKind::kReal && IsHash(event)) {
        has_hashes_ = true;
        return absl::AbortedError("its addresses are hashed");
      }
    }
    return sink_.Append(event);
  }

  // From the first event to the last.
  Nanos span() const { return latest_ - std::min(earliest_, latest_); }
  bool is_out_of_order() const { return is_out_of_order_; }
  bool has_hashes() const { return has_hashes_; }
  bool has_short_addresses() const {
    return addresses_ == AddressKind::kReal && has_addresses_ && address_max_ >> 32 == 0;
  }
  const RecordingEvents::CountsByKind& events_by_kind() const { return events_by_kind_; }
  const std::map<int32_t, LossNotices>& losses() const { return losses_; }

 private:
  // %p prints hashes since Linux 4.15. Of a kernel of 64 bits they are known by their upper half of
  // zeros. Of one of 32 they look like addresses, but not for long: objects begin at multiples of
  // four bytes, and three hashes in four do not.
  static bool IsHash(const RawEvent& event) {
    return event.is_hashed || (event.address >> 32 == 0 && event.address % 4 != 0);
  }

  const AddressKind addresses_;
  const bool is_sorted_;
  RawEventSink& sink_;
  Nanos latest_ = 0;
  Nanos earliest_ = std::numeric_limits<Nanos>::max();
  RecordingEvents::CountsByKind events_by_kind_ = {};
  uint64_t address_max_ = 0;
  bool has_addresses_ = false;
  bool has_hashes_ = false;
  bool is_out_of_order_ = false;
  std::map<int32_t, LossNotices> losses_;
};

}  // namespace

absl::Status RecordingEvents::Survey(const SinkMaker& make_sink) {
  AddressKind addresses = AddressKind::kReal;
  for (;;) {
    Probe probe(addresses, sorted_ != nullptr, *make_sink(addresses));
    InterruptibleSink sink(interrupted_, probe);
    const absl::Status status = Pass(sink);
    if (probe.is_out_of_order()) {
      if (absl::Status s = SortAll(); !s.ok()) return s;
      continue;
    }
    if (probe.has_hashes()) {
      addresses = AddressKind::kHashed;
      continue;
    }
    if (!status.ok()) return status;
    events_ = sink.events();
    losses_ = probe.losses();
    has_short_addresses_ = probe.has_short_addresses();
    if (probe.span() > kSpanMax) {
      return absl::InvalidArgumentError(fmt::format(
          "{}: its first event and its last are {} days apart: it is damaged, or of several boots",
          source_.name(), probe.span() / kNanosPerDay));
    }
    events_by_kind_ = probe.events_by_kind();
    uint64_t of_allocators = 0;
    for (size_t i = 0; i < events_by_kind_.size(); ++i) {
      if (static_cast<EventKind>(i) != EventKind::kLost) of_allocators += events_by_kind_[i];
    }
    return of_allocators == 0 ? NothingToReplay() : absl::OkStatus();
  }
}

absl::Status RecordingEvents::ReadAgain(RawEventSink& to) {
  InterruptibleSink sink(interrupted_, to);
  const absl::Status status = Pass(sink);
  if (!status.ok()) return status;
  if (sink.events() == events_) return absl::OkStatus();
  return absl::InvalidArgumentError(source_.name() + ": it changed while it was read");
}

// What the events' sink finds wrong, it cannot say of which file.
absl::Status RecordingEvents::Named(const absl::Status& status) const {
  const std::string_view message(status.message().data(), status.message().size());
  if (!absl::IsInvalidArgument(status) || message.find(source_.name()) != std::string_view::npos) {
    return status;
  }
  return absl::InvalidArgumentError(fmt::format("{}: {}", source_.name(), message));
}

absl::Status RecordingEvents::Pass(RawEventSink& sink) {
  if (sorted_ != nullptr) return Named(sorted_->Deliver(sink));
  absl::StatusOr<RecordingInfo> info =
      ReadRecording(source_.path(), source_.name(), options_, sink);
  if (!info.ok()) return Named(info.status());
  info_ = *std::move(info);
  return absl::OkStatus();
}

absl::Status RecordingEvents::SortAll() {
  auto sorted = std::make_unique<SortedEvents>();
  InterruptibleSink sink(interrupted_, *sorted);
  const absl::Status status = Pass(sink);
  if (!status.ok()) return status;
  sorted->Sort();
  sorted_ = std::move(sorted);
  return absl::OkStatus();
}

absl::Status RecordingEvents::CheckReplayable() const {
  for (size_t i = 0; i < events_by_kind_.size(); ++i) {
    const auto kind = static_cast<EventKind>(i);
    const bool allocates = AllocatesObject(kind) || kind == EventKind::kPercpuAlloc;
    if (allocates && events_by_kind_[i] > 0) return absl::OkStatus();
  }
  return NothingToReplay();
}

absl::Status RecordingEvents::NothingToReplay() const {
  std::vector<std::pair<uint64_t, std::string>> kinds;
  uint64_t events = 0;
  for (size_t i = 0; i < events_by_kind_.size(); ++i) {
    const auto kind = static_cast<EventKind>(i);
    const uint64_t count = events_by_kind_[i];
    if (count == 0 || kind == EventKind::kLost) continue;
    kinds.emplace_back(count, EventKindName(kind));
    events += count;
  }
  for (const auto& [name, count] : info_.skipped) {
    kinds.emplace_back(count, name);
    events += count;
  }
  std::stable_sort(kinds.begin(), kinds.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  constexpr size_t kShown = 3;
  std::string most;
  for (size_t i = 0; i < std::min(kShown, kinds.size()); ++i) {
    most += fmt::format("{}{} of {}", i == 0 ? "" : ", ", kinds[i].first, kinds[i].second);
  }
  if (kinds.size() > kShown) most += ", ...";
  std::string message = fmt::format("{}: nothing to replay: no allocation", source_.name());
  if (events > 0) message += fmt::format(" among its {} events ({})", events, most);
  for (const auto& [name, left_out] : info_.left_out) {
    message += fmt::format("; {} {}: {}", left_out.count, name, left_out.explanation);
  }
  return absl::InvalidArgumentError(fmt::format("{}; {}", message, kWhatToRecord));
}

}  // namespace slablab
