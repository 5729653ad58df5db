// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/html/packed.h"

#include <zlib.h>

#include <array>

#include "absl/strings/escaping.h"
#include "base/check.h"

namespace slablab {
namespace {

// zlib's way to ask for gzip's frame instead of its own.
constexpr int kGzipBits = 15 + 16;
constexpr int kMemoryLevel = 8;  // zlib's default

}  // namespace

std::string Packed(std::string_view text) {
  z_stream stream = {};
  CHECK_EQ(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipBits, kMemoryLevel,
                        Z_DEFAULT_STRATEGY),
           Z_OK);
  std::string bytes(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<unsigned>(text.size());
  stream.next_out = reinterpret_cast<unsigned char*>(bytes.data());
  stream.avail_out = static_cast<unsigned>(bytes.size());
  CHECK_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  bytes.resize(stream.total_out);
  deflateEnd(&stream);
  return absl::Base64Escape(bytes);
}

std::string Unpacked(std::string_view packed) {
  std::string bytes;
  CHECK(absl::Base64Unescape(absl::string_view(packed.data(), packed.size()), &bytes));
  z_stream stream = {};
  CHECK_EQ(inflateInit2(&stream, kGzipBits), Z_OK);
  stream.next_in = reinterpret_cast<unsigned char*>(bytes.data());
  stream.avail_in = static_cast<unsigned>(bytes.size());
  std::string text;
  std::array<char, 1 << 16> piece;
  int status = Z_OK;
  while (status == Z_OK) {
    stream.next_out = reinterpret_cast<unsigned char*>(piece.data());
    stream.avail_out = piece.size();
    status = inflate(&stream, Z_NO_FLUSH);
    text.append(piece.data(), piece.size() - stream.avail_out);
  }
  CHECK_EQ(status, Z_STREAM_END);
  inflateEnd(&stream);
  return text;
}

}  // namespace slablab
