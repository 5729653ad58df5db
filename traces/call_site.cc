// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/call_site.h"

#include <charconv>
#include <system_error>

namespace slablab {

namespace {

bool ParseHexAll(std::string_view digits, uint64_t* value) {
  const char* const end = digits.data() + digits.size();
  const auto [read, error] = std::from_chars(digits.data(), end, *value, 16);
  return error == std::errc() && read == end;
}

}  // namespace

bool ParseKernelAddress(std::string_view text, uint64_t* address) {
  const bool has_prefix = text.starts_with("0x");
  if (!has_prefix && text.size() != 16 && text.size() != 8) return false;
  return ParseHexAll(has_prefix ? text.substr(2) : text, address) && *address >> 31 != 0;
}

CallSite ParseCallSite(std::string_view name) {
  CallSite site;
  if (const size_t module = name.find(" ["); module != std::string_view::npos) {
    site.module = std::string(name.substr(module + 2, name.find(']', module) - module - 2));
    name = name.substr(0, module);
  }
  if (ParseKernelAddress(name, &site.address)) return site;
  site.address = 0;
  const size_t plus = name.rfind("+0x");
  site.function = std::string(name.substr(0, plus));
  if (plus == std::string_view::npos) return site;
  const std::string_view offset = name.substr(plus + 3);
  if (!ParseHexAll(offset.substr(0, offset.find('/')), &site.offset)) site.offset = 0;
  return site;
}

}  // namespace slablab
