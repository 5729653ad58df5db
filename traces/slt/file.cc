// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/slt/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/claimed_output.h"
#include "fmt/format.h"
#include "google/protobuf/io/coded_stream.h"

namespace slablab::slt {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr std::string_view kFrameMagic = "slt:";
constexpr std::string_view kTrailerMagic = "slt.";

absl::Status SystemError(std::string_view what, const std::string& path) {
  return absl::UnavailableError(fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

uint32_t Crc(std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

void AppendFixed32(uint32_t value, std::string* out) {
  uint8_t bytes[4];
  CodedOutputStream::WriteLittleEndian32ToArray(value, bytes);
  out->append(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

uint32_t Fixed32At(std::string_view bytes, size_t offset) {
  uint32_t value = 0;
  CodedInputStream::ReadLittleEndian32FromArray(
      reinterpret_cast<const uint8_t*>(bytes.data() + offset), &value);
  return value;
}

class FileAccess : public RandomAccess {
 public:
  FileAccess(std::string name, int descriptor, uint64_t size)
      : name_(std::move(name)), descriptor_(descriptor), size_(size) {}
  ~FileAccess() override { close(descriptor_); }

  const std::string& name() const override { return name_; }
  uint64_t size() const override { return size_; }
  absl::Status ReadAt(uint64_t offset, size_t bytes, std::string* out) const override {
    CHECK(offset <= size_ && bytes <= size_ - offset);
    out->resize(bytes);
    for (size_t done = 0; done < bytes;) {
      const ssize_t got =
          pread(descriptor_, out->data() + done, bytes - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return SystemError("cannot read", name_);
      if (got == 0) return absl::DataLossError("the file shrank while it was read");
      done += static_cast<size_t>(got);
    }
    return absl::OkStatus();
  }

 private:
  std::string name_;
  int descriptor_;
  uint64_t size_;
};

class MemoryAccess : public RandomAccess {
 public:
  MemoryAccess(std::string name, std::string contents)
      : name_(std::move(name)), contents_(std::move(contents)) {}

  const std::string& name() const override { return name_; }
  uint64_t size() const override { return contents_.size(); }
  absl::Status ReadAt(uint64_t offset, size_t bytes, std::string* out) const override {
    CHECK(offset <= contents_.size() && bytes <= contents_.size() - offset);
    out->assign(contents_, offset, bytes);
    return absl::OkStatus();
  }

 private:
  std::string name_;
  std::string contents_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RandomAccess>> OpenForReading(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    return absl::NotFoundError(fmt::format("{}: cannot open: {}", path, std::strerror(errno)));
  }
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    return absl::InvalidArgumentError(fmt::format("{}: not a regular file", path));
  }
  if (absl::Status input = CheckInput(descriptor, path); !input.ok()) {
    close(descriptor);
    return input;
  }
  return std::make_unique<FileAccess>(path, descriptor, static_cast<uint64_t>(status.st_size));
}

std::unique_ptr<RandomAccess> ReadFromMemory(std::string name, std::string contents) {
  return std::make_unique<MemoryAccess>(std::move(name), std::move(contents));
}

std::string FrameFor(SectionKind kind, std::string_view payload) {
  CHECK(payload.size() <= UINT32_MAX);
  std::string section;
  section.reserve(kFrameBytes + payload.size());
  section.append(kFrameMagic);
  AppendFixed32(static_cast<uint32_t>(kind), &section);
  AppendFixed32(static_cast<uint32_t>(payload.size()), &section);
  AppendFixed32(Crc(payload), &section);
  AppendFixed32(Crc(section), &section);
  section.append(payload);
  return section;
}

std::string TrailerFor(uint64_t end_offset) {
  std::string trailer(kTrailerMagic);
  AppendFixed32(static_cast<uint32_t>(end_offset), &trailer);
  AppendFixed32(static_cast<uint32_t>(end_offset >> 32), &trailer);
  AppendFixed32(Crc(trailer), &trailer);
  return trailer;
}

absl::StatusOr<Frame> ReadFrame(const RandomAccess& file, uint64_t offset) {
  if (offset > file.size() || file.size() - offset < kFrameBytes) {
    return absl::DataLossError("the file ends within a section's frame");
  }
  std::string bytes;
  if (absl::Status status = file.ReadAt(offset, kFrameBytes, &bytes); !status.ok()) return status;
  const std::string_view view = bytes;
  if (view.substr(0, 4) != kFrameMagic) return absl::DataLossError("no section starts here");
  if (Fixed32At(view, 16) != Crc(view.substr(0, 16))) {
    return absl::DataLossError("checksum mismatch in the section's frame");
  }
  Frame frame;
  const uint32_t kind = Fixed32At(view, 4);
  if (kind < static_cast<uint32_t>(SectionKind::kStart) ||
      kind > static_cast<uint32_t>(SectionKind::kEnd)) {
    return absl::DataLossError(fmt::format("unknown kind of section {}", kind));
  }
  frame.kind = static_cast<SectionKind>(kind);
  frame.offset = offset;
  frame.payload_bytes = Fixed32At(view, 8);
  frame.payload_crc = Fixed32At(view, 12);
  return frame;
}

absl::Status ReadPayload(const RandomAccess& file, const Frame& frame, std::string* payload) {
  const uint64_t start = frame.offset + kFrameBytes;
  if (file.size() - start < frame.payload_bytes) {
    return absl::DataLossError(fmt::format("the file ends {} bytes into the section's {}",
                                           file.size() - start, frame.payload_bytes));
  }
  if (absl::Status status = file.ReadAt(start, frame.payload_bytes, payload); !status.ok()) {
    return status;
  }
  if (Crc(*payload) != frame.payload_crc) {
    return absl::DataLossError(
        fmt::format("checksum mismatch in the section's {} bytes", frame.payload_bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ReadTrailer(const RandomAccess& file) {
  if (file.size() < kTrailerBytes) return absl::DataLossError("too short for a trailer");
  std::string bytes;
  if (absl::Status status = file.ReadAt(file.size() - kTrailerBytes, kTrailerBytes, &bytes);
      !status.ok()) {
    return status;
  }
  const std::string_view view = bytes;
  if (view.substr(0, 4) != kTrailerMagic || Fixed32At(view, 12) != Crc(view.substr(0, 12))) {
    return absl::DataLossError("the trailer is missing or damaged, so the file is truncated");
  }
  return Fixed32At(view, 4) | uint64_t{Fixed32At(view, 8)} << 32;
}

absl::StatusOr<uint64_t> FindFrame(const RandomAccess& file, uint64_t from) {
  constexpr size_t kWindowBytes = 1 << 20;
  std::string window;
  while (from < file.size()) {
    const size_t bytes = std::min<uint64_t>(kWindowBytes, file.size() - from);
    if (absl::Status status = file.ReadAt(from, bytes, &window); !status.ok()) return status;
    for (size_t at = window.find(kFrameMagic); at != std::string::npos;
         at = window.find(kFrameMagic, at + 1)) {
      if (ReadFrame(file, from + at).ok()) return from + at;
    }
    // A magic may straddle the window's end.
    if (bytes < kFrameMagic.size() || from + bytes == file.size()) break;
    from += bytes - (kFrameMagic.size() - 1);
  }
  return file.size();
}

}  // namespace slablab::slt
