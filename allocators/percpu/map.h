// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_PERCPU_MAP_H_
#define SLABLAB_ALLOCATORS_PERCPU_MAP_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/types.h"
#include "sim/core/cpu.h"

// Which granules of a chunk are allocated, and where to look for free ones (Linux 6.1, mm/percpu.c,
// mm/percpu-internal.h).
//
// A granule of 4 bytes is a bit. One bitmap says which are allocated, a second where areas begin
// and end. A block is the bits of one page; hints for each block, and for the chunk as a whole, say
// how much is contiguously free and where, so that a search reads few bitmap words:
//
//   first_free  no free bit lies before it
//   contig      the largest free run known, at contig_start
//   scan        the largest known before it, at scan_start; behind it only if equal in size
//   left, right the free runs at both ends, from which runs over several blocks are put together
//
// Hints may know less than there is, never more. The chunk's contig may be short by up to a page.
//
// Everything here runs under the allocator's lock. Reads and writes of bitmap and hints are charged
// to the CPU, line by line.

namespace slablab {

// Where a chunk's bitmaps and hints lie: pages that need not be neighbours.
class PercpuMetadata {
 public:
  PercpuMetadata() = default;
  explicit PercpuMetadata(std::vector<PhysAddr> pages) : pages_(std::move(pages)) {}
  // The bytes [at, at + bytes).
  void Touch(Cpu& cpu, uint64_t at, uint64_t bytes, Access access) const;
  const std::vector<PhysAddr>& pages() const { return pages_; }
  std::vector<PhysAddr>& pages() { return pages_; }

 private:
  std::vector<PhysAddr> pages_;
};

// A bitmap at `at` of a chunk's metadata. Searches answer `end` if there is no such bit before it.
class PercpuBitmap {
 public:
  PercpuBitmap(const PercpuMetadata& metadata, uint64_t at, int bits)
      : metadata_(metadata), at_(at), words_(static_cast<size_t>(bits + 63) / 64) {}

  int NextSet(Cpu& cpu, int from, int end) const { return Next(cpu, from, end, 0); }
  int NextClear(Cpu& cpu, int from, int end) const { return Next(cpu, from, end, ~uint64_t{0}); }
  // The last set bit of [begin, end); `end` if there is none. `begin` is a multiple of 64.
  int LastSet(Cpu& cpu, int begin, int end) const;
  void Set(Cpu& cpu, int from, int bits) { Fill(cpu, from, bits, true); }
  void Clear(Cpu& cpu, int from, int bits) { Fill(cpu, from, bits, false); }
  bool Test(Cpu& cpu, int bit) const;
  void Reset() { std::fill(words_.begin(), words_.end(), 0); }

  // Without paying.
  bool Peek(int bit) const { return words_[Index(bit)] >> (bit % 64) & 1; }
  int PeekNextSet(int from, int end) const { return Find(from, end, 0); }
  int PeekNextClear(int from, int end) const { return Find(from, end, ~uint64_t{0}); }

 private:
  static size_t Index(int bit) { return static_cast<size_t>(bit) / 64; }
  int Next(Cpu& cpu, int from, int end, uint64_t flip) const;
  int Find(int from, int end, uint64_t flip) const;
  void Fill(Cpu& cpu, int from, int bits, bool value);
  void Charge(Cpu& cpu, int first, int last, Access access) const;

  const PercpuMetadata& metadata_;
  const uint64_t at_;
  std::vector<uint64_t> words_;
};

// struct pcpu_block_md. Positions are relative to what the hints are of.
struct PercpuHints {
  int scan = 0;
  int scan_start = 0;
  int contig = 0;
  int contig_start = 0;
  int left = 0;
  int right = 0;
  int first_free = 0;
  int bits = 0;

  // All of `bits` free (pcpu_init_md_block).
  void Reset(int all_bits);
  // [start, end) is known to be a whole free run (pcpu_block_update).
  void Learn(int start, int end);
  // Whether an area of so many bits fits in the contig run (pcpu_check_block_hint).
  bool Fits(int area_bits, int align) const;
  // Where a search for so many bits begins (pcpu_next_hint).
  int SearchFrom(int area_bits) const;
};

class PercpuMap {
 public:
  static constexpr int kBlockBits = static_cast<int>(kPageSize) / 4;
  // Bytes of metadata that the maps and hints of so many pages take.
  static uint64_t MetadataBytes(int pages);

  struct Options {
    int pages = 0;
    // The kernel tells the chunk's hints of a free within one page only if that is the first page,
    // since it passes an end that is relative to the page. With this it always does.
    bool exact_free_hints = false;
  };
  // All free. Its words lie at `at` of the metadata, which must outlive it.
  PercpuMap(const PercpuMetadata& metadata, uint64_t at, const Options& options);
  void Reset();  // as new

  struct Need {
    int bits = 0;
    int align = 1;  // in bits
  };
  // Where the search for such an area begins, or -1: there is none that the hints know of. With
  // `populated`, only areas in pages of it. (pcpu_find_block_fit)
  int FindFit(Cpu& cpu, Need need, const PercpuBitmap* populated) const;
  struct Taken {
    int bit = -1;         // -1: nothing was found
    int pages_begun = 0;  // that were wholly free before
  };
  // Takes the first area at or behind `from` that fits, not farther than a block behind it.
  // (pcpu_alloc_area)
  Taken Take(Cpu& cpu, Need need, int from);
  struct Given {
    int bits = 0;
    int pages_freed = 0;  // that are wholly free now
  };
  // Frees the area that begins at `bit`. (pcpu_free_area)
  Given Give(Cpu& cpu, int bit);
  // Takes away bits that are not the chunk's own: pages at its ends that it shares. Answers how
  // many pages are no longer wholly free. (pcpu_alloc_first_chunk)
  int HideStart(Cpu& cpu, int bits);
  int HideEnd(Cpu& cpu, int bits);

  int bits() const { return bits_; }
  const PercpuHints& hints() const { return hints_; }
  bool PageIsFree(Cpu& cpu, int page) const { return Block(cpu, page).contig == kBlockBits; }
  // Without paying.
  const PercpuBitmap& allocated() const { return allocated_; }
  const PercpuBitmap& bounds() const { return bounds_; }
  const PercpuHints& block(int page) const { return blocks_[static_cast<size_t>(page)]; }
  // Aborts if a hint claims more than the bitmap has, or a wholly free block does not know it.
  void CheckInvariants() const;

 private:
  struct Run {
    int start = 0;  // bits_: there is none
    int bits = 0;
  };
  // Bits [bit, bit + bits) as first and last block and positions in them; end_at is 1 ..
  // kBlockBits.
  struct Range {
    int first = 0, start_at = 0;
    int last = 0, end_at = 0;
  };
  static Range RangeOf(int bit, int bits);

  const PercpuHints& Block(Cpu& cpu, int block) const;
  PercpuHints& ChangeBlock(Cpu& cpu, int block);
  int NextClearInBlock(Cpu& cpu, int block, int from) const;
  // The largest free run that begins at or behind `from`, by the blocks' hints alone.
  Run NextFreeRun(Cpu& cpu, int from) const;
  Run NextFit(Cpu& cpu, Need need, int from) const;
  int FindZeroArea(Cpu& cpu, Need need, int from, int end, Run* skipped) const;
  void LearnSkipped(Cpu& cpu, Run skipped);
  void RefreshBlock(Cpu& cpu, int block);
  void RefreshChunk(Cpu& cpu, bool full_scan);
  int HintsAfterTaking(Cpu& cpu, int bit, int bits);
  int TakeFromFirstBlock(Cpu& cpu, const Range& range, int bits);
  int TakeFromLaterBlocks(Cpu& cpu, const Range& range);
  int HintsAfterGiving(Cpu& cpu, int bit, int bits);

  const PercpuMetadata& metadata_;
  const int bits_;
  const bool exact_free_hints_;
  const uint64_t blocks_at_;
  PercpuBitmap allocated_;
  PercpuBitmap bounds_;
  PercpuHints hints_;                // of the chunk; in its descriptor
  std::vector<PercpuHints> blocks_;  // by page
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_PERCPU_MAP_H_
