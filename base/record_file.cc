// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/record_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/digest.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr std::string_view kSignature("\x89SLR\r\n\x1a\n", 8);
constexpr std::string_view kMagic = "rec:";
constexpr size_t kHeaderBytes = 4 + 4 + 4 + 8 + 8 + 8;
constexpr uint32_t kNameBytesMax = 256;
constexpr uint64_t kRecordBytesMax = uint64_t{1} << 30;
constexpr int kWritersMax = 1000;  // at once, of one stem

void AppendInteger(uint64_t value, int bits, std::string* to) {
  for (int shift = 0; shift < bits; shift += 8) *to += static_cast<char>(value >> shift & 0xff);
}

uint64_t Integer(std::string_view bytes, size_t at, int bits) {
  uint64_t value = 0;
  for (int shift = 0; shift < bits; shift += 8) {
    value |= uint64_t{static_cast<unsigned char>(bytes[at++])} << shift;
  }
  return value;
}

uint64_t DigestOf(std::string_view one, std::string_view two = {}) {
  Digest digest;
  digest.AddString(one);
  digest.AddString(two);
  return digest.value();
}

struct Header {
  uint32_t kind = 0;
  uint32_t name_bytes = 0;
  uint64_t bytes = 0;
  uint64_t digest = 0;

  uint64_t size() const { return kHeaderBytes + name_bytes + bytes; }
};

std::string Encode(const Record& record) {
  std::string text(kMagic);
  AppendInteger(record.kind, 32, &text);
  AppendInteger(record.name.size(), 32, &text);
  AppendInteger(record.bytes.size(), 64, &text);
  AppendInteger(DigestOf(record.name, record.bytes), 64, &text);
  AppendInteger(DigestOf(text), 64, &text);
  return text + record.name + record.bytes;
}

std::optional<Header> Decode(std::string_view text) {
  if (text.size() < kHeaderBytes || !text.starts_with(kMagic)) return std::nullopt;
  if (Integer(text, 28, 64) != DigestOf(text.substr(0, 28))) return std::nullopt;
  const Header header{.kind = static_cast<uint32_t>(Integer(text, 4, 32)),
                      .name_bytes = static_cast<uint32_t>(Integer(text, 8, 32)),
                      .bytes = Integer(text, 12, 64),
                      .digest = Integer(text, 20, 64)};
  if (header.name_bytes > kNameBytesMax || header.bytes > kRecordBytesMax) return std::nullopt;
  return header;
}

absl::Status SystemError(const std::string& path) {
  const std::string text = fmt::format("cannot read {}: {}", path, std::strerror(errno));
  return errno == ENOENT ? absl::NotFoundError(text) : absl::UnavailableError(text);
}

// A file that is read at places. Closed by its end.
class Input {
 public:
  explicit Input(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), path_(path) {}
  ~Input() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  absl::StatusOr<uint64_t> Size() const {
    struct stat status = {};
    if (descriptor_ < 0 || fstat(descriptor_, &status) != 0) return SystemError(path_);
    if (!S_ISREG(status.st_mode)) return absl::InvalidArgumentError(path_ + ": is no file");
    return static_cast<uint64_t>(status.st_size);
  }

  // As much of it as there is.
  absl::StatusOr<std::string> Read(uint64_t offset, uint64_t bytes) const {
    std::string text(bytes, '\0');
    uint64_t filled = 0;
    while (filled < bytes) {
      const ssize_t count = pread(descriptor_, text.data() + filled, bytes - filled,
                                  static_cast<off_t>(offset + filled));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return SystemError(path_);
      if (count == 0) break;
      filled += static_cast<uint64_t>(count);
    }
    text.resize(filled);
    return text;
  }

 private:
  const int descriptor_;
  const std::string path_;
};

// Where behind `from` a header is; `size` if there is none.
absl::StatusOr<uint64_t> NextHeader(const Input& input, uint64_t from, uint64_t size) {
  constexpr uint64_t kPiece = 1 << 20;
  while (from < size) {
    const absl::StatusOr<std::string> piece = input.Read(from, kPiece + kHeaderBytes);
    if (!piece.ok()) return piece.status();
    const std::string_view text = *piece;
    for (size_t at = text.find(kMagic); at != std::string_view::npos && at < kPiece;
         at = text.find(kMagic, at + 1)) {
      if (Decode(text.substr(at)).has_value()) return from + at;
    }
    from += kPiece;
  }
  return size;
}

}  // namespace

absl::StatusOr<RecordIndex> ReadRecordIndex(const std::string& path) {
  const Input input(path);
  const absl::StatusOr<uint64_t> size = input.Size();
  if (!size.ok()) return size.status();
  const absl::StatusOr<std::string> signature = input.Read(0, kSignature.size());
  if (!signature.ok()) return signature.status();
  if (*signature != kSignature.substr(0, signature->size())) {
    return absl::InvalidArgumentError(path + ": not a file of records");
  }
  RecordIndex index;
  index.end = std::min<uint64_t>(*size, kSignature.size());
  for (uint64_t at = kSignature.size(); at < *size;) {
    const absl::StatusOr<std::string> text = input.Read(at, kHeaderBytes + kNameBytesMax);
    if (!text.ok()) return text.status();
    const std::optional<Header> header = Decode(*text);
    if (header.has_value() && at + header->size() <= *size) {
      index.places.push_back({.kind = header->kind,
                              .name = text->substr(kHeaderBytes, header->name_bytes),
                              .offset = at,
                              .bytes = header->bytes});
      at += header->size();
      index.end = at;
      continue;
    }
    const absl::StatusOr<uint64_t> next = NextHeader(input, at + 1, *size);
    if (!next.ok()) return next.status();
    // At the very end it is a torn record, which is as none.
    if (*next < *size) index.damaged.push_back(at);
    at = *next;
  }
  return index;
}

absl::StatusOr<Record> ReadRecord(const std::string& path, const RecordPlace& place) {
  const Input input(path);
  if (const absl::StatusOr<uint64_t> size = input.Size(); !size.ok()) return size.status();
  const absl::StatusOr<std::string> text =
      input.Read(place.offset, kHeaderBytes + place.name.size() + place.bytes);
  if (!text.ok()) return text.status();
  const std::optional<Header> header = Decode(*text);
  const std::string_view rest =
      std::string_view(*text).substr(std::min(kHeaderBytes, text->size()));
  if (header.has_value() && header->size() == text->size() &&
      header->name_bytes == place.name.size()) {
    Record record{.kind = header->kind,
                  .name = std::string(rest.substr(0, header->name_bytes)),
                  .bytes = std::string(rest.substr(header->name_bytes))};
    if (DigestOf(record.name, record.bytes) == header->digest) return record;
  }
  return absl::DataLossError(
      fmt::format("{}: damaged: the record at {} is not what was written", path, place.offset));
}

absl::StatusOr<std::unique_ptr<RecordWriter>> RecordWriter::Open(const std::string& folder,
                                                                 const std::string& stem,
                                                                 std::string_view ending) {
  for (int number = 1; number <= kWritersMax; ++number) {
    const std::string path = number == 1 ? fmt::format("{}/{}{}", folder, stem, ending)
                                         : fmt::format("{}/{}-{}{}", folder, stem, number, ending);
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (descriptor < 0) {
      return absl::UnavailableError(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
    }
    std::unique_ptr<RecordWriter> writer(new RecordWriter(path, descriptor));
    // Of the open file, not of the process: its children leave it alone. Also over NFS.
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(descriptor, F_OFD_SETLK, &lock) != 0) {
      if (errno == EAGAIN || errno == EACCES) continue;
      return writer->Error("lock");
    }
    if (absl::Status status = writer->Begin(); !status.ok()) return status;
    return writer;
  }
  return absl::UnavailableError(
      fmt::format("{}/{}{}: {} processes are writing to it", folder, stem, ending, kWritersMax));
}

RecordWriter::~RecordWriter() { close(descriptor_); }

absl::Status RecordWriter::Error(std::string_view what) const {
  return absl::UnavailableError(fmt::format("cannot {} {}: {}", what, path_, std::strerror(errno)));
}

absl::Status RecordWriter::Begin() {
  const absl::StatusOr<RecordIndex> index = ReadRecordIndex(path_);
  if (!index.ok()) return index.status();
  const bool is_new = index->end < kSignature.size();
  const uint64_t end = is_new ? 0 : index->end;
  if (ftruncate(descriptor_, static_cast<off_t>(end)) != 0) return Error("write");
  if (lseek(descriptor_, static_cast<off_t>(end), SEEK_SET) < 0) return Error("write");
  return is_new ? WriteAll(kSignature) : absl::OkStatus();
}

absl::Status RecordWriter::WriteAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error("write");
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status RecordWriter::Add(const Record& record) {
  if (record.name.size() > kNameBytesMax || record.bytes.size() > kRecordBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("{}: a record of {} bytes is too large", path_, record.bytes.size()));
  }
  if (absl::Status status = WriteAll(Encode(record)); !status.ok()) return status;
  if (fdatasync(descriptor_) != 0 && errno != EINVAL) return Error("write");
  return absl::OkStatus();
}

}  // namespace slablab
