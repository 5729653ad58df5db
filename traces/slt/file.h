// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SLT_FILE_H_
#define SLABLAB_TRACES_SLT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The bytes of an .slt file: random access for reading, and the frames around sections. What is in
// the sections is traces/slt/slt.proto.

namespace slablab::slt {

// Bytes that can be read from anywhere. Not thread safe.
class RandomAccess {
 public:
  virtual ~RandomAccess() = default;
  // What messages call it.
  virtual const std::string& name() const = 0;
  virtual uint64_t size() const = 0;
  // Replaces *out by `bytes` bytes from `offset`. REQUIRES: they are within size().
  virtual absl::Status ReadAt(uint64_t offset, size_t bytes, std::string* out) const = 0;
};

// Errors: kNotFound or kInvalidArgument (not a regular file, or one to be replaced), with the path.
absl::StatusOr<std::unique_ptr<RandomAccess>> OpenForReading(const std::string& path);
std::unique_ptr<RandomAccess> ReadFromMemory(std::string name, std::string contents);

enum class SectionKind : uint32_t { kStart = 1, kSidecar = 2, kBlock = 3, kEnd = 4 };

inline constexpr std::string_view kSignature("\x89SLT\x0d\x0a\x1a\x0a", 8);
inline constexpr size_t kFrameBytes = 20;
inline constexpr size_t kTrailerBytes = 16;

struct Frame {
  SectionKind kind = SectionKind::kStart;
  uint64_t offset = 0;  // of the frame's first byte
  uint32_t payload_bytes = 0;
  uint32_t payload_crc = 0;

  uint64_t end() const { return offset + kFrameBytes + payload_bytes; }
};

// The frame and payload of a section.
std::string FrameFor(SectionKind kind, std::string_view payload);
std::string TrailerFor(uint64_t end_offset);

// These check all there is to check; errors are kDataLoss and name neither file nor offset.
absl::StatusOr<Frame> ReadFrame(const RandomAccess& file, uint64_t offset);
absl::Status ReadPayload(const RandomAccess& file, const Frame& frame, std::string* payload);
// Answers the end section's offset.
absl::StatusOr<uint64_t> ReadTrailer(const RandomAccess& file);

// The first offset at or after `from` that holds a well-formed frame, or the file's size.
absl::StatusOr<uint64_t> FindFrame(const RandomAccess& file, uint64_t from);

}  // namespace slablab::slt

#endif  // SLABLAB_TRACES_SLT_FILE_H_
