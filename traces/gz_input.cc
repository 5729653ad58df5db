// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/gz_input.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/claimed_output.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr unsigned kBufferBytes = 1 << 20;
constexpr unsigned kFileChunkBytes = 1 << 14;  // most files read whole are small

struct GzCloser {
  void operator()(gzFile file) const { gzclose(file); }
};
using GzHandle = std::unique_ptr<gzFile_s, GzCloser>;

absl::StatusOr<GzHandle> OpenGz(const std::string& path, const std::string& name) {
  GzHandle file(gzopen(path.c_str(), "rb"));
  if (file == nullptr) {
    const int error = errno;
    const std::string message = fmt::format("{}: {}", name, std::strerror(error));
    return error == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
  }
  if (absl::Status input = CheckInput(path); !input.ok()) return input;
  return file;
}

absl::Status GzError(gzFile file, const std::string& path) {
  int error = Z_OK;
  const char* message = gzerror(file, &error);
  if (error == Z_ERRNO) {
    return absl::UnavailableError(fmt::format("{}: {}", path, std::strerror(errno)));
  }
  return absl::InvalidArgumentError(
      fmt::format("{}: damaged or truncated gzip data: {}", path, message));
}

class BufferedLines : public LineReader {
 public:
  BufferedLines(GzHandle file, const std::string& path)
      : file_(std::move(file)), path_(path), buffer_(2 * kBufferBytes) {}
  BufferedLines(std::string_view text, const std::string& path) : path_(path), rest_(text) {}

  bool Next(std::string_view* line) override {
    size_t end = rest_.find('\n');
    if (end == std::string_view::npos && file_ != nullptr) {
      if (!Refill()) return false;
      end = rest_.find('\n');
    }
    if (rest_.empty()) return false;
    ++line_;
    *line = rest_.substr(0, end);
    unfinished_ = end == std::string_view::npos;
    if (line->size() > kLineBytesMax) {
      status_ = absl::InvalidArgumentError(
          fmt::format("{}:{}: expected a line of text, found one longer than {} bytes", path_,
                      line_, kLineBytesMax));
      return false;
    }
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (!line->empty() && line->back() == '\r') line->remove_suffix(1);
    return true;
  }

  const absl::Status& status() const override { return status_; }
  uint64_t line() const override { return line_; }
  bool unfinished() const override { return unfinished_; }

 private:
  // Brings more of the file behind the unfinished line, which is shorter than kLineBytesMax or an
  // error to come. False on an error.
  bool Refill() {
    if (!rest_.empty()) std::memmove(buffer_.data(), rest_.data(), rest_.size());
    size_t filled = rest_.size();
    while (filled < buffer_.size()) {
      const int got = gzread(file_.get(), buffer_.data() + filled,
                             static_cast<unsigned>(buffer_.size() - filled));
      if (got < 0) {
        status_ = GzError(file_.get(), path_);
        return false;
      }
      if (got == 0) break;
      filled += static_cast<size_t>(got);
    }
    rest_ = std::string_view(buffer_.data(), filled);
    if (filled == buffer_.size()) return true;
    // A gzip stream that stops short is an error that only gzclose-time state tells.
    int error = Z_OK;
    gzerror(file_.get(), &error);
    if (error == Z_BUF_ERROR) {
      status_ = GzError(file_.get(), path_);
      return false;
    }
    file_.reset();
    return true;
  }

  GzHandle file_;  // null at the end of the file, and for text in memory
  const std::string path_;
  std::vector<char> buffer_;
  std::string_view rest_;
  absl::Status status_;
  uint64_t line_ = 0;
  bool unfinished_ = false;
};

}  // namespace

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t bytes_max) {
  absl::StatusOr<GzHandle> file = OpenGz(path, path);
  if (!file.ok()) return file.status();
  std::string contents;
  for (;;) {
    const size_t filled = contents.size();
    if (filled > bytes_max) {
      return absl::InvalidArgumentError(
          fmt::format("{}: larger than the {} bytes that such a file may have", path, bytes_max));
    }
    // Doubling: the cost of growing stays in proportion.
    const auto chunk = static_cast<unsigned>(std::clamp<size_t>(filled, kFileChunkBytes, 1 << 26));
    contents.resize(filled + chunk);
    const int got = gzread(file->get(), contents.data() + filled, chunk);
    if (got < 0) return GzError(file->get(), path);
    contents.resize(filled + static_cast<size_t>(got));
    if (got == 0) break;
  }
  int error = Z_OK;
  gzerror(file->get(), &error);
  if (error == Z_BUF_ERROR) return GzError(file->get(), path);
  return contents;
}

absl::StatusOr<std::unique_ptr<LineReader>> LineReader::Open(const std::string& path,
                                                             const std::string& name) {
  absl::StatusOr<GzHandle> file = OpenGz(path, name);
  if (!file.ok()) return file.status();
  gzbuffer(file->get(), kBufferBytes);
  return std::make_unique<BufferedLines>(*std::move(file), name);
}

std::unique_ptr<LineReader> LineReader::Of(std::string_view text, const std::string& path) {
  return std::make_unique<BufferedLines>(text, path);
}

}  // namespace slablab
