// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_RECORD_FILE_H_
#define SLABLAB_BASE_RECORD_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// A file that grows by records, each of which is there whole or not at all.
//
//   file   = signature record*
//   record = header name bytes
//   header = "rec:" | kind | size of name | size of bytes (64 bits) | digest of name and bytes
//            (64 bits) | digest of the header before (64 bits)
//
// Integers are little-endian and of 32 bits unless stated. The signature is the eight bytes
// 89 53 4c 52 0d 0a 1a 0a. A record goes out by one write and is on the disk before the next
// begins, so that what the death of the process or the machine leaves is a file whose last record
// is torn: readers take it for not there, and the next writer cuts it off. What is damaged in
// between costs the records that it touches and no other: a reader looks for the next header.

namespace slablab {

struct Record {
  uint32_t kind = 0;
  std::string name;
  std::string bytes;
};

// A record in its file.
struct RecordPlace {
  uint32_t kind = 0;
  std::string name;
  uint64_t offset = 0;  // of the header
  uint64_t bytes = 0;   // of what follows the name
};

struct RecordIndex {
  std::vector<RecordPlace> places;  // in their order; what they hold has not been looked at
  std::vector<uint64_t> damaged;    // offsets at which no record begins although one should
  uint64_t end = 0;                 // of the last whole record
};

// NotFound, InvalidArgument for what is no file of records, Unavailable.
absl::StatusOr<RecordIndex> ReadRecordIndex(const std::string& path);

// DataLoss, which names file and offset, if the record is not what was written.
absl::StatusOr<Record> ReadRecord(const std::string& path, const RecordPlace& place);

// Appends records. One process at a time: a lock of the file keeps others out until this one ends,
// however it ends.
class RecordWriter {
 public:
  // FOLDER/STEM + ENDING; where another process is writing that, FOLDER/STEM-2 + ENDING, and so on.
  static absl::StatusOr<std::unique_ptr<RecordWriter>> Open(const std::string& folder,
                                                            const std::string& stem,
                                                            std::string_view ending);
  ~RecordWriter();
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  const std::string& path() const { return path_; }
  // After an error, only destruction is allowed.
  absl::Status Add(const Record& record);

 private:
  RecordWriter(std::string path, int descriptor)
      : path_(std::move(path)), descriptor_(descriptor) {}
  absl::Status Error(std::string_view what) const;
  // Cuts off what a death has left, and writes the signature of a file that is new.
  absl::Status Begin();
  absl::Status WriteAll(std::string_view bytes);

  const std::string path_;
  const int descriptor_;
};

}  // namespace slablab

#endif  // SLABLAB_BASE_RECORD_FILE_H_
