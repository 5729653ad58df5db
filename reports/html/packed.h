// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_HTML_PACKED_H_
#define SLABLAB_REPORTS_HTML_PACKED_H_

#include <string>
#include <string_view>

namespace slablab {

// Text as it stands in a page: gzipped, in base64, a quarter of its size. Nothing in it is markup.
// A browser reads it by atob() and DecompressionStream.
std::string Packed(std::string_view text);
// The text again. REQUIRES: it was packed.
std::string Unpacked(std::string_view packed);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_HTML_PACKED_H_
