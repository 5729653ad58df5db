// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SLT_ZSTD_H_
#define SLABLAB_TRACES_SLT_ZSTD_H_

#include <zstd.h>

#include <memory>
#include <string>
#include <string_view>

// libzstd's contexts, kept from call to call so that nothing is allocated a frame.

namespace slablab {

class ZstdCompressor {
 public:
  // REQUIRES: 1 <= level <= 22.
  explicit ZstdCompressor(int level);
  std::string Compress(std::string_view raw);

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
  std::string buffer_;
};

class ZstdDecompressor {
 public:
  ZstdDecompressor();
  // Fills `raw` exactly; false if the frame is damaged or holds any other number of bytes.
  bool Decompress(std::string_view frame, char* raw, size_t raw_bytes);
  // The same into a string that grows with what the frame really holds, so that a lie about
  // `raw_bytes` costs no memory.
  bool DecompressGrowing(std::string_view frame, size_t raw_bytes, std::string* raw);

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> context_;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_SLT_ZSTD_H_
