// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/isolated_reader.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "traces/string_table.h"

namespace slablab::internal {
namespace {

constexpr size_t kBufferBytes = 1 << 16;

// Both ends are the same program, so values cross as their bytes. Strings cross once each and are
// then known by number.
enum class Message : uint8_t { kString, kEvent, kInfo, kError };

struct WireEvent {
  RawEvent event;  // its views are empty
  uint32_t call_site = 0;
  uint32_t gfp = 0;
  uint32_t cache = 0;
  uint32_t comm = 0;
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
    WireEvent wire;
    wire.call_site = Number(event.call_site);
    wire.gfp = Number(event.gfp);
    wire.cache = Number(event.cache);
    wire.comm = Number(event.comm);
    wire.event = event;
    wire.event.call_site = wire.event.gfp = wire.event.cache = wire.event.comm = {};
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
  pipe.Put(info.has_context);
  pipe.Put(info.nanoseconds);
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
  pipe.Put(info.malformed);
  pipe.PutString(info.malformed_first);
  pipe.Put(static_cast<uint32_t>(info.notes.size()));
  for (const std::string& note : info.notes) pipe.PutString(note);
}

[[noreturn]] void RunChild(const RawReader& read, int descriptor) {
  // Signals to both of us are the parent's to answer, and its end is ours.
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) signal(number, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null >= 0) dup2(null, STDERR_FILENO);
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
  _exit(0);
}

// The parent's end. A read that the child's end cuts short answers false.
class PipeReader {
 public:
  explicit PipeReader(int descriptor) : descriptor_(descriptor) {}
  ~PipeReader() { close(descriptor_); }
  PipeReader(const PipeReader&) = delete;
  PipeReader& operator=(const PipeReader&) = delete;

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
    if (!Get(&size)) return false;
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
  uint32_t count = 0;
  if (!pipe.GetString(&info->kernel_release) || !pipe.GetString(&info->clock) ||
      !pipe.GetString(&info->source_format) || !pipe.Get(&info->cpu_count) ||
      !pipe.Get(&info->has_context) || !pipe.Get(&info->nanoseconds) || !pipe.Get(&count)) {
    return false;
  }
  for (uint32_t i = 0; i < count; ++i) {
    std::string name;
    if (!pipe.GetString(&name) || !pipe.Get(&info->skipped[name])) return false;
  }
  if (!pipe.Get(&count)) return false;
  for (uint32_t i = 0; i < count; ++i) {
    int32_t cpu = 0;
    if (!pipe.Get(&cpu) || !pipe.Get(&info->ring_loss[cpu])) return false;
  }
  if (!pipe.Get(&info->malformed) || !pipe.GetString(&info->malformed_first) || !pipe.Get(&count)) {
    return false;
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (!pipe.GetString(&info->notes.emplace_back())) return false;
  }
  return true;
}

// What came through the pipe: `ended` if to its end.
struct Received {
  absl::StatusOr<RecordingInfo> result = absl::UnknownError("");
  bool ended = false;
  uint64_t events = 0;
};

Received Receive(PipeReader& pipe, RawEventSink& sink) {
  Received received;
  std::vector<std::string> strings = {""};
  Message message;
  while (pipe.Get(&message)) {
    if (message == Message::kString) {
      if (!pipe.GetString(&strings.emplace_back())) return received;
    } else if (message == Message::kEvent) {
      WireEvent wire;
      if (!pipe.Get(&wire)) return received;
      wire.event.call_site = strings[wire.call_site];
      wire.event.gfp = strings[wire.gfp];
      wire.event.cache = strings[wire.cache];
      wire.event.comm = strings[wire.comm];
      const absl::Status status = sink.Append(wire.event);
      if (!status.ok()) {
        received.result = status;
        received.ended = true;
        return received;
      }
      ++received.events;
    } else if (message == Message::kError) {
      int32_t code = 0;
      std::string text;
      if (!pipe.Get(&code) || !pipe.GetString(&text)) return received;
      received.result = absl::Status(static_cast<absl::StatusCode>(code), text);
      received.ended = true;
      return received;
    } else {
      RecordingInfo info;
      if (!GetInfo(pipe, &info)) return received;
      received.result = std::move(info);
      received.ended = true;
      return received;
    }
  }
  return received;
}

}  // namespace

absl::StatusOr<RecordingInfo> ReadInChild(const RawReader& read, const std::string& path,
                                          RawEventSink& sink) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return absl::UnavailableError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);  // fewer switches; smaller works too
  const pid_t child = fork();
  if (child < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return absl::UnavailableError(fmt::format("cannot start a process: {}", std::strerror(error)));
  }
  if (child == 0) {
    close(ends[0]);
    RunChild(read, ends[1]);
  }
  close(ends[1]);
  Received received;
  {
    PipeReader pipe(ends[0]);
    received = Receive(pipe, sink);
  }
  if (received.ended) kill(child, SIGKILL);  // nothing that it may still do matters
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (received.ended) return std::move(received.result);
  return absl::InvalidArgumentError(fmt::format(
      "{}: damaged: the library that reads it failed after {} events ({})", path, received.events,
      WIFSIGNALED(state) ? strsignal(WTERMSIG(state)) : "it ended early"));
}

}  // namespace slablab::internal
