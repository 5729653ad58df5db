// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Each invariant of a trace, broken once.

#include "traces/validate.h"

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/traces/random_trace.h"
#include "traces/slt/trace.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Violations(const TraceHeader& header, const std::vector<Event>& events,
                                    bool check_header = false) {
  TraceValidator validator(header, 100);
  for (const Event& event : events) validator.Check(event);
  if (check_header) validator.CheckHeader();
  std::vector<std::string> texts;
  for (const Violation& violation : validator.violations()) {
    texts.push_back(std::to_string(violation.event) + ": " + violation.what);
  }
  return texts;
}

TraceHeader TwoCpus() {
  TraceHeader header;
  header.cpu_count = 2;
  header.node_count = 1;
  header.caches.resize(3);
  header.call_sites.resize(2);
  header.gfp_flags.resize(2);
  return header;
}

Event Alloc(TraceObject object, uint64_t address, uint32_t bytes = 64) {
  Event event;
  event.kind = EventKind::kKmalloc;
  event.object = object;
  event.address = address;
  event.bytes_req = event.bytes_alloc = bytes;
  return event;
}

Event Free(TraceObject object, uint64_t address) {
  Event event;
  event.kind = EventKind::kKfree;
  event.object = object;
  event.address = address;
  return event;
}

Event With(Event event, const std::function<void(Event&)>& change) {
  change(event);
  return event;
}

TEST(ValidateTest, WhatAKernelCouldRecordIsValid) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Trace trace = RandomTrace({.seed = seed, .events = 3000});
    // A written trace has its header's counts.
    trace = *ReadFromString(*WriteToString(trace, {.zstd_level = 1}));
    EXPECT_THAT(Violations(trace.header, trace.events, true), IsEmpty());
  }
}

TEST(ValidateTest, TimeDoesNotGoBack) {
  const Event late = With({}, [](Event& e) { e.time = 9; });
  EXPECT_THAT(Violations(TwoCpus(), {late, Event()}),
              ElementsAre(HasSubstr("1: time 0 is before")));
}

TEST(ValidateTest, IndicesAreInTheTables) {
  const auto broken = [](const std::function<void(Event&)>& change) {
    return Violations(TwoCpus(), {With(Alloc(1, 64), change)});
  };
  EXPECT_THAT(broken([](Event& e) { e.cpu = 2; }), ElementsAre(HasSubstr("0: CPU 2")));
  EXPECT_THAT(broken([](Event& e) { e.node = 1; }), ElementsAre(HasSubstr("node 1")));
  EXPECT_THAT(broken([](Event& e) { e.node = -2; }), ElementsAre(HasSubstr("node -2")));
  EXPECT_THAT(broken([](Event& e) { e.call_site = 2; }), ElementsAre(HasSubstr("call site 2")));
  EXPECT_THAT(broken([](Event& e) { e.gfp = 2; }), ElementsAre(HasSubstr("gfp flags 2")));
  EXPECT_THAT(broken([](Event& e) { e.cache = 3; }), ElementsAre(HasSubstr("cache 3")));
}

TEST(ValidateTest, AllocationsAreOfNewObjects) {
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(2, 64)}),
              ElementsAre(HasSubstr("object 2 is new, but the next new object is 1")));
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(1, 64), Alloc(1, 128)}),
              ElementsAre(HasSubstr("1: object 1 is allocated a second time")));
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(1, 0)}), ElementsAre(HasSubstr("without an address")));
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(0, 64)}), ElementsAre(HasSubstr("but no object")));
  EXPECT_THAT(
      Violations(TwoCpus(), {With(Alloc(1, 64), [](Event& e) { e.predates_trace = true; })}),
      ElementsAre(HasSubstr("an allocation is marked as predating")));
  const auto by_rcu = [](Event& e) { e.by_rcu = true; };
  EXPECT_THAT(Violations(TwoCpus(), {With(Alloc(1, 64), by_rcu)}),
              ElementsAre(HasSubstr("an allocation is marked as a free by RCU")));
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(1, 64), With(Free(1, 64), by_rcu)}),
              ElementsAre(HasSubstr("that was recorded is marked as one by RCU")));
  EXPECT_THAT(
      Violations(TwoCpus(),
                 {Alloc(1, 64), With(Free(1, 64), [](Event& e) { e.by_rcu = e.inferred = true; })}),
      IsEmpty());
  EXPECT_THAT(Violations(TwoCpus(), {With(Alloc(1, 64), [](Event& e) { e.bytes_alloc = 8; })}),
              ElementsAre(HasSubstr("8 bytes were given where 64 were asked for")));
}

// Two objects of 64 bytes: B moves over A, which stays at [256, 320).
//
//   address   192       256       320
//   A                   |AAAAAAAAA|
//   193           |BBBBBBBB|            overlaps
//   192       |BBBBBBBBB|               does not
TEST(ValidateTest, LiveObjectsDoNotOverlap) {
  for (uint64_t address = 150; address < 360; ++address) {
    const bool overlaps = address > 192 && address < 320;
    EXPECT_EQ(Violations(TwoCpus(), {Alloc(1, 256), Alloc(2, address)}).size(), overlaps ? 1u : 0u)
        << address;
  }
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(1, 256), Alloc(2, 320), Alloc(3, 128, 400)}),
              ElementsAre(HasSubstr("overlaps object 1"), HasSubstr("overlaps object 2")));
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(1, 256), Free(1, 256), Alloc(2, 256)}), IsEmpty());
}

TEST(ValidateTest, HashedAddressesAreOnlyCompared) {
  TraceHeader header = TwoCpus();
  header.addresses = AddressKind::kHashed;
  EXPECT_THAT(Violations(header, {Alloc(1, 256), Alloc(2, 257)}), IsEmpty());
  EXPECT_THAT(Violations(header, {Alloc(1, 256), Alloc(2, 256)}),
              ElementsAre(HasSubstr("overlaps object 1")));
}

TEST(ValidateTest, PagesObjectsAndChunksAreSpacesOfTheirOwn) {
  const auto page = [](Event& e) { e.kind = EventKind::kPageAlloc; };
  const auto area = [](Event& e) { e.kind = EventKind::kPercpuAlloc; };
  const auto area_of_2 = [](Event& e) {
    e.kind = EventKind::kPercpuAlloc;
    e.cache = 2;
  };
  const auto order_2 = [](Event& e) { e.bytes_alloc = 2; };
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(1, 256), With(With(Alloc(2, 256), page), order_2),
                                     With(Alloc(3, 256), area), With(Alloc(4, 256), area_of_2)}),
              IsEmpty());
  EXPECT_THAT(Violations(TwoCpus(), {With(With(Alloc(1, 256), page), order_2),
                                     With(With(Alloc(2, 259), page), order_2),
                                     With(With(Alloc(3, 263), page), order_2)}),
              ElementsAre(AllOf(HasSubstr("1: object 2"), HasSubstr("of size 4 overlaps"))))
      << "259 is in 256..259, 263 is behind 259..262";
}

TEST(ValidateTest, FreesNameLiveObjectsWhereTheyAre) {
  EXPECT_THAT(Violations(TwoCpus(), {Free(1, 64)}),
              ElementsAre(HasSubstr("object 1 is freed and was never allocated")));
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(1, 64), Free(1, 64), Free(1, 64)}),
              ElementsAre(HasSubstr("2: object 1 is freed a second time")));
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(1, 64), Free(1, 72)}),
              ElementsAre(HasSubstr("freed at 0x48 but was allocated at 0x40")));
  EXPECT_THAT(Violations(TwoCpus(), {Free(0, 64)}), ElementsAre(HasSubstr("has no object")));
  EXPECT_THAT(Violations(TwoCpus(), {Free(0, 0)}), IsEmpty());
}

TEST(ValidateTest, FreesBelongToTheirAllocations) {
  const auto from_cache = [](uint16_t cache) {
    return [cache](Event& e) {
      e.kind = Allocates(e.kind) ? EventKind::kCacheAlloc : EventKind::kCacheFree;
      e.cache = cache;
    };
  };
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(1, 64), With(Free(1, 64), from_cache(1))}),
              ElementsAre(HasSubstr("of kmalloc is freed by kmem_cache_free")));
  EXPECT_THAT(Violations(TwoCpus(), {With(Alloc(1, 64), from_cache(1)), Free(1, 64)}), IsEmpty());
  EXPECT_THAT(
      Violations(TwoCpus(), {With(Alloc(1, 64), from_cache(1)), With(Free(1, 64), from_cache(2))}),
      ElementsAre(HasSubstr("of cache 1 is freed to cache 2")));
}

TEST(ValidateTest, FreesThatPredateTheTraceAreOfWhatItDoesNotAllocate) {
  const auto predates = [](Event& e) { e.predates_trace = true; };
  EXPECT_THAT(Violations(TwoCpus(), {With(Free(1, 64), predates)}), IsEmpty());
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(1, 64), With(Free(1, 64), predates)}),
              ElementsAre(HasSubstr("object 1 is marked as predating the trace, which allocates")));
  EXPECT_THAT(Violations(TwoCpus(), {Alloc(1, 64), With(Free(2, 64), predates)}),
              ElementsAre(HasSubstr("but object 1 is live there")));
}

TEST(ValidateTest, WhatLostEventsExplainIsCountedApart) {
  Event lost;
  lost.kind = EventKind::kLost;
  lost.bytes_req = 3;
  TraceHeader header = TwoCpus();
  TraceValidator validator(header, 10);
  for (const Event& event : {Alloc(1, 64), lost, Alloc(2, 64)}) validator.Check(event);
  EXPECT_EQ(validator.violation_count(), 0u);
  EXPECT_EQ(validator.explained_by_loss(), 1u);
}

TEST(ValidateTest, WhatFreesOnOtherCpusExplainIsCountedApart) {
  TraceHeader header = TwoCpus();
  header.of_some_cpus = true;
  TraceValidator validator(header, 10);
  for (const Event& event : {Alloc(1, 64), Alloc(2, 64)}) validator.Check(event);
  EXPECT_EQ(validator.violation_count(), 0u);
  EXPECT_EQ(validator.explained_by_loss(), 1u);
}

TEST(ValidateTest, TheHeaderAgreesWithTheEvents) {
  Trace trace = *ReadFromString(*WriteToString(RandomTrace({.events = 50}), {}));
  trace.header.lost_events += 1;
  trace.header.events_digest ^= 1;
  EXPECT_THAT(Violations(trace.header, trace.events, true),
              ElementsAre(HasSubstr("number of lost events"), HasSubstr("digest")));
}

TEST(ValidateTest, OnlySoManyViolationsAreKept) {
  TraceHeader header = TwoCpus();
  TraceValidator validator(header, 2);
  for (int i = 0; i < 5; ++i) validator.Check(Free(0, 64));
  EXPECT_EQ(validator.violations().size(), 2u);
  EXPECT_EQ(validator.violation_count(), 5u);
}

}  // namespace
}  // namespace slablab
