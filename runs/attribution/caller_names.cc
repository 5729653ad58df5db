// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/attribution/caller_names.h"

#include <string>

#include "fmt/format.h"

namespace slablab {

std::string NameCallers(const Symbols& symbols, Attribution* attribution) {
  if (attribution->caller_kind() != "call site") return "";
  int sites = 0;
  int functions = 0;
  int sources = 0;
  for (Caller& caller : *attribution->mutable_callers()) {
    if (caller.name().empty()) continue;
    const Symbol symbol = symbols.Find({.address = caller.address(),
                                        .function = caller.function(),
                                        .offset = caller.offset(),
                                        .module = caller.module()});
    caller.set_address(symbol.site.address);
    caller.set_function(symbol.site.function);
    caller.set_offset(symbol.site.offset);
    caller.set_module(symbol.site.module);
    ++sites;
    functions += symbol.site.function.empty() ? 0 : 1;
    sources += symbol.frames.empty() ? 0 : 1;
    if (symbol.frames.empty()) continue;
    caller.clear_inlined();
    for (const SourceFrame& frame : symbol.frames) {
      if (&frame == &symbol.frames.back()) break;
      InlinedFrame& inlined = *caller.add_inlined();
      inlined.set_function(frame.function);
      inlined.set_file(frame.file);
      inlined.set_line(frame.line);
    }
    caller.set_file(symbol.frames.back().file);
    caller.set_line(symbol.frames.back().line);
  }
  std::string from = attribution->symbols();
  if (symbols.has_kallsyms()) from += from.empty() ? "kallsyms" : ", kallsyms";
  if (symbols.has_debug_files()) from += from.empty() ? "vmlinux" : ", vmlinux";
  attribution->set_symbols(from);
  return fmt::format("of {} call sites {} have a function's name, and {} their source from {}",
                     sites, functions, sources,
                     symbols.has_debug_files() ? "--vmlinux" : "no file, as none was given");
}

}  // namespace slablab
