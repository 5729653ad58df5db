// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/perf_data.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "fmt/format.h"

namespace slablab {
namespace {

constexpr std::string_view kMagic = "PERFILE2";

struct Section {
  uint64_t offset;
  uint64_t size;
};
// All of the header of what perf record wrote into a pipe; a file's goes on.
struct PipeHeader {
  char magic[8];
  uint64_t size;
};
struct FileHeader {
  PipeHeader begin;
  uint64_t attr_size;
  Section attrs;
  Section data;
};

struct RecordHeader {
  uint32_t type;
  uint16_t misc;
  uint16_t size;
};
// Two records have more bytes behind them than their size says, which stands in their payload:
// tracing data with a 32-bit size, padded to 8 bytes, and auxiliary traces with one of 64 bits.
constexpr uint32_t kTracingData = 66;
constexpr uint32_t kAuxTrace = 71;

template <typename T>
bool ReadAt(std::ifstream& file, uint64_t offset, T* value) {
  file.clear();
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(value), sizeof(*value));
  return file.gcount() == sizeof(*value);
}

// How many bytes stand behind a record beyond its own.
bool BytesBehind(std::ifstream& file, uint64_t offset, const RecordHeader& record,
                 uint64_t* bytes) {
  *bytes = 0;
  if (record.type == kAuxTrace) return ReadAt(file, offset + sizeof(record), bytes);
  if (record.type != kTracingData) return true;
  uint32_t size = 0;
  if (!ReadAt(file, offset + sizeof(record), &size)) return false;
  *bytes = (uint64_t{size} + 7) / 8 * 8;
  return true;
}

// Whether records follow one another up to `end` exactly.
bool EndsBetweenRecords(std::ifstream& file, uint64_t offset, uint64_t end) {
  while (offset < end) {
    RecordHeader record;
    uint64_t behind = 0;
    if (!ReadAt(file, offset, &record) || record.size < sizeof(record) ||
        !BytesBehind(file, offset, record, &behind) || behind > end) {
      return false;
    }
    offset += record.size + behind;
  }
  return offset == end;
}

}  // namespace

absl::Status CheckPerfData(const std::string& path, const std::string& name) {
  std::error_code error;
  const uint64_t end = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  PipeHeader begin = {};
  if (error || !ReadAt(file, 0, &begin) ||
      std::string_view(begin.magic, sizeof(begin.magic)) != kMagic) {
    return absl::OkStatus();
  }
  Section data = {.offset = sizeof(PipeHeader), .size = 0};
  if (begin.size != sizeof(PipeHeader)) {
    FileHeader header = {};
    if (begin.size < sizeof(header) || !ReadAt(file, 0, &header)) return absl::OkStatus();
    data = header.data;
  }
  const auto ends_early = [&name](const std::string& what) {
    return absl::InvalidArgumentError(
        fmt::format("{}: the perf.data ends early: {} (of what there is perf script makes "
                    "text, which can be imported)",
                    name, what));
  };
  if (data.offset > end || data.size > end - data.offset) {
    return ends_early(fmt::format("its header tells of {} bytes of records, {} are there",
                                  data.size, end - std::min(end, data.offset)));
  }
  // perf record writes the size as it ends.
  if (data.size == 0 && !EndsBetweenRecords(file, data.offset, end)) {
    return ends_early("in the middle of a record");
  }
  return absl::OkStatus();
}

}  // namespace slablab
