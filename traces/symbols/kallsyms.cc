// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/symbols/kallsyms.h"

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
    std::string_view module = words.size() > 3 ? words[3] : std::string_view();
    if (module.size() > 2 && module.front() == '[') module = module.substr(1, module.size() - 2);
    symbols.functions_.push_back(
        {.address = address, .name = std::string(words[2]), .module = std::string(module)});
  }
  if (!lines->status().ok()) return lines->status();
  if (is_hidden) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: has no addresses: the kernel tells them to root alone (sudo cat /proc/kallsyms)",
        path));
  }
  std::stable_sort(symbols.functions_.begin(), symbols.functions_.end(),
                   [](const Function& a, const Function& b) { return a.address < b.address; });
  return symbols;
}

std::string Kallsyms::NameOf(uint64_t address) const {
  const CallSite site = Find(address);
  return site.function.empty() ? "" : fmt::format("{}+{:#x}", site.function, site.offset);
}

CallSite Kallsyms::Find(uint64_t address) const {
  const auto behind =
      std::upper_bound(functions_.begin(), functions_.end(), address,
                       [](uint64_t wanted, const Function& each) { return wanted < each.address; });
  if (behind == functions_.begin()) return {.address = address};
  const Function& function = *(behind - 1);
  if (address - function.address > kFunctionBytesMax) return {.address = address};
  return {.address = address,
          .function = function.name,
          .offset = address - function.address,
          .module = function.module};
}

uint64_t Kallsyms::AddressOf(std::string_view function) const {
  uint64_t address = 0;
  for (const Function& each : functions_) {
    if (!each.module.empty() || each.name != function) continue;
    if (address != 0) return 0;
    address = each.address;
  }
  return address;
}

}  // namespace slablab
