// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu/map.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace slablab {
namespace {

constexpr uint64_t kHintsBytes = 32;  // sizeof(struct pcpu_block_md)

constexpr int AlignUp(int value, int align) { return (value + align - 1) / align * align; }

// Whether position `a` is a multiple of a larger power of two than `b`. Zero is one of every power.
bool IsBetterAligned(int a, int b) {
  if (b == 0) return false;
  return a == 0 ||
         std::countr_zero(static_cast<unsigned>(a)) > std::countr_zero(static_cast<unsigned>(b));
}

uint64_t BitmapBytes(int bits) { return static_cast<uint64_t>(bits + 63) / 64 * 8; }

}  // namespace

void PercpuHints::Reset(int all_bits) {
  *this = {.contig = all_bits, .left = all_bits, .right = all_bits, .bits = all_bits};
}

void PercpuHints::Learn(int start, int end) {
  const int run = end - start;
  first_free = std::min(first_free, start);
  if (start == 0) left = run;
  if (end == bits) right = run;
  if (run > contig) {
    if (start <= contig_start) {
      scan = 0;
    } else if (contig > scan) {
      scan_start = contig_start;
      scan = contig;
    } else if (start < scan_start) {
      scan = 0;  // It was as large as contig was; now it would be behind a larger one.
    }
    contig_start = start;
    contig = run;
  } else if (run == contig) {
    if (IsBetterAligned(start, contig_start)) {
      contig_start = start;
      if (start < scan_start && contig > scan) scan = 0;
    } else if (start > scan_start || contig > scan) {
      scan_start = start;
      scan = run;
    }
  } else if (start < contig_start && (run > scan || (run == scan && start > scan_start))) {
    scan_start = start;
    scan = run;
  }
}

bool PercpuHints::Fits(int area_bits, int align) const {
  return AlignUp(contig_start, align) - contig_start + area_bits <= contig;
}

int PercpuHints::SearchFrom(int area_bits) const {
  const bool skips_scan = scan != 0 && contig_start > scan_start && area_bits > scan;
  return skips_scan ? scan_start + scan : first_free;
}

uint64_t PercpuMap::MetadataBytes(int pages) {
  const int bits = pages * kBlockBits;
  return BitmapBytes(bits) + BitmapBytes(bits + 1) + static_cast<uint64_t>(pages) * kHintsBytes;
}

PercpuMap::PercpuMap(const PercpuMetadata& metadata, uint64_t at, const Options& options)
    : metadata_(metadata),
      bits_(options.pages * kBlockBits),
      exact_free_hints_(options.exact_free_hints),
      blocks_at_(at + BitmapBytes(bits_) + BitmapBytes(bits_ + 1)),
      allocated_(metadata, at, bits_),
      bounds_(metadata, at + BitmapBytes(bits_), bits_ + 1),
      blocks_(static_cast<size_t>(options.pages)) {
  Reset();
}

void PercpuMap::Reset() {
  allocated_.Reset();
  bounds_.Reset();
  hints_.Reset(bits_);
  for (PercpuHints& block : blocks_) block.Reset(kBlockBits);
}

PercpuMap::Range PercpuMap::RangeOf(int bit, int bits) {
  const int last_bit = bit + bits - 1;
  return {.first = bit / kBlockBits,
          .start_at = bit % kBlockBits,
          .last = last_bit / kBlockBits,
          .end_at = last_bit % kBlockBits + 1};
}

const PercpuHints& PercpuMap::Block(Cpu& cpu, int block) const {
  const uint64_t at = blocks_at_ + static_cast<uint64_t>(block) * kHintsBytes;
  metadata_.Touch(cpu, at, 1, Access::kRead);
  return blocks_[static_cast<size_t>(block)];
}

PercpuHints& PercpuMap::ChangeBlock(Cpu& cpu, int block) {
  const uint64_t at = blocks_at_ + static_cast<uint64_t>(block) * kHintsBytes;
  metadata_.Touch(cpu, at, 1, Access::kWrite);
  return blocks_[static_cast<size_t>(block)];
}

// The position in the block; kBlockBits if there is none.
int PercpuMap::NextClearInBlock(Cpu& cpu, int block, int from) const {
  if (from >= kBlockBits) return kBlockBits;
  const int base = block * kBlockBits;
  return allocated_.NextClear(cpu, base + from, base + kBlockBits) - base;
}

// pcpu_next_md_free_region().
PercpuMap::Run PercpuMap::NextFreeRun(Cpu& cpu, int from) const {
  const int blocks = static_cast<int>(blocks_.size());
  Run run{.start = from};
  int begin = from % kBlockBits;
  for (int i = from / kBlockBits; i < blocks; ++i) {
    const PercpuHints& block = Block(cpu, i);
    if (run.bits > 0) {  // It came to the end of the block before, and goes on here.
      run.bits += block.left;
      if (block.left < kBlockBits) return run;
      continue;
    }
    // Not one that was seen before, nor one that is counted with the next block.
    if (block.contig > 0 && block.contig_start >= begin &&
        block.contig_start + block.contig < kBlockBits) {
      return {.start = i * kBlockBits + block.contig_start, .bits = block.contig};
    }
    begin = 0;
    run = {.start = (i + 1) * kBlockBits - block.right, .bits = block.right};
  }
  return run;
}

// pcpu_next_fit_region(). The run may be longer than what is asked for, and may begin with bits
// that are allocated: a search begins there.
PercpuMap::Run PercpuMap::NextFit(Cpu& cpu, Need need, int from) const {
  const int blocks = static_cast<int>(blocks_.size());
  Run run{.start = from};
  int begin = from % kBlockBits;
  for (int i = from / kBlockBits; i < blocks; ++i) {
    const PercpuHints& block = Block(cpu, i);
    if (run.bits != 0) {
      run.bits += block.left;
      if (run.bits >= need.bits) return run;
      if (block.left == kBlockBits) continue;
    }
    const int skipped = AlignUp(block.contig_start, need.align) - block.contig_start;
    if (block.contig > 0 && block.contig_start >= begin && block.contig >= skipped + need.bits) {
      const int start = block.SearchFrom(need.bits);
      return {.start = i * kBlockBits + start,
              .bits = skipped + need.bits + block.contig_start - start};
    }
    begin = 0;
    const int start = AlignUp(kBlockBits - block.right, need.align);
    run = {.start = i * kBlockBits + start, .bits = kBlockBits - start};
    if (run.bits >= need.bits) return run;
  }
  return {.start = bits_};
}

int PercpuMap::FindFit(Cpu& cpu, Need need, const PercpuBitmap* populated) const {
  if (!hints_.Fits(need.bits, need.align)) return -1;
  Run run = NextFit(cpu, need, hints_.SearchFrom(need.bits));
  while (run.start < bits_) {
    if (populated == nullptr) return run.start;
    // pcpu_is_populated(): else on behind the pages that are not.
    const int end = (run.start + run.bits + kBlockBits - 1) / kBlockBits;
    const int hole = populated->NextClear(cpu, run.start / kBlockBits, end);
    if (hole >= end) return run.start;
    run = NextFit(cpu, need, populated->NextSet(cpu, hole + 1, end) * kBlockBits);
  }
  return -1;
}

// pcpu_find_zero_area(): answers a bit beyond `end` if there is no such area. `skipped` is the
// largest run that was too small, with the best alignment.
int PercpuMap::FindZeroArea(Cpu& cpu, Need need, int from, int end, Run* skipped) const {
  for (;;) {
    const int bit = AlignUp(allocated_.NextClear(cpu, from, end), need.align);
    if (bit + need.bits > end) return bit + need.bits;
    const int hit = allocated_.NextSet(cpu, bit, bit + need.bits);
    if (hit == bit + need.bits) return bit;
    const int run = hit - bit;
    if (run > skipped->bits || (run == skipped->bits && IsBetterAligned(bit, skipped->start))) {
      *skipped = {.start = bit, .bits = run};
    }
    from = hit + 1;
  }
}

// pcpu_block_update_scan(): what the search passed by is a hint for its block.
void PercpuMap::LearnSkipped(Cpu& cpu, Run skipped) {
  const int block = skipped.start / kBlockBits;
  const int start = skipped.start % kBlockBits;
  if (start + skipped.bits > kBlockBits) return;
  // Alignment may have passed by bits just before it.
  const int base = block * kBlockBits;
  const int last = allocated_.LastSet(cpu, base, base + start) - base;
  ChangeBlock(cpu, block).Learn(last == start ? 0 : last + 1, start + skipped.bits);
}

PercpuMap::Taken PercpuMap::Take(Cpu& cpu, Need need, int from) {
  const int end = std::min(from + need.bits + kBlockBits, bits_);
  Run skipped;
  const int bit = FindZeroArea(cpu, need, from, end, &skipped);
  if (bit >= end) return {};
  if (skipped.bits > 0) LearnSkipped(cpu, skipped);
  allocated_.Set(cpu, bit, need.bits);
  bounds_.Set(cpu, bit, 1);
  bounds_.Clear(cpu, bit + 1, need.bits - 1);
  bounds_.Set(cpu, bit + need.bits, 1);
  if (bit == hints_.first_free) {
    hints_.first_free = allocated_.NextClear(cpu, bit + need.bits, bits_);
  }
  return {.bit = bit, .pages_begun = HintsAfterTaking(cpu, bit, need.bits)};
}

PercpuMap::Given PercpuMap::Give(Cpu& cpu, int bit) {
  CHECK(allocated_.Peek(bit));
  CHECK(bounds_.Peek(bit));
  const int bits = bounds_.NextSet(cpu, bit + 1, bits_) - bit;
  allocated_.Clear(cpu, bit, bits);
  hints_.first_free = std::min(hints_.first_free, bit);
  return {.bits = bits, .pages_freed = HintsAfterGiving(cpu, bit, bits)};
}

int PercpuMap::HideStart(Cpu& cpu, int bits) {
  if (bits == 0) return 0;
  allocated_.Set(cpu, 0, bits);
  bounds_.Set(cpu, 0, 1);
  bounds_.Set(cpu, bits, 1);
  hints_.first_free = bits;
  return HintsAfterTaking(cpu, 0, bits);
}

int PercpuMap::HideEnd(Cpu& cpu, int bits) {
  if (bits == 0) return 0;
  allocated_.Set(cpu, bits_ - bits, bits);
  bounds_.Set(cpu, bits_ - bits, 1);
  bounds_.Set(cpu, bits_, 1);
  return HintsAfterTaking(cpu, bits_ - bits, bits);
}

}  // namespace slablab
