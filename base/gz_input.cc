// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/gz_input.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/gz_file.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr size_t kBufferBytes = 1 << 20;
constexpr size_t kFileChunkBytes = 1 << 14;  // most files read whole are small

class BufferedLines : public LineReader {
 public:
  BufferedLines(std::unique_ptr<GzFile> file, const std::string& path)
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
    const size_t kept = rest_.size();
    const absl::StatusOr<size_t> got = file_->Read(absl::MakeSpan(buffer_).subspan(kept));
    if (!got.ok()) {
      status_ = got.status();
      return false;
    }
    rest_ = std::string_view(buffer_.data(), kept + *got);
    if (rest_.size() == buffer_.size()) return true;
    file_.reset();
    return true;
  }

  std::unique_ptr<GzFile> file_;  // null at the end of the file, and for text in memory
  const std::string path_;
  std::vector<char> buffer_;
  std::string_view rest_;
  absl::Status status_;
  uint64_t line_ = 0;
  bool unfinished_ = false;
};

}  // namespace

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t bytes_max) {
  const absl::StatusOr<std::unique_ptr<GzFile>> file = GzFile::Open(path, path);
  if (!file.ok()) return file.status();
  std::string contents;
  for (;;) {
    const size_t filled = contents.size();
    if (filled > bytes_max) {
      return absl::InvalidArgumentError(
          fmt::format("{}: larger than the {} bytes that such a file may have", path, bytes_max));
    }
    // Doubling: the cost of growing stays in proportion.
    const size_t chunk = std::clamp<size_t>(filled, kFileChunkBytes, 1 << 26);
    contents.resize(filled + chunk);
    const absl::StatusOr<size_t> got =
        (*file)->Read(absl::MakeSpan(contents.data() + filled, chunk));
    if (!got.ok()) return got.status();
    contents.resize(filled + *got);
    if (*got < chunk) return contents;
  }
}

absl::StatusOr<std::unique_ptr<LineReader>> LineReader::Open(const std::string& path,
                                                             const std::string& name) {
  absl::StatusOr<std::unique_ptr<GzFile>> file = GzFile::Open(path, name);
  if (!file.ok()) return file.status();
  return std::make_unique<BufferedLines>(*std::move(file), name);
}

std::unique_ptr<LineReader> LineReader::Of(std::string_view text, const std::string& path) {
  return std::make_unique<BufferedLines>(text, path);
}

}  // namespace slablab
