// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/common/kmalloc.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "fmt/format.h"
#include "sim/pages/page_allocator.h"

namespace slablab {
namespace {

// The two classes that are not powers of two, and the class after which each is made.
constexpr int kIndex96 = 1;
constexpr int kIndex192 = 2;

uint32_t SizeOfIndex(int index) {
  if (index == kIndex96) return 96;
  if (index == kIndex192) return 192;
  return uint32_t{1} << index;
}

std::string_view PrefixOf(KmallocType type) {
  switch (type) {
    case KmallocType::kNormal:
      return "kmalloc-";
    case KmallocType::kCgroup:
      return "kmalloc-cg-";
    case KmallocType::kReclaim:
      return "kmalloc-rcl-";
    case KmallocType::kDma:
      return "dma-kmalloc-";
  }
  return "";
}

std::string SizeName(uint32_t size) {
  return size >= 1024 ? fmt::format("{}k", size / 1024) : fmt::format("{}", size);
}

}  // namespace

KmallocTable::KmallocTable(const KmallocOptions& options)
    : options_(options), caches_(kKmallocTypes + (options.copies.empty() ? 0 : kKmallocCopies)) {
  CHECK_GE(options_.shift_high, kShiftHigh);
  CHECK_LE(options_.shift_high, kShiftMost);
  for (auto& row : caches_) row.fill(kNoCache);
}

std::vector<int> KmallocTable::IndicesInOrder(KmallocType type) const {
  std::vector<int> indices;
  const bool odd_first =
      type == KmallocType::kDma ? options_.odd_dma_sizes_first : options_.odd_sizes_first;
  if (odd_first) indices = {kIndex96, kIndex192};
  for (int index = options_.shift_low; index <= options_.shift_high; ++index) {
    indices.push_back(index);
    if (odd_first) continue;
    if (options_.shift_low <= 5 && index == 6) indices.push_back(kIndex96);
    if (options_.shift_low <= 6 && index == 7) indices.push_back(kIndex192);
  }
  return indices;
}

std::vector<KmallocTable::Class> KmallocTable::Classes() const {
  std::vector<Class> classes;
  for (int t = 0; t < kKmallocTypes; ++t) {
    const auto type = static_cast<KmallocType>(t);
    if (type == KmallocType::kCgroup && !options_.cgroup) continue;
    if (type == KmallocType::kReclaim && !options_.reclaim) continue;
    if (type == KmallocType::kDma && !options_.zone_dma) continue;
    const int copies = type == KmallocType::kNormal && has_copies() ? kKmallocCopies : 0;
    for (int copy = 0; copy <= copies; ++copy) {
      for (int index : IndicesInOrder(type)) classes.push_back(ClassOf(type, copy, index));
    }
  }
  return classes;
}

KmallocTable::Class KmallocTable::ClassOf(KmallocType type, int copy, int index) const {
  const uint32_t size = SizeOfIndex(index);
  const std::string size_name = options_.names_in_bytes ? fmt::format("{}", size) : SizeName(size);
  const std::string prefix =
      copy > 0 ? fmt::format("{}{:02}-", options_.copies, copy) : std::string(PrefixOf(type));
  return {.type = type, .index = index, .copy = copy, .size = size, .name = prefix + size_name};
}

CacheId KmallocTable::CacheForModernName(std::string_view name) const {
  if (!options_.names_in_bytes) return kNoCache;
  for (const Class& modern : KmallocTable(KmallocOptions()).Classes()) {
    if (modern.name != name) continue;
    return CacheFor(modern.size, modern.type == KmallocType::kDma ? Gfp::kDma : Gfp::kNone);
  }
  return kNoCache;
}

void KmallocTable::Set(const Class& kmalloc_class, CacheId cache) {
  caches_[RowOf(kmalloc_class)][static_cast<size_t>(kmalloc_class.index)] = cache;
}

CacheId KmallocTable::Get(const Class& kmalloc_class) const {
  return caches_[RowOf(kmalloc_class)][static_cast<size_t>(kmalloc_class.index)];
}

size_t KmallocTable::RowOf(const Class& kmalloc_class) const {
  const int copy = kmalloc_class.copy;
  return static_cast<size_t>(copy > 0 ? kKmallocTypes + copy - 1
                                      : static_cast<int>(kmalloc_class.type));
}

// kmalloc_type(): only who asks for nothing in particular gets a copy.
size_t KmallocTable::RowFor(Gfp gfp, uint32_t caller) const {
  const KmallocType type = TypeOf(gfp);
  const int copy = has_copies() && type == KmallocType::kNormal ? CopyOf(caller) : 0;
  return RowOf({.type = type, .index = 0, .copy = copy, .size = 0, .name = ""});
}

// hash_64() of the caller's address and the seed. Callers have numbers here, and so they are taken
// to lie one behind the other.
int KmallocTable::CopyOf(uint32_t caller) const {
  constexpr uint64_t kGoldenRatio = 0x61C8864680B583EB;
  constexpr uint64_t kText = 0xffffffff81000000;
  const uint64_t address = kText + uint64_t{caller} * 16;
  return static_cast<int>(((address ^ options_.copy_seed) * kGoldenRatio) >> 60);
}

KmallocType KmallocTable::TypeOf(Gfp gfp) const {
  if (options_.zone_dma && Has(gfp, Gfp::kDma)) return KmallocType::kDma;
  if (options_.reclaim && Has(gfp, Gfp::kReclaimable)) return KmallocType::kReclaim;
  if (options_.cgroup && Has(gfp, Gfp::kAccount)) return KmallocType::kCgroup;
  return KmallocType::kNormal;
}

int KmallocTable::IndexOf(uint64_t bytes) const {
  CHECK_GE(bytes, 1u);
  CHECK_LE(bytes, size_max());
  if (bytes > 64 && bytes <= 96 && options_.shift_low <= 5) return kIndex96;
  if (bytes > 128 && bytes <= 192 && options_.shift_low <= 6) return kIndex192;
  return std::max(options_.shift_low, static_cast<int>(std::bit_width(bytes - 1)));
}

CacheId KmallocTable::CacheFor(uint64_t bytes, Gfp gfp, uint32_t caller) const {
  return caches_[RowFor(gfp, caller)][static_cast<size_t>(IndexOf(bytes))];
}

uint64_t KmallocTable::OffsetFor(uint64_t bytes, Gfp gfp, uint32_t caller) const {
  const auto row = static_cast<uint64_t>(RowFor(gfp, caller));
  return row * RowBytes() + static_cast<uint64_t>(IndexOf(bytes)) * 8;
}

uint64_t FrameCount(const MachineConfig& config) {
  uint64_t frames = 0;
  for (const NodeMemory& node : config.memory) {
    frames = std::max(frames, node.first_frame + node.frames);
  }
  return frames;
}

KmallocLarge::KmallocLarge(Machine& machine)
    : machine_(machine), blocks_(FrameCount(machine.config()), LazyUse::kSparse) {}

Task<PhysAddr> KmallocLarge::Alloc(Cpu& cpu, Request request) {
  CHECK_GT(request.bytes, KmallocTable::kSizeMax);
  const int order = std::bit_width((request.bytes - 1) >> kPageShift);
  if (order > kMaxPageOrder) co_return PhysAddr();
  const PageRequest pages{
      .order = order, .node = request.node, .gfp = request.gfp | Gfp::kCompound};
  const PhysAddr block = co_await machine_.pages().Alloc(cpu, pages);
  if (block.is_null()) co_return block;
  Block& held = blocks_[block.frame()];
  held = {.requested = static_cast<uint32_t>(request.bytes),
          .order_plus_1 = static_cast<uint8_t>(order + 1)};
  all_.Add(held);
  co_return block;
}

Task<void> KmallocLarge::Free(Cpu& cpu, PhysAddr block) {
  CHECK(Holds(block));
  const Block held = std::exchange(blocks_[block.frame()], Block());
  all_.Remove(held);
  co_await machine_.pages().Free(cpu, block, held.order_plus_1 - 1);
}

void KmallocLarge::AddOwn(PhysAddr block) {
  CHECK(Holds(block));
  own_.Add(blocks_[block.frame()]);
}

void KmallocLarge::RemoveOwn(PhysAddr block) {
  CHECK(Holds(block));
  own_.Remove(blocks_[block.frame()]);
}

void KmallocLarge::Fill(Footprint& footprint) const {
  footprint.large_blocks = all_.blocks;
  footprint.large_bytes = all_.bytes;
  footprint.large_requested_bytes = all_.requested;
  footprint.own_large_blocks = own_.blocks;
  footprint.own_large_bytes = own_.bytes;
  footprint.own_large_requested_bytes = own_.requested;
}

void KmallocLarge::Held::Add(const Block& block) {
  ++blocks;
  bytes += block.bytes();
  requested += block.requested;
}

void KmallocLarge::Held::Remove(const Block& block) {
  --blocks;
  bytes -= block.bytes();
  requested -= block.requested;
}

}  // namespace slablab
