// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_GZ_INPUT_H_
#define SLABLAB_BASE_GZ_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Files that may be gzipped, read as if they were not.

namespace slablab {

// The whole file, uncompressed. NotFound if there is none; other failures are InvalidArgument
// (damaged compression, larger than bytes_max) or Unavailable (the file system), naming `path`.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path,
                                          size_t bytes_max = size_t{1} << 28);

// A text as lines, without holding it whole.
class LineReader {
 public:
  static constexpr size_t kLineBytesMax = size_t{1} << 16;

  // Errors as ReadWholeFile's; messages call the file `name`.
  static absl::StatusOr<std::unique_ptr<LineReader>> Open(const std::string& path,
                                                          const std::string& name);
  // Of text in memory, which must outlive the reader; `path` is for messages.
  static std::unique_ptr<LineReader> Of(std::string_view text, const std::string& path);

  virtual ~LineReader() = default;

  // The next line without its end, valid until the next call; false at the end of the text and
  // after an error, which status() then tells.
  virtual bool Next(std::string_view* line) = 0;
  virtual const absl::Status& status() const = 0;
  // The number of the line that Next last gave, from 1.
  virtual uint64_t line() const = 0;
  // Whether that is the last line and the text ends without a line end: it may be cut short.
  virtual bool unfinished() const = 0;
};

}  // namespace slablab

#endif  // SLABLAB_BASE_GZ_INPUT_H_
