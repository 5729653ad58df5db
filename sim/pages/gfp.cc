// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/pages/gfp.h"

#include <array>

namespace slablab {

namespace {

struct GfpName {
  std::string_view name;
  Gfp flags;
};

// Linux 2.6.32 to 6.18, include/linux/gfp*.h and include/trace/events/mmflags.h.
constexpr std::array kNames = {
    GfpName{"GFP_KERNEL", kGfpKernel},
    GfpName{"GFP_KERNEL_ACCOUNT", kGfpKernel | Gfp::kAccount},
    GfpName{"GFP_ATOMIC", kGfpAtomic},
    GfpName{"GFP_NOWAIT", kGfpNoWait},
    GfpName{"GFP_NOIO", kGfpReclaim},
    GfpName{"GFP_NOFS", kGfpReclaim | Gfp::kIo},
    GfpName{"GFP_TEMPORARY", kGfpKernel | Gfp::kReclaimable},
    GfpName{"GFP_USER", kGfpKernel | Gfp::kHardwall},
    GfpName{"GFP_HIGHUSER", kGfpKernel | Gfp::kHardwall},
    GfpName{"GFP_HIGHUSER_MOVABLE", kGfpKernel | Gfp::kHardwall | Gfp::kMovable},
    GfpName{"GFP_TRANSHUGE", kGfpKernel | Gfp::kHardwall | Gfp::kMovable | Gfp::kCompound |
                                 Gfp::kNoMemalloc | Gfp::kNoWarn},
    GfpName{"GFP_TRANSHUGE_LIGHT", Gfp::kIo | Gfp::kFs | Gfp::kHardwall | Gfp::kMovable |
                                       Gfp::kCompound | Gfp::kNoMemalloc | Gfp::kNoWarn},
    GfpName{"GFP_DMA", Gfp::kDma},
    GfpName{"GFP_DMA32", Gfp::kDma32},
    GfpName{"__GFP_DMA", Gfp::kDma},
    GfpName{"__GFP_DMA32", Gfp::kDma32},
    GfpName{"__GFP_HIGH", Gfp::kHigh},
    GfpName{"__GFP_ATOMIC", Gfp::kAtomic},
    GfpName{"__GFP_IO", Gfp::kIo},
    GfpName{"__GFP_FS", Gfp::kFs},
    GfpName{"__GFP_NOWARN", Gfp::kNoWarn},
    GfpName{"__GFP_RETRY_MAYFAIL", Gfp::kRetryMayFail},
    GfpName{"__GFP_NOFAIL", Gfp::kNoFail},
    GfpName{"__GFP_NORETRY", Gfp::kNoRetry},
    GfpName{"__GFP_COMP", Gfp::kCompound},
    GfpName{"__GFP_ZERO", Gfp::kZero},
    GfpName{"__GFP_NOMEMALLOC", Gfp::kNoMemalloc},
    GfpName{"__GFP_HARDWALL", Gfp::kHardwall},
    GfpName{"__GFP_THISNODE", Gfp::kThisNode},
    GfpName{"__GFP_RECLAIMABLE", Gfp::kReclaimable},
    GfpName{"__GFP_MOVABLE", Gfp::kMovable},
    GfpName{"__GFP_ACCOUNT", Gfp::kAccount},
    GfpName{"__GFP_RECLAIM", kGfpReclaim},
    GfpName{"__GFP_DIRECT_RECLAIM", Gfp::kDirectReclaim},
    GfpName{"__GFP_KSWAPD_RECLAIM", Gfp::kKswapdReclaim},
    GfpName{"__GFP_WAIT", Gfp::kDirectReclaim},
    GfpName{"__GFP_HIGHMEM", Gfp::kNone},
    GfpName{"__GFP_WRITE", Gfp::kNone},
    GfpName{"__GFP_MEMALLOC", Gfp::kNone},
    GfpName{"__GFP_COLD", Gfp::kNone},
    GfpName{"__GFP_NOTRACK", Gfp::kNone},
    GfpName{"__GFP_REPEAT", Gfp::kNone},
    GfpName{"__GFP_ZEROTAGS", Gfp::kNone},
    GfpName{"__GFP_SKIP_ZERO", Gfp::kNone},
    GfpName{"__GFP_SKIP_KASAN", Gfp::kNone},
    GfpName{"__GFP_SKIP_KASAN_POISON", Gfp::kNone},
    GfpName{"__GFP_SKIP_KASAN_UNPOISON", Gfp::kNone},
    GfpName{"__GFP_NOLOCKDEP", Gfp::kNone},
    GfpName{"__GFP_NO_OBJ_EXT", Gfp::kNone},
    GfpName{"none", Gfp::kNone},
};

}  // namespace

Gfp ParseGfp(std::string_view symbolic, std::string* unknown) {
  Gfp flags = Gfp::kNone;
  bool reported = false;
  while (!symbolic.empty()) {
    const size_t bar = symbolic.find('|');
    const std::string_view name = symbolic.substr(0, bar);
    symbolic = bar == std::string_view::npos ? std::string_view() : symbolic.substr(bar + 1);
    bool found = false;
    for (const GfpName& known : kNames) {
      if (known.name != name) continue;
      flags = flags | known.flags;
      found = true;
      break;
    }
    if (!found && !reported && unknown != nullptr) {
      *unknown = std::string(name);
      reported = true;
    }
  }
  return flags;
}

}  // namespace slablab
