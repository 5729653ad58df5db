// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/result_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "absl/cleanup/cleanup.h"
#include "base/check.h"
#include "base/claimed_output.h"
#include "base/digest.h"
#include "fmt/format.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/json_util.h"
#include "reports/message_json.h"
#include "reports/unsaid_meanings.h"

namespace slablab {
namespace {

namespace pb = google::protobuf;

// Where in `text` protobuf's JSON parser stopped: its messages end with a few bytes of the text and
// a caret below, and no position. "" if those bytes occur more than once.
std::string LineOf(std::string_view message, std::string_view text) {
  const size_t excerpt_start = message.find('\n');
  if (excerpt_start == std::string_view::npos) return "";
  const size_t caret = message.rfind('^');
  const size_t caret_line = message.rfind('\n', caret);
  if (caret == std::string_view::npos || caret_line <= excerpt_start) return "";
  const std::string_view excerpt =
      message.substr(excerpt_start + 1, caret_line - excerpt_start - 1);
  const size_t found = text.find(excerpt);
  if (excerpt.empty() || found == std::string_view::npos ||
      text.find(excerpt, found + 1) != std::string_view::npos) {
    return "";
  }
  const size_t stopped = std::min(found + (caret - caret_line - 1), text.size());
  return fmt::format("{}:", std::count(text.begin(), text.begin() + stopped, '\n') + 1);
}

absl::Status ParseJson(std::string_view text, std::string_view name, pb::Message& result) {
  const pb::util::Status status = pb::util::JsonStringToMessage(
      pb::StringPiece(text.data(), text.size()), &result, pb::util::JsonParseOptions());
  if (status.ok()) return absl::OkStatus();
  const std::string message = status.message().ToString();
  std::string first_line = message.substr(0, message.find('\n'));
  while (!first_line.empty() && (first_line.back() == '.' || first_line.back() == ' ')) {
    first_line.pop_back();
  }
  return absl::InvalidArgumentError(
      fmt::format("{}:{} not a result in JSON: {}", name, LineOf(message, text), first_line));
}

absl::Status ParseBinary(std::string_view bytes, std::string_view name, pb::Message& result) {
  pb::io::ArrayInputStream array(bytes.data(), static_cast<int>(bytes.size()));
  pb::io::CodedInputStream input(&array);
  if (!result.MergePartialFromCodedStream(&input) || !input.ConsumedEntireMessage()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: not a result, or a damaged one: no whole field at offset {}", name,
                    input.CurrentPosition()));
  }
  return absl::OkStatus();
}

// Far above what a run of 4096 CPUs and every cache and counter fills.
constexpr size_t kResultBytesMax = size_t{1} << 28;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const auto error = [&](int code) {
    const std::string text = fmt::format("cannot read {}: {}", path, std::strerror(code));
    return code == ENOENT ? absl::NotFoundError(text) : absl::UnavailableError(text);
  };
  const bool is_stdin = path == "-";
  const int descriptor = is_stdin ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return error(errno);
  const absl::Cleanup close_file = [&] {
    if (!is_stdin) close(descriptor);
  };
  if (absl::Status input = CheckInput(descriptor, path); !input.ok()) return input;
  std::string bytes;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t count = read(descriptor, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return error(errno);
    if (count == 0) return bytes;
    if (bytes.size() > kResultBytesMax) {
      return absl::InvalidArgumentError(
          fmt::format("{}: more than {} bytes: too large for a result",
                      is_stdin ? "standard input" : path, kResultBytesMax));
    }
    bytes.append(buffer, static_cast<size_t>(count));
  }
}

std::string SerializeMessage(const pb::Message& message) {
  std::string bytes;
  {
    pb::io::StringOutputStream stream(&bytes);
    pb::io::CodedOutputStream output(&stream);
    output.SetSerializationDeterministic(true);
    CHECK(message.SerializeToCodedStream(&output));
  }
  return bytes;
}

uint64_t ChecksumOf(std::string_view bytes) {
  Digest digest;
  digest.AddString(bytes);
  return digest.value();
}

// The field's tag as it is written: number and wire type in seven-bit groups, the lowest first.
constexpr uint32_t kTag = RunResult::kChecksumFieldNumber << 3 | 1;
static_assert(kTag >> 14 == 0);
static_assert(int{RunResults::kChecksumFieldNumber} == int{RunResult::kChecksumFieldNumber});
constexpr char kTagBytes[] = {static_cast<char>((kTag & 0x7f) | 0x80),
                              static_cast<char>(kTag >> 7)};
constexpr size_t kSealBytes = sizeof(kTagBytes) + sizeof(uint64_t);

bool HasSeal(std::string_view bytes) {
  return bytes.size() >= kSealBytes && bytes.substr(bytes.size() - kSealBytes)
                                           .starts_with({kTagBytes, sizeof(kTagBytes)});
}

// What another checksum in the message says is none of its contents.
template <typename Message>
std::string SealedBinary(const Message& message) {
  if (message.checksum() == 0) return Sealed(SerializeMessage(message));
  Message bare = message;
  bare.clear_checksum();
  return Sealed(SerializeMessage(bare));
}

template <typename Message>
std::string SealedJson(Message message) {
  message.clear_checksum();
  message.set_checksum(ChecksumOf(SerializeMessage(message)));
  return MessageToJson(message);
}

// Holds what was read to its checksum, and takes that away.
template <typename Message>
absl::Status CheckSeal(std::string_view bytes, bool is_json, std::string_view name,
                       Message& message) {
  const uint64_t stated = message.checksum();
  message.clear_checksum();
  if (is_json && stated == 0) return absl::OkStatus();
  const std::string_view body = bytes.substr(0, bytes.size() - std::min(bytes.size(), kSealBytes));
  if (!is_json && !HasSeal(bytes)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: damaged, or of a slablab before results had checksums: it does not end in "
                    "one; make it again",
                    name));
  }
  if (ChecksumOf(is_json ? SerializeMessage(message) : body) == stated) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "{}: damaged, or changed after it was written: its checksum is of something else{}", name,
      is_json ? " (without the checksum's line it is read as it is)" : ""));
}

// The model of Linux 6.1 was "slub" when there was no other of its kind.
void NameOldModel(RunResult& result) {
  if (result.config().allocator() == "slub") result.mutable_config()->set_allocator("slub-6.1");
}

// The label, too: "slub", "slub 16 CPUs".
void NameOldModel(LabelledRun& run) {
  constexpr std::string_view kOld = "slub";
  const std::string& label = run.label();
  if (run.result().config().allocator() != kOld) return;
  NameOldModel(*run.mutable_result());
  if (label == kOld || label.starts_with("slub ")) {
    run.set_label("slub-6.1" + label.substr(kOld.size()));
  }
}

bool IsWhole(const RunResult& result) {
  return result.has_config() && !result.config().allocator().empty() && result.has_totals();
}

// A binary result may begin like JSON: the tag of its first field is a line feed, and a brace is
// that field's length, if it is of 123 bytes. But it ends in a seal.
bool IsJson(std::string_view bytes) {
  const size_t first = bytes.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && bytes[first] == '{' && !HasSeal(bytes);
}

}  // namespace

std::string Sealed(std::string bytes) {
  const uint64_t checksum = ChecksumOf(bytes);
  bytes.append(kTagBytes, sizeof(kTagBytes));
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(checksum >> shift & 0xff);
  return bytes;
}

std::string Serialize(const RunResult& result) { return SealedBinary(result); }
std::string Serialize(const RunResults& results) { return SealedBinary(results); }
std::string ToJson(const RunResult& result) { return SealedJson(result); }
std::string ToJson(const RunResults& results) { return SealedJson(results); }

absl::StatusOr<RunResult> ParseResult(std::string_view bytes, std::string_view name) {
  const std::string shown = name == "-" ? "standard input" : std::string(name);
  if (bytes.empty()) {
    return absl::InvalidArgumentError(fmt::format("{}: empty, not a result", shown));
  }
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return absl::InvalidArgumentError(fmt::format("{}: too large for a result", shown));
  }
  RunResult result;
  const absl::Status status =
      IsJson(bytes) ? ParseJson(bytes, shown, result) : ParseBinary(bytes, shown, result);
  if (!status.ok()) return status;
  if (!IsWhole(result)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: not a result: it does not say what was run", shown));
  }
  if (absl::Status sealed = CheckSeal(bytes, IsJson(bytes), shown, result); !sealed.ok()) {
    return sealed;
  }
  NameOldModel(result);
  SayMeanings(result);
  return result;
}

absl::StatusOr<RunResult> ReadResult(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return bytes.status();
  return ParseResult(*bytes, path);
}

absl::StatusOr<RunResults> ParseResults(std::string_view bytes, std::string_view name) {
  const std::string shown = name == "-" ? "standard input" : std::string(name);
  RunResults results;
  if (!bytes.empty() && bytes.size() <= static_cast<size_t>(std::numeric_limits<int>::max())) {
    const absl::Status several =
        IsJson(bytes) ? ParseJson(bytes, shown, results) : ParseBinary(bytes, shown, results);
    if (several.ok() && results.runs_size() > 0) {
      for (const LabelledRun& run : results.runs()) {
        if (IsWhole(run.result()) &&
            std::all_of(run.further().begin(), run.further().end(), IsWhole)) {
          continue;
        }
        return absl::InvalidArgumentError(fmt::format(
            "{}: not results: it does not say what was run as '{}'", shown, run.label()));
      }
      if (absl::Status sealed = CheckSeal(bytes, IsJson(bytes), shown, results); !sealed.ok()) {
        return sealed;
      }
      for (LabelledRun& run : *results.mutable_runs()) {
        NameOldModel(run);
        SayMeanings(*run.mutable_result());
      }
      return results;
    }
  }
  absl::StatusOr<RunResult> one = ParseResult(bytes, name);
  if (!one.ok()) return one.status();
  results.Clear();
  *results.add_runs()->mutable_result() = *std::move(one);
  return results;
}

absl::StatusOr<RunResults> ReadResults(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return bytes.status();
  return ParseResults(*bytes, path);
}

}  // namespace slablab
