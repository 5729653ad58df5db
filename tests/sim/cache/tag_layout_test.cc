// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/cache/tag_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <vector>

#include "base/random.h"

namespace slablab {
namespace {

using Tag = TagLayout::Tag;

// The lines of a set, most recently used first, with their states.
class LeastRecentlyUsed {
 public:
  explicit LeastRecentlyUsed(int ways) : ways_(static_cast<size_t>(ways)) {}

  bool Use(Tag tag) {
    const auto at = Find(tag);
    if (at == tags_.end()) return false;
    tags_.splice(tags_.begin(), tags_, at);
    return true;
  }
  Tag Insert(Tag tag) {
    tags_.push_front(tag);
    if (tags_.size() <= ways_) return 0;
    const Tag victim = tags_.back();
    tags_.pop_back();
    return victim;
  }
  // Answers where it was, or -1.
  int Remove(Tag tag) {
    const auto at = Find(tag);
    if (at == tags_.end()) return -1;
    const auto way = std::distance(tags_.begin(), at);
    tags_.erase(at);
    return static_cast<int>(way);
  }
  const std::list<Tag>& tags() const { return tags_; }

 private:
  std::list<Tag>::iterator Find(Tag tag) {
    return std::find_if(tags_.begin(), tags_.end(),
                        [tag](Tag other) { return (other & ~TagLayout::kStateMask) == tag; });
  }
  size_t ways_;
  std::list<Tag> tags_;
};

// What is known when it is compiled does what is not.
template <int kSteps>
void CompareWithKnownSteps(const TagLayout& layout) {
  if (!layout.HasSteps<kSteps>()) return;
  std::vector<Tag> tags(layout.size());
  std::vector<Tag> others(layout.size());
  Random random(kSteps);
  for (int step = 0; step < 2000; ++step) {
    const uint64_t line = random.Below(layout.size() * 3 / 2);
    const auto tag = static_cast<Tag>((line + 1) << TagLayout::kTagStateBits);
    Tag* const set = layout.SetOf(tags.data(), line);
    Tag* const other = layout.SetOfAs<kSteps>(others.data(), line);
    ASSERT_EQ(other - others.data(), set - tags.data());
    ASSERT_EQ(layout.LastAs<kSteps>(other), layout.Last(set));
    ASSERT_EQ(layout.FindAs<kSteps>(other, tag), layout.Find(set, tag));
    const bool used = layout.Use(set, tag);
    ASSERT_EQ(layout.UseAs<kSteps>(other, tag), used);
    if (!used) {
      ASSERT_EQ(layout.InsertAs<kSteps>(other, tag), layout.Insert(set, tag));
    }
    ASSERT_EQ(others, tags);
  }
}

void CompareWithLists(uint64_t sets, int ways) {
  const TagLayout layout(
      {.size_bytes = sets * static_cast<uint64_t>(ways) * kLineSize, .ways = ways});
  std::vector<Tag> tags(layout.size());
  std::vector<LeastRecentlyUsed> lists(sets, LeastRecentlyUsed(ways));
  Random random(sets * 1000 + static_cast<uint64_t>(ways));
  const uint64_t lines = sets * static_cast<uint64_t>(ways) * 3 / 2 + 1;
  for (int step = 0; step < 4000; ++step) {
    const uint64_t line = random.Below(lines);
    const auto tag = static_cast<Tag>((line + 1) << TagLayout::kTagStateBits);
    Tag* const set = layout.SetOf(tags.data(), line);
    LeastRecentlyUsed& list = lists[line % sets];
    if (random.Chance(1, 10)) {
      const int way = layout.Find(set, tag);
      ASSERT_EQ(way, list.Remove(tag));
      if (way >= 0) layout.Remove(set, way);
    } else {
      bool used = false;
      if (layout.one_step() && random.Chance(1, 2)) {
        ASSERT_EQ(layout.OneStepSetOf(tags.data(), line), set);
        used = TagLayout::UseInOneStep(set, tag);
      } else {
        used = layout.Use(set, tag);
      }
      ASSERT_EQ(used, list.Use(tag));
      const auto state = static_cast<Tag>(random.Below(TagLayout::kStateMask + 1));
      if (!used) {
        ASSERT_EQ(layout.Insert(set, tag | state), list.Insert(tag | state));
      }
    }
    ASSERT_TRUE(std::equal(list.tags().begin(), list.tags().end(), set));
    if (list.tags().size() < static_cast<size_t>(ways)) {
      ASSERT_EQ(set[list.tags().size()], 0u);
    }
  }
}

// All that can be done to a set beside a list, for each number of ways that a step of the host's
// can end with, and with sets that need a division and sets that do not.
TEST(TagLayoutTest, DoesWhatListsDo) {
  for (const uint64_t sets : {1, 3, 4}) {
    for (int ways = 1; ways <= 33; ++ways) {
      SCOPED_TRACE(testing::Message() << sets << " sets of " << ways << " ways");
      CompareWithLists(sets, ways);
      const TagLayout layout(
          {.size_bytes = sets * static_cast<uint64_t>(ways) * kLineSize, .ways = ways});
      CompareWithKnownSteps<0>(layout);
      CompareWithKnownSteps<1>(layout);
      CompareWithKnownSteps<2>(layout);
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace slablab
