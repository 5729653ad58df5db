// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_CALL_SITE_H_
#define SLABLAB_TRACES_CALL_SITE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace slablab {

// A call site as a recording names it: "d_alloc+0x2d", "d_alloc+0x2d/0x80",
// "ext4_init_io_end+0x1b [ext4]", "0xffffffff8123abcd" or, 8 or 16 digits long, without the 0x.
struct CallSite {
  uint64_t address = 0;       // 0: not known
  std::string function = {};  // empty: not known
  uint64_t offset = 0;        // from the function's start
  std::string module = {};    // empty: the kernel's own, or not known
};

// "0xffffffff8123abcd", "ffffffff8123abcd": an address of a kernel, of 32 bits at least, and not a
// name made of such letters.
bool ParseKernelAddress(std::string_view text, uint64_t* address);

// What is none of these is a function's name.
CallSite ParseCallSite(std::string_view name);

}  // namespace slablab

#endif  // SLABLAB_TRACES_CALL_SITE_H_
