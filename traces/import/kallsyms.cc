// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/kallsyms.h"

#include <algorithm>
#include <memory>

#include "base/gz_input.h"
#include "fmt/format.h"
#include "traces/import/readers/text_line.h"
#include "traces/sidecar/sidecar_text.h"

namespace slablab {
namespace {

// No function is longer: what lies behind the last of the kernel's text is no function's.
constexpr uint64_t kFunctionBytesMax = 1 << 20;

// "0xffffffff81648490", "ffffffff81648490": an address of a kernel, of 32 bits at least, and not a
// name made of such letters.
bool IsAddress(std::string_view call_site, uint64_t* address) {
  const bool has_prefix = call_site.starts_with("0x");
  if (!has_prefix && call_site.size() != 16 && call_site.size() != 8) return false;
  return internal::ParseHex(call_site, address) && *address >> 31 != 0;
}

}  // namespace

absl::StatusOr<Kallsyms> Kallsyms::Parse(std::string_view text, const std::string& path) {
  Kallsyms symbols;
  bool is_hidden = true;
  const std::unique_ptr<LineReader> lines = LineReader::Of(text, path);
  for (std::string_view line; lines->Next(&line);) {
    const std::vector<std::string_view> words = internal::Words(line);
    if (words.empty()) continue;
    uint64_t address = 0;
    if (words.size() < 3 || words[1].size() != 1 || !internal::ParseHex(words[0], &address)) {
      return internal::Expected(path, lines->line(), "'ADDRESS TYPE NAME'", line);
    }
    is_hidden = is_hidden && address == 0;
    if (std::string_view("tTwW").find(words[1][0]) == std::string_view::npos) continue;
    symbols.functions_.emplace_back(address, std::string(words[2]));
  }
  if (!lines->status().ok()) return lines->status();
  if (is_hidden) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: has no addresses: the kernel tells them to root alone (sudo cat /proc/kallsyms)",
        path));
  }
  std::stable_sort(symbols.functions_.begin(), symbols.functions_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return symbols;
}

std::string Kallsyms::NameOf(uint64_t address) const {
  const auto behind = std::upper_bound(
      functions_.begin(), functions_.end(), address,
      [](uint64_t wanted, const auto& function) { return wanted < function.first; });
  if (behind == functions_.begin()) return "";
  const auto& [start, name] = *(behind - 1);
  if (address - start > kFunctionBytesMax) return "";
  return fmt::format("{}+{:#x}", name, address - start);
}

absl::Status NamingSink::Append(const RawEvent& event) {
  uint64_t address = 0;
  if (!IsAddress(event.call_site, &address)) return sink_.Append(event);
  const auto [found, is_first] = names_.try_emplace(address);
  if (is_first && symbols_ != nullptr) found->second = symbols_->NameOf(address);
  if (found->second.empty()) {
    ++nameless_;
    return sink_.Append(event);
  }
  RawEvent named = event;
  named.call_site = found->second;
  return sink_.Append(named);
}

}  // namespace slablab
