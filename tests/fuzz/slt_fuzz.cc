// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The .slt reader. The first byte of an input says how to read the rest: bit 0, whether to salvage;
// bit 1, whether the rest is a whole file or sections to be put into one whose checksums and index
// are right, since mutations would otherwise get no further than the checksums.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/traces/random_trace.h"
#include "traces/slt/file.h"
#include "traces/slt/slt.pb.h"
#include "traces/slt/trace.h"

namespace slablab {
namespace {

constexpr uint8_t kSalvageBit = 1;
constexpr uint8_t kSectionsBit = 2;
// A section is its kind, the length of its payload in two bytes, and the payload.
constexpr size_t kSectionHead = 3;

// Makes the index agree with where the sections are.
std::string WithIndexOf(const std::string& payload, const std::vector<slt::BlockEntry>& blocks,
                        const std::vector<slt::SidecarEntry>& sidecars) {
  slt::End end;
  if (!end.ParseFromString(payload)) return payload;
  end.clear_sidecars();
  for (const slt::SidecarEntry& entry : sidecars) *end.add_sidecars() = entry;
  end.clear_blocks();
  uint64_t events = 0;
  for (const slt::BlockEntry& entry : blocks) {
    *end.add_blocks() = entry;
    events += entry.summary().event_count();
  }
  end.mutable_header()->set_event_count(events);
  return end.SerializeAsString();
}

std::string FileOfSections(std::string_view input) {
  std::string file(slt::kSignature);
  uint64_t end_offset = 0;
  std::vector<slt::BlockEntry> blocks;
  std::vector<slt::SidecarEntry> sidecars;
  while (input.size() >= kSectionHead) {
    const auto kind = static_cast<slt::SectionKind>(static_cast<uint8_t>(input[0]));
    const size_t length = static_cast<uint8_t>(input[1]) | static_cast<uint8_t>(input[2]) << 8;
    std::string payload(input.substr(kSectionHead, length));
    input.remove_prefix(std::min(input.size(), kSectionHead + length));
    if (kind == slt::SectionKind::kEnd) {
      payload = WithIndexOf(payload, blocks, sidecars);
      end_offset = file.size();
    }
    const uint64_t offset = file.size();
    file += slt::FrameFor(kind, payload);
    if (kind == slt::SectionKind::kBlock) {
      slt::Block block;
      if (!block.ParseFromString(payload)) continue;
      slt::BlockEntry& entry = blocks.emplace_back();
      entry.set_offset(offset);
      entry.set_bytes(file.size() - offset);
      *entry.mutable_summary() = block.summary();
    } else if (kind == slt::SectionKind::kSidecar) {
      slt::SidecarEntry& entry = sidecars.emplace_back();
      entry.set_offset(offset);
      entry.set_bytes(file.size() - offset);
    }
  }
  return file + slt::TrailerFor(end_offset);
}

std::string SectionsOf(const std::string& bytes) {
  std::string sections;
  const auto file = slt::ReadFromMemory("seed", bytes);
  std::string payload;
  for (uint64_t offset = slt::kSignature.size(); file->size() - offset > slt::kTrailerBytes;) {
    const auto frame = slt::ReadFrame(*file, offset);
    CHECK(frame.ok());
    CHECK(slt::ReadPayload(*file, *frame, &payload).ok());
    CHECK_LT(payload.size(), size_t{1} << 16);
    sections += static_cast<char>(frame->kind);
    sections += static_cast<char>(payload.size() & 0xff);
    sections += static_cast<char>(payload.size() >> 8);
    sections += payload;
    offset = frame->end();
  }
  return sections;
}

// What every consumer of a reader relies on.
void CheckEvents(TraceReader& reader) {
  const TraceHeader& header = reader.header();
  std::array<Event, 100> events;
  Nanos time = 0;
  uint64_t total = 0;
  for (;;) {
    const absl::StatusOr<size_t> count = reader.Read(absl::MakeSpan(events));
    if (!count.ok()) return;
    if (*count == 0) break;
    total += *count;
    for (size_t i = 0; i < *count; ++i) {
      const Event& event = events[i];
      Require(event.time >= time);
      time = event.time;
      Require(static_cast<int>(event.kind) < kEventKinds);
      Require(event.cpu < header.cpu_count);
      Require(event.call_site < header.call_sites.size());
      Require(event.gfp < header.gfp_flags.size());
      const bool names_cache = event.kind <= EventKind::kCacheFree;
      Require(!names_cache || event.cache < header.caches.size());
    }
  }
  Require(total == header.event_count);
}

}  // namespace

std::vector<std::string> FuzzSeeds() {
  std::vector<std::string> seeds;
  for (const bool wild : {false, true}) {
    Trace trace = RandomTrace({.seed = 1, .events = 40, .wild = wild});
    trace.header.sidecars[0].contents.resize(50);
    const auto file = WriteToString(trace, {.events_per_block = 15, .zstd_level = 1});
    CHECK(file.ok());
    for (const uint8_t salvage : {uint8_t{0}, kSalvageBit}) {
      seeds.push_back(static_cast<char>(salvage) + *file);
      seeds.push_back(static_cast<char>(salvage | kSectionsBit) + SectionsOf(*file));
    }
  }
  return seeds;
}

}  // namespace slablab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slablab;
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string file = (data[0] & kSectionsBit) != 0 ? FileOfSections(rest) : std::string(rest);
  const TraceReader::Options options = {.salvage = (data[0] & kSalvageBit) != 0};
  const auto reader = TraceReader::FromMemory("fuzz.slt", std::move(file), options);
  if (reader.ok()) CheckEvents(**reader);
  return 0;
}
