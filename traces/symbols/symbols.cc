// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/symbols/symbols.h"

#include <utility>

#include "base/gz_input.h"

namespace slablab {

namespace {

constexpr std::string_view kText = "_text";  // where a kernel begins

}  // namespace

absl::Status Symbols::ReadKallsyms(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<Kallsyms> kallsyms = Kallsyms::Parse(*text, path);
  if (!kallsyms.ok()) return kallsyms.status();
  kallsyms_ = *std::move(kallsyms);
  text_ = kallsyms_->AddressOf(kText);
  return absl::OkStatus();
}

absl::Status Symbols::AddDebugFile(const std::string& path) {
  absl::StatusOr<std::unique_ptr<DebugFile>> file = DebugFile::Open(path);
  if (!file.ok()) return file.status();
  files_.push_back(*std::move(file));
  return absl::OkStatus();
}

uint64_t Symbols::AddressIn(const DebugFile& file, const CallSite& site) const {
  if (site.address != 0 && file.module().empty() && site.module.empty()) {
    const uint64_t linked = file.AddressOf(kText);
    // Without kallsyms it is taken not to have been moved.
    const uint64_t runs = kallsyms_.has_value() ? text_ : linked;
    if (runs != 0 && linked != 0) return site.address - runs + linked;
  }
  if (site.function.empty() || site.module != file.module()) return 0;
  const uint64_t function = file.AddressOf(site.function);
  return function == 0 ? 0 : function + site.offset;
}

Symbol Symbols::Find(const CallSite& asked) const {
  Symbol symbol{.site = asked, .frames = {}};
  if (asked.function.empty() && asked.address != 0 && kallsyms_.has_value()) {
    symbol.site = kallsyms_->Find(asked.address);
  }
  for (const std::unique_ptr<DebugFile>& file : files_) {
    const uint64_t address = AddressIn(*file, symbol.site);
    if (address == 0) continue;
    symbol.frames = file->FramesAt(address - 1);
    if (symbol.frames.empty()) continue;
    // The outermost function is the one that has the code.
    if (symbol.site.function.empty()) {
      symbol.site.function = symbol.frames.back().function;
      const uint64_t begin = file->AddressOf(symbol.site.function);
      if (begin != 0 && begin <= address) symbol.site.offset = address - begin;
    }
    break;
  }
  return symbol;
}

}  // namespace slablab
