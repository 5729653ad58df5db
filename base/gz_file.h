// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_GZ_FILE_H_
#define SLABLAB_BASE_GZ_FILE_H_

#include <zlib.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace slablab {

// A file that may be gzipped, in one piece or several, read as if it were not. zlib's own gzread
// takes whatever stands behind a piece, a damaged one too, for the end; here it is an error.
class GzFile {
 public:
  // NotFound if there is none, Unavailable if it cannot be read; messages call the file `name`.
  static absl::StatusOr<std::unique_ptr<GzFile>> Open(const std::string& path,
                                                      const std::string& name);
  ~GzFile();
  GzFile(const GzFile&) = delete;
  GzFile& operator=(const GzFile&) = delete;

  // Fills `bytes` from the front; fewer, or 0, only at the end. InvalidArgument if the compressed
  // data are damaged or end early.
  absl::StatusOr<size_t> Read(absl::Span<char> bytes);

  // After a Read.
  bool is_gzipped() const { return is_gzipped_; }

 private:
  enum class State : uint8_t { kBegin, kPlain, kInPiece, kBehindPiece, kEnd };

  GzFile(int descriptor, std::string name);
  // Moves what is left to the front and reads more behind it; nothing more is the end of the file.
  absl::Status Refill();
  absl::Status Begin();
  absl::Status BeginNextPiece();
  absl::Status Inflate(absl::Span<char> bytes, size_t* filled);
  absl::Status Damaged(const char* how) const;

  const int descriptor_;
  const std::string name_;
  State state_ = State::kBegin;
  bool is_gzipped_ = false;
  bool at_end_ = false;  // of the file
  std::vector<unsigned char> input_;
  z_stream stream_ = {};  // its input is what is left of input_
};

}  // namespace slablab

#endif  // SLABLAB_BASE_GZ_FILE_H_
