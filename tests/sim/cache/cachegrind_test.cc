// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "sim/cache/memory.h"
#include "sim/cache/tag_layout.h"
#include "tests/sim/test_machine.h"

// Our caches against valgrind's. A small program is run twice: under lackey, which prints every
// instruction fetched and every datum read or written, and under cachegrind, which counts the
// misses of that very stream. What lackey printed then goes through our caches, arranged as
// cachegrind's are: I1 and D1, and behind both one LL. Every count must be equal.

namespace slablab {
namespace {

struct Reference {
  char kind;  // I: instruction, L: load, S: store, M: modify, which cachegrind counts as a load
  uint64_t address;
  int bytes;
};

// As cachegrind names them: r and w for data read and written, i for instructions.
struct Misses {
  uint64_t refs_i = 0, i1 = 0, ll_i = 0;
  uint64_t refs_r = 0, d1_r = 0, ll_r = 0;
  uint64_t refs_w = 0, d1_w = 0, ll_w = 0;
  friend bool operator==(const Misses&, const Misses&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Misses& m) {
    return out << "I " << m.refs_i << " " << m.i1 << " " << m.ll_i << ", read " << m.refs_r << " "
               << m.d1_r << " " << m.ll_r << ", written " << m.refs_w << " " << m.d1_w << " "
               << m.ll_w;
  }
  void Count(char kind, bool l1_miss, bool ll_miss) {
    ++(kind == 'I' ? refs_i : kind == 'S' ? refs_w : refs_r);
    (kind == 'I' ? i1 : kind == 'S' ? d1_w : d1_r) += l1_miss;
    (kind == 'I' ? ll_i : kind == 'S' ? ll_w : ll_r) += ll_miss;
  }
};

struct Geometries {
  CacheGeometry i1;
  CacheGeometry d1;
  CacheGeometry ll;
};

std::string Flag(const char* name, const CacheGeometry& geometry) {
  return std::string(" --") + name + "=" + std::to_string(geometry.size_bytes) + "," +
         std::to_string(geometry.ways) + ",64";
}

std::vector<Reference> RecordWithLackey(const std::string& program) {
  const std::string command =
      "valgrind --tool=lackey --trace-mem=yes --basic-counts=no --vgdb=no "
      "--log-fd=1 " +
      program;
  std::vector<Reference> stream;
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return stream;
  char line[256];
  while (std::fgets(line, sizeof(line), pipe) != nullptr) {
    Reference reference;
    // "I  04001000,3" or " L 1ffeffe7e,8"; everything else is talk.
    if (std::sscanf(line, " %c %" SCNx64 ",%d", &reference.kind, &reference.address,
                    &reference.bytes) != 3) {
      continue;
    }
    stream.push_back(reference);
  }
  EXPECT_EQ(pclose(pipe), 0) << command;
  return stream;
}

Misses CountWithCachegrind(const std::string& program, const Geometries& geometries) {
  const std::string output = testing::TempDir() + "/cachegrind.out";
  const std::string command =
      "valgrind --tool=cachegrind --cache-sim=yes --vgdb=no --cachegrind-out-file=" + output +
      // It has something to say of the host's own caches, which are not simulated.
      " --log-file=" + output + ".log" + Flag("I1", geometries.i1) + Flag("D1", geometries.d1) +
      Flag("LL", geometries.ll) + " " + program;
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  std::ifstream in(output);
  std::string line;
  bool events_as_expected = false;
  Misses misses;
  while (std::getline(in, line)) {
    if (line.rfind("events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw", 0) == 0) {
      events_as_expected = true;
    }
    if (line.rfind("summary: ", 0) != 0) continue;
    std::istringstream figures(line.substr(9));
    figures >> misses.refs_i >> misses.i1 >> misses.ll_i >> misses.refs_r >> misses.d1_r >>
        misses.ll_r >> misses.refs_w >> misses.d1_w >> misses.ll_w;
  }
  EXPECT_TRUE(events_as_expected);
  return misses;
}

uint64_t FirstLine(const Reference& reference) { return reference.address / kLineSize; }
uint64_t LastLine(const Reference& reference) {
  return (reference.address + static_cast<uint64_t>(reference.bytes) - 1) / kLineSize;
}

struct TaggedCache {
  explicit TaggedCache(const CacheGeometry& geometry) : layout(geometry), tags(layout.size()) {}
  const TagLayout layout;
  std::vector<TagLayout::Tag> tags;
};

// Looks up every line of a reference and answers whether any was missing. A reference that lies on
// two lines is one miss at most, but uses both (valgrind 3.19, cachegrind's cg_sim.c).
bool Misses1(TaggedCache* cache, const Reference& reference) {
  bool missed = false;
  for (uint64_t line = FirstLine(reference); line <= LastLine(reference); ++line) {
    const auto tag = static_cast<TagLayout::Tag>((line + 1) << TagLayout::kTagStateBits);
    TagLayout::Tag* set = cache->layout.SetOf(cache->tags.data(), line);
    if (cache->layout.Use(set, tag)) continue;
    cache->layout.Insert(set, tag);
    missed = true;
  }
  return missed;
}

Misses CountWithTagLayouts(const std::vector<Reference>& stream, const Geometries& geometries) {
  TaggedCache i1(geometries.i1);
  TaggedCache d1(geometries.d1);
  TaggedCache ll(geometries.ll);
  Misses misses;
  for (const Reference& reference : stream) {
    const bool l1_miss = Misses1(reference.kind == 'I' ? &i1 : &d1, reference);
    misses.Count(reference.kind, l1_miss, l1_miss && Misses1(&ll, reference));
  }
  return misses;
}

// The same with the whole memory system. Instructions go through a core of their own, which shares
// the LLC with the core that touches data. REQUIRES: no reference lies on two lines.
Misses CountWithMemory(const std::vector<Reference>& stream, const Geometries& geometries) {
  EXPECT_EQ(geometries.i1, geometries.d1);  // All L1s of a machine are alike.
  TestMachineOptions options = {.cores = 2, .cores_per_domain = 2};
  options.l1 = geometries.d1;
  options.llc = geometries.ll;
  options.frames_per_node = 4096;
  Memory memory(TestMachine(options));
  Misses misses;
  for (const Reference& reference : stream) {
    EXPECT_EQ(FirstLine(reference), LastLine(reference));
    const PhysAddr address(reference.address);
    const bool in_llc = memory.LlcHolds(DomainId(0), address);
    const Access access =
        reference.kind == 'I' || reference.kind == 'L' ? Access::kRead : Access::kWrite;
    const Outcome outcome =
        memory.Touch(CoreId(reference.kind == 'I' ? 1 : 0), address, access).outcome;
    const bool l1_miss = outcome != Outcome::kL1 && outcome != Outcome::kUpgrade;
    EXPECT_EQ(outcome == Outcome::kLlc, l1_miss && in_llc);
    EXPECT_EQ(outcome == Outcome::kDramLocal, l1_miss && !in_llc);
    misses.Count(reference.kind, l1_miss, l1_miss && !in_llc);
  }
  return misses;
}

// Cachegrind takes powers of two only.
const Geometries kGeometries[] = {
    {.i1 = Geometry(64, 8), .d1 = Geometry(64, 8), .ll = Geometry(512, 8)},
    {.i1 = Geometry(4, 1), .d1 = Geometry(4, 1), .ll = Geometry(64, 2)},
    {.i1 = Geometry(1, 4), .d1 = Geometry(1, 4), .ll = Geometry(16, 16)},
};
// And with an I1 that differs from D1.
const Geometries kUnlike[] = {
    {.i1 = Geometry(2, 2), .d1 = Geometry(1, 32), .ll = Geometry(2048, 1)},
    {.i1 = Geometry(8, 1), .d1 = Geometry(64, 1), .ll = Geometry(1, 256)},
};

TEST(CachegrindTest, MemoryAndTagLayoutsCountTheSameMisses) {
  const std::string program = "tests/sim/cache/address_stream";
  const std::vector<Reference> stream = RecordWithLackey(program);
  ASSERT_GT(stream.size(), 100'000u);
  for (const Geometries& geometries : kGeometries) {
    const Misses cachegrind = CountWithCachegrind(program, geometries);
    EXPECT_GT(cachegrind.d1_r, 1000u);
    EXPECT_GT(cachegrind.ll_r, 100u);
    EXPECT_GT(cachegrind.ll_w, 100u);
    EXPECT_EQ(CountWithTagLayouts(stream, geometries), cachegrind);
    EXPECT_EQ(CountWithMemory(stream, geometries), cachegrind);
  }
}

TEST(CachegrindTest, TagLayoutsCountTheSameMissesOfAccessesOnTwoLines) {
  const std::string program = "tests/sim/cache/straddling_address_stream";
  const std::vector<Reference> stream = RecordWithLackey(program);
  ASSERT_GT(stream.size(), 100'000u);
  uint64_t straddling = 0;
  for (const Reference& reference : stream) {
    straddling += reference.kind != 'I' && FirstLine(reference) != LastLine(reference);
  }
  EXPECT_GT(straddling, 1000u);
  for (const Geometries& geometries : kUnlike) {
    const Misses cachegrind = CountWithCachegrind(program, geometries);
    EXPECT_GT(cachegrind.d1_w, 1000u);
    EXPECT_EQ(CountWithTagLayouts(stream, geometries), cachegrind);
  }
}

}  // namespace
}  // namespace slablab
