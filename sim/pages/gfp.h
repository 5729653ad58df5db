// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_PAGES_GFP_H_
#define SLABLAB_SIM_PAGES_GFP_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace slablab {

// The request flags that change what an allocator does. The bits are our own (the kernel's differ
// from release to release); the names are those of include/linux/gfp_types.h.
enum class Gfp : uint32_t {
  kNone = 0,
  kDirectReclaim = 1 << 0,  // may sleep
  kKswapdReclaim = 1 << 1,  // may wake kswapd
  kHigh = 1 << 2,           // may dip into the reserves
  kAtomic = 1 << 3,
  kNoWarn = 1 << 4,
  kNoRetry = 1 << 5,
  kNoFail = 1 << 6,
  kNoMemalloc = 1 << 7,
  kCompound = 1 << 8,
  kZero = 1 << 9,
  kHardwall = 1 << 10,
  kThisNode = 1 << 11,
  kReclaimable = 1 << 12,
  kMovable = 1 << 13,
  kAccount = 1 << 14,
  kDma = 1 << 15,
  kDma32 = 1 << 16,
  kIo = 1 << 17,
  kFs = 1 << 18,
  kRetryMayFail = 1 << 19,
  kNoRecurse = 1 << 20,  // SLAB_ALLOC_NO_RECURSE, which travels beside the flags: for a sheaf
};
constexpr Gfp operator|(Gfp a, Gfp b) {
  return static_cast<Gfp>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}
constexpr Gfp operator&(Gfp a, Gfp b) {
  return static_cast<Gfp>(static_cast<uint32_t>(a) & static_cast<uint32_t>(b));
}
constexpr Gfp operator~(Gfp a) { return static_cast<Gfp>(~static_cast<uint32_t>(a)); }
// True if `flags` has any of `bits`.
constexpr bool Has(Gfp flags, Gfp bits) { return (flags & bits) != Gfp::kNone; }

// The usual combinations (Linux 6.1, include/linux/gfp_types.h).
inline constexpr Gfp kGfpReclaim = Gfp::kDirectReclaim | Gfp::kKswapdReclaim;
inline constexpr Gfp kGfpKernel = kGfpReclaim | Gfp::kIo | Gfp::kFs;
inline constexpr Gfp kGfpAtomic = Gfp::kHigh | Gfp::kAtomic | Gfp::kKswapdReclaim;
inline constexpr Gfp kGfpNoWait = Gfp::kKswapdReclaim;

// Reads "GFP_KERNEL|__GFP_ZERO" as tracepoints print it, in the spelling of any release. Names that
// change nothing here are passed over; `unknown`, if not null, is given the first that is not a gfp
// name at all, else left as it was.
Gfp ParseGfp(std::string_view symbolic, std::string* unknown);

}  // namespace slablab

#endif  // SLABLAB_SIM_PAGES_GFP_H_
