// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/slt/zstd.h"

#include <algorithm>

#include "base/check.h"

namespace slablab {

ZstdCompressor::ZstdCompressor(int level) : context_(ZSTD_createCCtx()) {
  CHECK(context_ != nullptr);
  CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level)));
}

std::string ZstdCompressor::Compress(std::string_view raw) {
  buffer_.resize(ZSTD_compressBound(raw.size()));
  const size_t bytes =
      ZSTD_compress2(context_.get(), buffer_.data(), buffer_.size(), raw.data(), raw.size());
  CHECK(!ZSTD_isError(bytes));
  return buffer_.substr(0, bytes);
}

ZstdDecompressor::ZstdDecompressor() : context_(ZSTD_createDCtx()) { CHECK(context_ != nullptr); }

bool ZstdDecompressor::Decompress(std::string_view frame, char* raw, size_t raw_bytes) {
  const size_t bytes =
      ZSTD_decompressDCtx(context_.get(), raw, raw_bytes, frame.data(), frame.size());
  return !ZSTD_isError(bytes) && bytes == raw_bytes;
}

bool ZstdDecompressor::DecompressGrowing(std::string_view frame, size_t raw_bytes,
                                         std::string* raw) {
  raw->clear();
  ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
  ZSTD_inBuffer input = {frame.data(), frame.size(), 0};
  std::string chunk(ZSTD_DStreamOutSize(), '\0');
  for (;;) {
    ZSTD_outBuffer output = {chunk.data(), chunk.size(), 0};
    const size_t hint = ZSTD_decompressStream(context_.get(), &output, &input);
    if (ZSTD_isError(hint)) return false;
    if (output.pos > raw_bytes - raw->size()) return false;
    raw->append(chunk, 0, output.pos);
    if (hint == 0) return input.pos == input.size && raw->size() == raw_bytes;
    if (output.pos < output.size && input.pos == input.size) return false;  // cut short
  }
}

}  // namespace slablab
