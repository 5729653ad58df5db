// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/readers/recording_pipe.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "traces/string_table.h"

namespace slablab::internal {
namespace {

constexpr size_t kBufferBytes = 1 << 16;

// Far above what a symbol, a set of flags, a cache's or a task's name, or a message needs.
constexpr uint32_t kStringBytesMax = 1 << 20;

// Strings cross once each and are then known by number.
enum class Message : uint8_t { kString, kEvent, kInfo, kError };

// A RawEvent with its strings by number. Every value of every field is a valid one in C++.
struct WireEvent {
  uint64_t time, address, chunk_base, bytes_req, bytes_alloc;
  int32_t cpu, pid, node;
  uint32_t call_site, gfp, cache, comm;
  uint8_t kind, context, irqs_off, reserved, atomic, migratetype, is_hashed;
};
static_assert(std::is_trivially_copyable_v<WireEvent>);

class PipeWriter {
 public:
  explicit PipeWriter(int descriptor) : descriptor_(descriptor) { buffer_.reserve(kBufferBytes); }

  void PutBytes(const void* data, size_t size) {
    if (buffer_.size() + size > kBufferBytes) Flush();
    buffer_.append(static_cast<const char*>(data), size);
  }
  template <typename T>
  void Put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    PutBytes(&value, sizeof(value));
  }
  void PutString(std::string_view text) {
    text = text.substr(0, kStringBytesMax);
    Put(static_cast<uint32_t>(text.size()));
    PutBytes(text.data(), text.size());
  }
  void Flush() {
    size_t done = 0;
    while (done < buffer_.size() && ok_) {
      const ssize_t wrote = write(descriptor_, buffer_.data() + done, buffer_.size() - done);
      if (wrote < 0 && errno != EINTR) ok_ = false;  // the parent has gone away
      if (wrote > 0) done += static_cast<size_t>(wrote);
    }
    buffer_.clear();
  }
  bool ok() const { return ok_; }

 private:
  const int descriptor_;
  std::string buffer_;
  bool ok_ = true;
};

class PipeSink : public RawEventSink {
 public:
  explicit PipeSink(PipeWriter& pipe) : pipe_(pipe) {}

  absl::Status Append(const RawEvent& event) override {
    const WireEvent wire = {
        .time = event.time,
        .address = event.address,
        .chunk_base = event.chunk_base,
        .bytes_req = event.bytes_req,
        .bytes_alloc = event.bytes_alloc,
        .cpu = event.cpu,
        .pid = event.pid,
        .node = event.node,
        .call_site = Number(event.call_site),
        .gfp = Number(event.gfp),
        .cache = Number(event.cache),
        .comm = Number(event.comm),
        .kind = static_cast<uint8_t>(event.kind),
        .context = static_cast<uint8_t>(event.context),
        .irqs_off = event.irqs_off,
        .reserved = event.reserved,
        .atomic = event.atomic,
        .migratetype = event.migratetype,
        .is_hashed = event.is_hashed,
    };
    pipe_.Put(Message::kEvent);
    pipe_.Put(wire);
    return pipe_.ok() ? absl::OkStatus() : absl::CancelledError("the reader has gone away");
  }

 private:
  uint32_t Number(std::string_view text) {
    const size_t known = strings_.size();
    const uint32_t number = strings_.Number(text);
    if (number == known) {
      pipe_.Put(Message::kString);
      pipe_.PutString(text);
    }
    return number;
  }

  PipeWriter& pipe_;
  StringTable strings_;
};

void PutInfo(const RecordingInfo& info, PipeWriter& pipe) {
  pipe.Put(Message::kInfo);
  pipe.PutString(info.kernel_release);
  pipe.PutString(info.clock);
  pipe.PutString(info.source_format);
  pipe.Put(info.cpu_count);
  pipe.Put(uint8_t{info.has_context});
  pipe.Put(uint8_t{info.nanoseconds});
  pipe.Put(static_cast<uint32_t>(info.skipped.size()));
  for (const auto& [name, count] : info.skipped) {
    pipe.PutString(name);
    pipe.Put(count);
  }
  pipe.Put(static_cast<uint32_t>(info.ring_loss.size()));
  for (const auto& [cpu, count] : info.ring_loss) {
    pipe.Put(cpu);
    pipe.Put(count);
  }
  pipe.Put(static_cast<uint32_t>(info.left_out.size()));
  for (const auto& [name, left_out] : info.left_out) {
    pipe.PutString(name);
    pipe.Put(left_out.count);
    pipe.PutString(left_out.explanation);
  }
  pipe.Put(info.lost_covered);
  pipe.Put(info.malformed);
  pipe.PutString(info.malformed_first);
  pipe.Put(static_cast<uint32_t>(info.notes.size()));
  for (const std::string& note : info.notes) pipe.PutString(note);
}

// The receiver's end. A read that the sender's end cuts short answers false.
class PipeReader {
 public:
  explicit PipeReader(int descriptor) : descriptor_(descriptor) {}

  bool GetBytes(void* data, size_t size) {
    auto* to = static_cast<char*>(data);
    while (size > 0) {
      if (first_ == last_ && !Refill()) return false;
      const size_t part = std::min(size, last_ - first_);
      std::memcpy(to, buffer_.data() + first_, part);
      first_ += part;
      to += part;
      size -= part;
    }
    return true;
  }
  template <typename T>
  bool Get(T* value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return GetBytes(value, sizeof(*value));
  }
  bool GetString(std::string* text) {
    uint32_t size = 0;
    if (!Get(&size) || size > kStringBytesMax) return false;
    text->resize(size);
    return GetBytes(text->data(), size);
  }

 private:
  bool Refill() {
    for (;;) {
      const ssize_t got = read(descriptor_, buffer_.data(), buffer_.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      first_ = 0;
      last_ = static_cast<size_t>(got);
      return true;
    }
  }

  const int descriptor_;
  std::array<char, kBufferBytes> buffer_;
  size_t first_ = 0;
  size_t last_ = 0;
};

bool GetInfo(PipeReader& pipe, RecordingInfo* info) {
  uint8_t has_context = 0;
  uint8_t nanoseconds = 0;
  uint32_t count = 0;
  if (!pipe.GetString(&info->kernel_release) || !pipe.GetString(&info->clock) ||
      !pipe.GetString(&info->source_format) || !pipe.Get(&info->cpu_count) ||
      !pipe.Get(&has_context) || !pipe.Get(&nanoseconds) || !pipe.Get(&count)) {
    return false;
  }
  info->has_context = has_context != 0;
  info->nanoseconds = nanoseconds != 0;
  for (uint32_t i = 0; i < count; ++i) {
    std::string name;
    if (!pipe.GetString(&name) || !pipe.Get(&info->skipped[name])) return false;
  }
  if (!pipe.Get(&count)) return false;
  for (uint32_t i = 0; i < count; ++i) {
    int32_t cpu = 0;
    if (!pipe.Get(&cpu) || !pipe.Get(&info->ring_loss[cpu])) return false;
  }
  if (!pipe.Get(&count)) return false;
  for (uint32_t i = 0; i < count; ++i) {
    std::string name;
    if (!pipe.GetString(&name)) return false;
    LeftOut& left_out = info->left_out[name];
    if (!pipe.Get(&left_out.count) || !pipe.GetString(&left_out.explanation)) return false;
  }
  if (!pipe.Get(&info->lost_covered) || !pipe.Get(&info->malformed) ||
      !pipe.GetString(&info->malformed_first) || !pipe.Get(&count)) {
    return false;
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (!pipe.GetString(&info->notes.emplace_back())) return false;
  }
  return true;
}

// False if the numbers are not those of an event, or of strings that came before.
bool Decode(const WireEvent& wire, const std::vector<std::string>& strings, RawEvent* event) {
  const auto known = static_cast<uint32_t>(strings.size());
  if (wire.call_site >= known || wire.gfp >= known || wire.cache >= known || wire.comm >= known ||
      wire.kind >= kEventKinds || wire.context > static_cast<uint8_t>(Context::kNmi)) {
    return false;
  }
  *event = {.kind = static_cast<EventKind>(wire.kind),
            .context = static_cast<Context>(wire.context),
            .irqs_off = wire.irqs_off != 0,
            .reserved = wire.reserved != 0,
            .atomic = wire.atomic != 0,
            .is_hashed = wire.is_hashed != 0,
            .migratetype = wire.migratetype,
            .cpu = wire.cpu,
            .pid = wire.pid,
            .node = wire.node,
            .time = wire.time,
            .address = wire.address,
            .chunk_base = wire.chunk_base,
            .bytes_req = wire.bytes_req,
            .bytes_alloc = wire.bytes_alloc,
            .call_site = strings[wire.call_site],
            .gfp = strings[wire.gfp],
            .cache = strings[wire.cache],
            .comm = strings[wire.comm]};
  return true;
}

}  // namespace

void SendRecording(const RawReader& read, int descriptor) {
  PipeWriter pipe(descriptor);
  PipeSink sink(pipe);
  const absl::StatusOr<RecordingInfo> info = read(sink);
  if (info.ok()) {
    PutInfo(*info, pipe);
  } else {
    pipe.Put(Message::kError);
    pipe.Put(static_cast<int32_t>(info.status().code()));
    const auto message = info.status().message();
    pipe.PutString({message.data(), message.size()});
  }
  pipe.Flush();
}

Received ReceiveRecording(int descriptor, RawEventSink& sink) {
  PipeReader pipe(descriptor);
  Received received;
  std::vector<std::string> strings = {""};
  Message message;
  while (pipe.Get(&message)) {
    if (message == Message::kString) {
      if (!pipe.GetString(&strings.emplace_back())) return received;
    } else if (message == Message::kEvent) {
      WireEvent wire;
      RawEvent event;
      if (!pipe.Get(&wire) || !Decode(wire, strings, &event)) return received;
      const absl::Status status = sink.Append(event);
      if (!status.ok()) {
        received.result = status;
        received.ended = true;
        return received;
      }
      ++received.events;
    } else if (message == Message::kError) {
      int32_t code = 0;
      std::string text;
      if (!pipe.Get(&code) || code == 0 || !pipe.GetString(&text)) return received;
      received.result = absl::Status(static_cast<absl::StatusCode>(code), text);
      received.ended = true;
      return received;
    } else if (message == Message::kInfo) {
      RecordingInfo info;
      if (!GetInfo(pipe, &info)) return received;
      received.result = std::move(info);
      received.ended = true;
      return received;
    } else {
      return received;
    }
  }
  return received;
}

}  // namespace slablab::internal
