// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// How hints follow what is taken and given back.

#include <algorithm>

#include "allocators/percpu/map.h"
#include "base/check.h"

namespace slablab {
namespace {

constexpr bool Overlap(int a, int a_end, int b, int b_end) { return a < b_end && b < a_end; }

}  // namespace

// pcpu_block_refresh_hint(): contig was broken. What scan knew takes its place, and the bitmap is
// read from there.
void PercpuMap::RefreshBlock(Cpu& cpu, int index) {
  PercpuHints& block = ChangeBlock(cpu, index);
  int from = block.first_free;
  if (block.scan != 0) {
    from = block.scan_start + block.scan;
    block.contig_start = block.scan_start;
    block.contig = block.scan;
    block.scan = 0;
  } else {
    block.contig = 0;
  }
  block.right = 0;
  const int base = index * kBlockBits;
  for (;;) {
    const int start = NextClearInBlock(cpu, index, from);
    if (start == kBlockBits) return;
    const int end = allocated_.NextSet(cpu, base + start + 1, base + kBlockBits) - base;
    block.Learn(start, end);
    from = end + 1;
  }
}

// pcpu_chunk_refresh_hint(): the same for the chunk, by the blocks' hints.
void PercpuMap::RefreshChunk(Cpu& cpu, bool full_scan) {
  int from = hints_.first_free;
  if (!full_scan && hints_.scan != 0) {
    from = hints_.scan_start + hints_.scan;
    hints_.contig_start = hints_.scan_start;
    hints_.contig = hints_.scan;
    hints_.scan = 0;
  } else {
    hints_.contig = 0;
  }
  for (Run run = NextFreeRun(cpu, from); run.start < bits_;
       run = NextFreeRun(cpu, run.start + run.bits + 1)) {
    hints_.Learn(run.start, run.start + run.bits);
  }
}

// The block that the area begins in. Answers 1 if it was wholly free, else 0.
int PercpuMap::TakeFromFirstBlock(Cpu& cpu, const Range& range, int bits) {
  PercpuHints& block = ChangeBlock(cpu, range.first);
  const int was_free = block.contig == kBlockBits ? 1 : 0;
  const int start = range.start_at;
  if (start == block.first_free) {
    block.first_free = NextClearInBlock(cpu, range.first, start + bits);
  }
  if (Overlap(block.scan_start, block.scan_start + block.scan, start, start + bits)) {
    block.scan = 0;
  }
  if (Overlap(block.contig_start, block.contig_start + block.contig, start, start + bits)) {
    if (start == 0) block.left = 0;
    RefreshBlock(cpu, range.first);
  } else {
    block.left = std::min(block.left, start);
    const bool ends_here = range.first == range.last;
    block.right = ends_here ? std::min(block.right, kBlockBits - range.end_at) : 0;
  }
  return was_free;
}

// The blocks between the first and the last, which are taken whole, and the last. Answers how many
// were wholly free.
int PercpuMap::TakeFromLaterBlocks(Cpu& cpu, const Range& range) {
  PercpuHints& block = ChangeBlock(cpu, range.last);
  const int between = range.last - range.first - 1;
  const int were_free = between + (block.contig == kBlockBits ? 1 : 0);
  block.first_free = NextClearInBlock(cpu, range.last, range.end_at);
  int whole_end = range.last;
  if (range.end_at == kBlockBits) {
    ++whole_end;
  } else {
    if (range.end_at > block.scan_start) block.scan = 0;
    block.left = 0;
    if (range.end_at > block.contig_start) {
      RefreshBlock(cpu, range.last);
    } else {
      block.right = std::min(block.right, kBlockBits - range.end_at);
    }
  }
  for (int i = range.first + 1; i < whole_end; ++i) {
    PercpuHints& whole = ChangeBlock(cpu, i);
    whole.scan = 0;
    whole.contig = 0;
    whole.left = 0;
    whole.right = 0;
  }
  return were_free;
}

// pcpu_block_update_hint_alloc(). Answers how many wholly free pages were begun.
int PercpuMap::HintsAfterTaking(Cpu& cpu, int bit, int bits) {
  const Range range = RangeOf(bit, bits);
  int begun = TakeFromFirstBlock(cpu, range, bits);
  if (range.first != range.last) begun += TakeFromLaterBlocks(cpu, range);
  if (Overlap(hints_.scan_start, hints_.scan_start + hints_.scan, bit, bit + bits)) {
    hints_.scan = 0;
  }
  if (Overlap(hints_.contig_start, hints_.contig_start + hints_.contig, bit, bit + bits)) {
    RefreshChunk(cpu, /*full_scan=*/false);
  }
  return begun;
}

// pcpu_block_update_hint_free(). Answers how many pages became wholly free.
int PercpuMap::HintsAfterGiving(Cpu& cpu, int bit, int bits) {
  const Range range = RangeOf(bit, bits);
  PercpuHints& first = ChangeBlock(cpu, range.first);
  // The free run around the area, as far as these blocks go. Often a contig run ends or begins
  // just there; else the bitmap is read.
  int start = range.start_at;
  if (start == first.contig_start + first.contig) {
    start = first.contig_start;
  } else {
    const int base = range.first * kBlockBits;
    const int last = allocated_.LastSet(cpu, base, base + start) - base;
    start = last == start ? 0 : last + 1;
  }
  int end = range.end_at;
  const PercpuHints& last = Block(cpu, range.last);
  if (end == last.contig_start) {
    end += last.contig;
  } else {
    const int base = range.last * kBlockBits;
    end = allocated_.NextSet(cpu, base + end, base + kBlockBits) - base;
  }

  const bool one_block = range.first == range.last;
  const int first_end = one_block ? end : kBlockBits;
  int freed = start == 0 && first_end == kBlockBits ? 1 : 0;
  first.Learn(start, first_end);
  if (!one_block) {
    if (end == kBlockBits) ++freed;
    ChangeBlock(cpu, range.last).Learn(0, end);
    freed += range.last - range.first - 1;
    for (int i = range.first + 1; i < range.last; ++i) ChangeBlock(cpu, i).Reset(kBlockBits);
  }
  // The chunk's hints are brought up to date only when a page came free or blocks are spanned. A
  // run within one block they would learn; but the kernel gives its end relative to the block, so
  // that only those of the first block arrive.
  if (!one_block || end - start >= kBlockBits) {
    RefreshChunk(cpu, /*full_scan=*/true);
  } else if (range.first == 0 || exact_free_hints_) {
    hints_.Learn(range.first * kBlockBits + start, range.first * kBlockBits + end);
  }
  return freed;
}

void PercpuMap::CheckInvariants() const {
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const PercpuHints& block = blocks_[i];
    const int base = static_cast<int>(i) * kBlockBits;
    const auto is_free = [&](int from, int bits) {
      return allocated_.PeekNextSet(base + from, base + from + bits) == base + from + bits;
    };
    CHECK(is_free(block.contig_start, block.contig));
    CHECK(block.scan == 0 || is_free(block.scan_start, block.scan));
    CHECK(is_free(0, block.left));
    CHECK(is_free(kBlockBits - block.right, block.right));
    CHECK_EQ(is_free(0, kBlockBits), block.contig == kBlockBits);
    CHECK_LE(block.first_free, allocated_.PeekNextClear(base, base + kBlockBits) - base);
  }
  CHECK_EQ(allocated_.PeekNextSet(hints_.contig_start, hints_.contig_start + hints_.contig),
           hints_.contig_start + hints_.contig);
  CHECK_LE(hints_.first_free, allocated_.PeekNextClear(0, bits_));
}

}  // namespace slablab
