// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/gz_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/claimed_output.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr size_t kInputBytes = 1 << 16;

}  // namespace

absl::StatusOr<std::unique_ptr<GzFile>> GzFile::Open(const std::string& path,
                                                     const std::string& name) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const int error = errno;
    const std::string message = fmt::format("{}: {}", name, std::strerror(error));
    return error == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
  }
  std::unique_ptr<GzFile> file(new GzFile(descriptor, name));
  if (absl::Status input = CheckInput(path); !input.ok()) return input;
  return file;
}

GzFile::GzFile(int descriptor, std::string name)
    : descriptor_(descriptor), name_(std::move(name)), input_(kInputBytes) {
  stream_.next_in = input_.data();
  constexpr int kGzipOnly = 15 + 16;
  CHECK_EQ(inflateInit2(&stream_, kGzipOnly), Z_OK);
}

GzFile::~GzFile() {
  inflateEnd(&stream_);
  close(descriptor_);
}

absl::Status GzFile::Damaged(const char* how) const {
  return absl::InvalidArgumentError(
      fmt::format("{}: damaged or truncated gzip data: {}", name_, how));
}

absl::Status GzFile::Refill() {
  std::memmove(input_.data(), stream_.next_in, stream_.avail_in);
  stream_.next_in = input_.data();
  ssize_t got = 0;
  do {
    got = read(descriptor_, input_.data() + stream_.avail_in, input_.size() - stream_.avail_in);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return absl::UnavailableError(fmt::format("{}: {}", name_, std::strerror(errno)));
  at_end_ = got == 0;
  stream_.avail_in += static_cast<uInt>(got);
  return absl::OkStatus();
}

absl::Status GzFile::Begin() {
  while (stream_.avail_in < 2 && !at_end_) {
    if (absl::Status s = Refill(); !s.ok()) return s;
  }
  is_gzipped_ = stream_.avail_in >= 2 && stream_.next_in[0] == 0x1f && stream_.next_in[1] == 0x8b;
  state_ = is_gzipped_ ? State::kInPiece : State::kPlain;
  return absl::OkStatus();
}

// Zeros may fill up a block of a tape.
absl::Status GzFile::BeginNextPiece() {
  for (;;) {
    while (stream_.avail_in > 0 && *stream_.next_in == 0) {
      ++stream_.next_in;
      --stream_.avail_in;
    }
    if (stream_.avail_in >= 2) break;
    if (at_end_) {
      state_ = State::kEnd;
      return stream_.avail_in == 0 ? absl::OkStatus() : Damaged("something stands behind them");
    }
    if (absl::Status s = Refill(); !s.ok()) return s;
  }
  if (stream_.next_in[0] != 0x1f || stream_.next_in[1] != 0x8b) {
    return Damaged("what stands behind them is not gzip's");
  }
  CHECK_EQ(inflateReset(&stream_), Z_OK);
  state_ = State::kInPiece;
  return absl::OkStatus();
}

absl::Status GzFile::Inflate(absl::Span<char> bytes, size_t* filled) {
  if (stream_.avail_in == 0) {
    if (absl::Status s = Refill(); !s.ok()) return s;
    if (stream_.avail_in == 0) return Damaged("they end early");
  }
  stream_.next_out = reinterpret_cast<Bytef*>(bytes.data() + *filled);
  const size_t room = std::min<size_t>(bytes.size() - *filled, 1 << 30);
  stream_.avail_out = static_cast<uInt>(room);
  const int result = inflate(&stream_, Z_NO_FLUSH);
  *filled += room - stream_.avail_out;
  if (result == Z_STREAM_END) {
    state_ = State::kBehindPiece;
  } else if (result != Z_OK && result != Z_BUF_ERROR) {
    return Damaged(stream_.msg == nullptr ? "not of its format" : stream_.msg);
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> GzFile::Read(absl::Span<char> bytes) {
  size_t filled = 0;
  while (filled < bytes.size() && state_ != State::kEnd) {
    absl::Status status;
    if (state_ == State::kBegin) {
      status = Begin();
    } else if (state_ == State::kInPiece) {
      status = Inflate(bytes, &filled);
    } else if (state_ == State::kBehindPiece) {
      status = BeginNextPiece();
    } else if (stream_.avail_in > 0) {
      const size_t part = std::min<size_t>(stream_.avail_in, bytes.size() - filled);
      std::memcpy(bytes.data() + filled, stream_.next_in, part);
      stream_.next_in += part;
      stream_.avail_in -= static_cast<uInt>(part);
      filled += part;
    } else if (at_end_) {
      state_ = State::kEnd;
    } else {
      status = Refill();
    }
    if (!status.ok()) return status;
  }
  return filled;
}

}  // namespace slablab
