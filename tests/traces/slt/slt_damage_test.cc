// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Whatever happens to an .slt file, the reader notices; and what is whole can be salvaged.

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/traces/random_trace.h"
#include "traces/slt/trace.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using ::testing::SizeIs;

constexpr TraceReader::Options kSalvage = {.salvage = true};

// 60 events in six blocks of ten, and where those blocks are.
class DamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    trace_ = RandomTrace({.seed = 11, .events = 60});
    trace_.header.sidecars[0].contents = "slabinfo - version: 2.1\n";
    bytes_ = *WriteToString(trace_, {.events_per_block = 10, .zstd_level = 1});
    blocks_ = (*TraceReader::FromMemory("t.slt", bytes_, {}))->blocks();
    ASSERT_EQ(blocks_.size(), 6u);
  }

  std::string WithFlip(size_t offset, uint8_t bits = 1) const {
    std::string bytes = bytes_;
    bytes[offset] = static_cast<char>(bytes[offset] ^ bits);
    return bytes;
  }
  static TraceDamage DamageOf(const std::string& bytes) {
    return (*TraceReader::FromMemory("t.slt", bytes, kSalvage))->damage();
  }
  // The events without those of the given blocks.
  std::vector<Event> Without(const std::vector<size_t>& lost_blocks) const {
    std::vector<Event> events;
    for (size_t i = 0; i < trace_.events.size(); ++i) {
      const bool lost = std::count(lost_blocks.begin(), lost_blocks.end(), i / 10) > 0;
      if (!lost) events.push_back(trace_.events[i]);
    }
    return events;
  }

  Trace trace_;
  std::string bytes_;
  std::vector<TraceBlock> blocks_;
};

// Events that were recorded, in order; without the marks that salvaging sets.
std::vector<Event> Recorded(const std::vector<Event>& events, size_t* lost_marks) {
  std::vector<Event> recorded;
  for (const Event& event : events) {
    // The random trace's own losses are of one event at least and carry no unknown number; those of
    // salvaging are told apart by position in the tests that need it.
    if (event.kind == EventKind::kLost) {
      ++*lost_marks;
      continue;
    }
    recorded.push_back(event);
    recorded.back().predates_trace = false;
  }
  return recorded;
}

// Whether `part` is `whole` with some runs left out.
bool IsSubsequence(const std::vector<Event>& part, const std::vector<Event>& whole) {
  size_t at = 0;
  for (const Event& event : part) {
    while (at < whole.size() && !(whole[at] == event)) ++at;
    if (at == whole.size()) return false;
    ++at;
  }
  return true;
}

TEST_F(DamageTest, EveryFlippedBitOfEveryByteIsDetected) {
  for (size_t offset = 0; offset < bytes_.size(); ++offset) {
    for (int bit = 0; bit < 8; ++bit) {
      const auto back = ReadFromString(WithFlip(offset, static_cast<uint8_t>(1 << bit)));
      ASSERT_FALSE(back.ok()) << "offset " << offset << " bit " << bit;
      ASSERT_TRUE(absl::IsDataLoss(back.status()) || absl::IsInvalidArgument(back.status()));
      ASSERT_THAT(std::string(back.status().message()), HasSubstr("t.slt: "));
    }
  }
}

TEST_F(DamageTest, EveryTruncationIsDetected) {
  for (size_t length = 0; length < bytes_.size(); ++length) {
    const auto back = ReadFromString(bytes_.substr(0, length));
    ASSERT_FALSE(back.ok()) << length;
    ASSERT_TRUE(absl::IsDataLoss(back.status()) || absl::IsInvalidArgument(back.status()));
  }
}

TEST_F(DamageTest, BytesAppendedOrRemovedAnywhereAreDetected) {
  for (size_t offset = 0; offset <= bytes_.size(); ++offset) {
    std::string longer = bytes_;
    longer.insert(offset, 1, '\0');
    ASSERT_FALSE(ReadFromString(longer).ok()) << offset;
    if (offset == bytes_.size()) continue;
    std::string shorter = bytes_;
    shorter.erase(offset, 1);
    ASSERT_FALSE(ReadFromString(shorter).ok()) << offset;
  }
}

TEST_F(DamageTest, ADamagedBlockIsNamedWithItsOffset) {
  const auto back = ReadFromString(WithFlip(blocks_[3].offset + 40));
  EXPECT_THAT(std::string(back.status().message()),
              AllOf(HasSubstr("t.slt: block 3 (events 30 to 39) at offset " +
                              std::to_string(blocks_[3].offset)),
                    HasSubstr("checksum mismatch"), HasSubstr("trace slice --salvage")));
}

TEST_F(DamageTest, ATruncatedFileNamesTheBlockThatIsCut) {
  const auto back = ReadFromString(bytes_.substr(0, blocks_[2].offset + 50));
  EXPECT_THAT(std::string(back.status().message()),
              AllOf(HasSubstr("t.slt: block 2 at offset " + std::to_string(blocks_[2].offset)),
                    HasSubstr("the file ends 30 bytes into the section's")));
}

TEST_F(DamageTest, ForeignFilesAreSaidToBeForeign) {
  for (const std::string& bytes : {std::string(), std::string("hello"), std::string(5000, 'x')}) {
    for (const bool salvage : {false, true}) {
      const auto back = ReadFromString(bytes, {.salvage = salvage});
      EXPECT_TRUE(absl::IsInvalidArgument(back.status())) << back.status();
      EXPECT_THAT(std::string(back.status().message()), HasSubstr("t.slt: not an .slt trace"));
    }
  }
}

TEST_F(DamageTest, SalvagingAWholeFileChangesNothing) {
  const auto back = ReadFromString(bytes_, kSalvage);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->events, trace_.events);
  EXPECT_EQ(back->header, ReadFromString(bytes_)->header);
  EXPECT_FALSE(DamageOf(bytes_).any());
}

TEST_F(DamageTest, SalvageLosesOnlyTheDamagedBlocks) {
  const std::string bytes = WithFlip(blocks_[2].offset + 40);
  const auto back = ReadFromString(bytes, kSalvage);
  ASSERT_TRUE(back.ok()) << back.status();
  // In the place of block 2 stands one loss for each CPU that had events there.
  const std::vector<TraceBlock::CpuEvents>& cpus = blocks_[2].cpus;
  ASSERT_EQ(back->events.size(), 50 + cpus.size());
  uint64_t lost = 0;
  for (size_t i = 0; i < cpus.size(); ++i) {
    const Event& event = back->events[20 + i];
    EXPECT_EQ(event.kind, EventKind::kLost);
    EXPECT_EQ(event.cpu, cpus[i].cpu);
    EXPECT_EQ(event.bytes_req, cpus[i].events);
    lost += event.bytes_req;
  }
  EXPECT_EQ(lost, 10u);
  const TraceDamage damage = DamageOf(bytes);
  EXPECT_EQ(damage.events_lost, 10u);
  EXPECT_FALSE(damage.tail_lost);
  EXPECT_THAT(damage.messages, ElementsAre(HasSubstr("block 2 (events 20 to 29) at offset " +
                                                     std::to_string(blocks_[2].offset))));
}

TEST_F(DamageTest, FreesOfObjectsWhoseAllocationWasLostPredateTheTrace) {
  for (size_t block = 0; block < 5; ++block) {
    const auto back = ReadFromString(WithFlip(blocks_[block].offset + 40), kSalvage);
    ASSERT_TRUE(back.ok()) << back.status();
    const uint64_t end = blocks_[block + 1].object_first;
    const uint64_t behind = blocks_[block + 1].event_first;
    size_t at = back->events.size() - (60 - behind);
    for (uint64_t i = behind; i < 60; ++i, ++at) {
      Event expected = trace_.events[i];
      const bool is_free =
          expected.kind == EventKind::kKfree || expected.kind == EventKind::kCacheFree ||
          expected.kind == EventKind::kPageFree || expected.kind == EventKind::kPercpuFree;
      if (is_free && expected.object >= blocks_[block].object_first && expected.object < end) {
        expected.predates_trace = true;
      }
      EXPECT_EQ(back->events[at], expected) << "block " << block << " event " << i;
    }
  }
}

TEST_F(DamageTest, ATruncatedFileGivesItsWholeBlocksAndSaysThatTheRestIsUnknown) {
  const std::string bytes = bytes_.substr(0, blocks_[4].offset + 50);
  const auto back = ReadFromString(bytes, kSalvage);
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_THAT(back->events, SizeIs(41));
  std::vector<Event> expected = Without({4, 5});
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), back->events.begin()));
  EXPECT_EQ(back->events.back().kind, EventKind::kLost);
  EXPECT_EQ(back->events.back().bytes_req, 0u);
  EXPECT_TRUE(DamageOf(bytes).tail_lost);
  // Tables come from the start section and the blocks.
  EXPECT_EQ(back->header.call_sites, trace_.header.call_sites);
  EXPECT_EQ(back->header.kernel_release, "6.1.192");
  EXPECT_EQ(back->header.sidecars, trace_.header.sidecars);
  EXPECT_EQ(back->header.event_count, 41u);
}

TEST_F(DamageTest, ADamagedEndSectionLosesNoEvent) {
  const std::string bytes = WithFlip(bytes_.size() - 40);
  const auto back = ReadFromString(bytes, kSalvage);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->events, trace_.events);
  EXPECT_EQ(DamageOf(bytes).events_lost, 0u);
  EXPECT_FALSE(DamageOf(bytes).tail_lost);
  EXPECT_TRUE(DamageOf(bytes).any());
}

TEST_F(DamageTest, WithoutTheIndexALostBlockIsStillCounted) {
  std::string bytes = WithFlip(blocks_[2].offset + 40);
  bytes[bytes.size() - 40] ^= 1;
  const auto back = ReadFromString(bytes, kSalvage);
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_THAT(back->events, SizeIs(51));
  EXPECT_EQ(back->events[20].kind, EventKind::kLost);
  EXPECT_EQ(back->events[20].bytes_req, 10u);
}

// The property: whatever is flipped or cut, salvaging gives events that were recorded, in order,
// at most one block fewer for a flip, with counts that agree, or says that nothing is left.
TEST_F(DamageTest, WhateverIsFlippedAtMostOneBlockIsLost) {
  size_t lost_marks = 0;
  const std::vector<Event> recorded = Recorded(trace_.events, &lost_marks);
  for (size_t offset = 0; offset < bytes_.size(); ++offset) {
    const auto back = ReadFromString(WithFlip(offset, 0x10), kSalvage);
    ASSERT_TRUE(back.ok()) << offset << ": " << back.status();
    ASSERT_TRUE(DamageOf(WithFlip(offset, 0x10)).any()) << offset;
    ASSERT_LE(DamageOf(WithFlip(offset, 0x10)).events_lost, 10u);
    size_t marks = 0;
    const std::vector<Event> kept = Recorded(back->events, &marks);
    std::vector<Event> unmarked = recorded;
    for (Event& event : unmarked) event.predates_trace = false;
    ASSERT_GE(kept.size() + 10, recorded.size()) << offset;
    ASSERT_TRUE(IsSubsequence(kept, unmarked)) << offset;
    ASSERT_EQ(back->header.event_count, back->events.size());
  }
}

TEST_F(DamageTest, WhereverItIsCutAllWholeBlocksAreKept) {
  for (size_t length = 0; length < bytes_.size(); ++length) {
    const auto whole = std::count_if(
        blocks_.begin(), blocks_.end(),
        [length](const TraceBlock& block) { return block.offset + block.bytes <= length; });
    const auto back = ReadFromString(bytes_.substr(0, length), kSalvage);
    if (!back.ok()) {
      ASSERT_EQ(whole, 0);
      continue;
    }
    ASSERT_GE(back->events.size(), static_cast<size_t>(whole) * 10);
    const auto kept = static_cast<ptrdiff_t>(whole) * 10;
    ASSERT_TRUE(
        std::equal(back->events.begin(), back->events.begin() + kept, trace_.events.begin()))
        << length;
  }
}

TEST_F(DamageTest, AnyAmountOfDamageIsSurvived) {
  Random random(99);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = bytes_;
    for (uint64_t flips = 1 + random.Below(20); flips > 0; --flips) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
    }
    if (random.Chance(1, 3)) bytes.resize(random.Below(bytes.size()));
    const auto back = ReadFromString(bytes, kSalvage);
    if (!back.ok()) continue;
    ASSERT_TRUE(std::is_sorted(back->events.begin(), back->events.end(),
                               [](const Event& a, const Event& b) { return a.time < b.time; }));
    for (const Event& event : back->events) {
      ASSERT_LT(event.call_site, back->header.call_sites.size());
      ASSERT_LT(event.gfp, back->header.gfp_flags.size());
      ASSERT_LT(event.cpu, back->header.cpu_count);
    }
  }
}

}  // namespace
}  // namespace slablab
