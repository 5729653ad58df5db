// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Names and sources for call sites: of a kernel compiled for this (kernel.c), and of a made-up
// kallsyms that says where it runs.

#include "traces/symbols/symbols.h"

#include <string>
#include <tuple>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runs/attribution/caller_names.h"
#include "tests/test_files.h"
#include "traces/call_site.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kLinked = 0xffffffff81000000;  // as BUILD links it
constexpr uint64_t kMoved = 0x1e00000;            // by KASLR

std::string Kernel() { return Runfile("tests/traces/symbols/vmlinux"); }
std::string Module() { return Runfile("tests/traces/symbols/demo-mod.ko"); }

std::string WriteFile(const std::string& name, const std::string& text) {
  const std::string path = NewFolder() + "/" + name;
  WriteContents(path, text);
  return path;
}

// Behind the last code of `function` that has so many frames. Of what is inlined and ends with a
// call, that is where the call returns to.
uint64_t ReturnOf(const DebugFile& file, const std::string& function, size_t frames) {
  const uint64_t begin = file.AddressOf(function);
  EXPECT_NE(begin, 0u);
  uint64_t end = begin;
  for (uint64_t address = begin; address < begin + 64; ++address) {
    const std::vector<SourceFrame> at = file.FramesAt(address);
    if (at.size() == frames && at.back().function == function) end = address + 1;
  }
  EXPECT_NE(end, begin) << function << " has no code of " << frames << " frames";
  return end;
}

std::vector<std::tuple<std::string, uint32_t>> Lines(const std::vector<SourceFrame>& frames) {
  std::vector<std::tuple<std::string, uint32_t>> lines;
  for (const SourceFrame& frame : frames) {
    EXPECT_THAT(frame.file, HasSubstr("kernel.c"));
    lines.emplace_back(frame.function, frame.line);
  }
  return lines;
}

// Of the call in kernel.c that two functions were inlined around.
auto IsWholeChain() {
  return ElementsAre(std::tuple("inner", 7u), std::tuple("middle", 10u), std::tuple("outer", 13u));
}

// Every function of the kernel's as kallsyms has it where it runs.
std::string KallsymsOf(const DebugFile& kernel, uint64_t moved) {
  std::string text = fmt::format("{:016x} T _text\n", kLinked + moved);
  for (const char* name : {"allocate", "outer", "plain"}) {
    text += fmt::format("{:016x} t {}\n", kernel.AddressOf(name) + moved, name);
  }
  return text + "ffffffffc0001000 t in_module\t[demo_mod]\n";
}

TEST(CallSiteTest, IsReadInEveryFormThatRecordingsHave) {
  const auto parts = [](const char* name) {
    const CallSite site = ParseCallSite(name);
    return std::tuple(site.address, site.function, site.offset, site.module);
  };
  using Parts = std::tuple<uint64_t, std::string, uint64_t, std::string>;
  EXPECT_EQ(parts("d_alloc+0x2d"), Parts(0, "d_alloc", 0x2d, ""));
  EXPECT_EQ(parts("d_alloc+0x2d/0x80"), Parts(0, "d_alloc", 0x2d, ""));
  EXPECT_EQ(parts("end_io+0x1b [ext4]"), Parts(0, "end_io", 0x1b, "ext4"));
  EXPECT_EQ(parts("ffffffff8123abcd"), Parts(0xffffffff8123abcd, "", 0, ""));
  EXPECT_EQ(parts("0xffffffff8123abcd"), Parts(0xffffffff8123abcd, "", 0, ""));
  EXPECT_EQ(parts("cafe0000"), Parts(0xcafe0000, "", 0, ""));
  EXPECT_EQ(parts("deadbeefdeadbeefs"), Parts(0, "deadbeefdeadbeefs", 0, ""));
  EXPECT_EQ(parts("kfree"), Parts(0, "kfree", 0, ""));
  EXPECT_EQ(parts(""), Parts(0, "", 0, ""));
}

TEST(SymbolsTest, ACallHasItsLineAndWhatWasInlinedAroundIt) {
  const auto kernel = DebugFile::Open(Kernel());
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ((*kernel)->module(), "");
  EXPECT_EQ((*kernel)->AddressOf("_text"), kLinked);
  const uint64_t call = ReturnOf(**kernel, "outer", 3);
  Symbols symbols;
  ASSERT_TRUE(symbols.AddDebugFile(Kernel()).ok());
  const uint64_t offset = call - (*kernel)->AddressOf("outer");
  const Symbol found = symbols.Find({.function = "outer", .offset = offset});
  EXPECT_THAT(Lines(found.frames), IsWholeChain());
  const Symbol plain = symbols.Find({.function = "plain", .offset = 5});
  EXPECT_THAT(Lines(plain.frames), ElementsAre(std::tuple("plain", 16u)));
  EXPECT_THAT(symbols.Find({.function = "nobody", .offset = 5}).frames, IsEmpty());
}

TEST(SymbolsTest, EveryKindOfFileHasTheWholeChain) {
  for (const char* kind : {"", ".dwarf4", ".dwarf5", ".no-aranges"}) {
    for (const std::string& path : {Kernel() + kind, Module() + kind}) {
      SCOPED_TRACE(path);
      const auto file = DebugFile::Open(path);
      ASSERT_TRUE(file.ok()) << file.status();
      const uint64_t outer = ReturnOf(**file, "outer", 3);
      EXPECT_THAT(Lines((*file)->FramesAt(outer - 1)), IsWholeChain());
      // Of a module, in a section of its own.
      const uint64_t plain = (*file)->AddressOf("plain");
      EXPECT_THAT(Lines((*file)->FramesAt(plain)), ElementsAre(std::tuple("plain", 16u)));
    }
  }
}

TEST(SymbolsTest, AnAddressIsFoundWhereverTheKernelRan) {
  const auto kernel = DebugFile::Open(Kernel());
  ASSERT_TRUE(kernel.ok());
  const uint64_t call = ReturnOf(**kernel, "outer", 3);
  for (const uint64_t moved : {uint64_t{0}, kMoved}) {
    const std::string kallsyms = WriteFile(fmt::format("kallsyms-{}", moved),
                                               KallsymsOf(**kernel, moved));
    Symbols symbols;
    ASSERT_TRUE(symbols.ReadKallsyms(kallsyms).ok());
    ASSERT_TRUE(symbols.AddDebugFile(Kernel()).ok());
    const Symbol found = symbols.Find({.address = call + moved});
    EXPECT_EQ(found.site.function, "outer");
    EXPECT_EQ(found.site.offset, call - (*kernel)->AddressOf("outer"));
    EXPECT_EQ(found.frames.size(), 3u);
    // By kallsyms alone, the function is known and its source is not.
    Symbols names;
    ASSERT_TRUE(names.ReadKallsyms(kallsyms).ok());
    EXPECT_EQ(names.Find({.address = call + moved}).site.function, "outer");
    EXPECT_THAT(names.Find({.address = call + moved}).frames, IsEmpty());
    const CallSite module = names.Find({.address = 0xffffffffc0001010}).site;
    EXPECT_EQ(module.function, "in_module");
    EXPECT_EQ(module.module, "demo_mod");
  }
}

TEST(SymbolsTest, AModulesFileIsForItsOwnCallSitesAlone) {
  const auto module = DebugFile::Open(Module());
  ASSERT_TRUE(module.ok()) << module.status();
  EXPECT_EQ((*module)->module(), "demo_mod");
  const uint64_t offset =
      ReturnOf(**module, "plain", 1) - (*module)->AddressOf("plain");
  Symbols symbols;
  ASSERT_TRUE(symbols.AddDebugFile(Module()).ok());
  EXPECT_EQ(
      symbols.Find({.function = "plain", .offset = offset, .module = "demo_mod"}).frames.size(),
      1u);
  EXPECT_THAT(symbols.Find({.function = "plain", .offset = offset}).frames, IsEmpty());
}

TEST(SymbolsTest, WhatIsNoSuchFileIsSaid) {
  Symbols symbols;
  EXPECT_THAT(std::string(symbols.AddDebugFile("/no/such").message()), HasSubstr("/no/such"));
  const std::string text = WriteFile("text", "no ELF\n");
  EXPECT_THAT(std::string(symbols.AddDebugFile(text).message()), HasSubstr("is no ELF file"));
  EXPECT_THAT(std::string(symbols.ReadKallsyms(text).message()), HasSubstr("text:1: expected"));
}

TEST(CallerNamesTest, NameAndSourceAreFilledInAndTheRecordedNameStays) {
  const auto kernel = DebugFile::Open(Kernel());
  ASSERT_TRUE(kernel.ok());
  const uint64_t call = ReturnOf(**kernel, "outer", 3);
  Symbols symbols;
  ASSERT_TRUE(
      symbols.ReadKallsyms(WriteFile("kallsyms", KallsymsOf(**kernel, kMoved))).ok());
  ASSERT_TRUE(symbols.AddDebugFile(Kernel()).ok());
  Attribution attribution;
  attribution.set_caller_kind("call site");
  attribution.set_symbols("recording");
  attribution.add_callers();
  Caller& caller = *attribution.add_callers();
  caller.set_name(fmt::format("{:016x}", call + kMoved));
  caller.set_address(call + kMoved);
  EXPECT_EQ(NameCallers(symbols, &attribution),
            "of 1 call sites 1 have a function's name, and 1 their source from --vmlinux");
  EXPECT_EQ(caller.name(), fmt::format("{:016x}", call + kMoved));
  EXPECT_EQ(caller.function(), "outer");
  EXPECT_EQ(caller.line(), 13u);
  ASSERT_EQ(caller.inlined_size(), 2);
  EXPECT_EQ(caller.inlined(0).function(), "inner");
  EXPECT_EQ(caller.inlined(1).function(), "middle");
  EXPECT_EQ(caller.inlined(1).line(), 10u);
  EXPECT_EQ(attribution.symbols(), "recording, kallsyms, vmlinux");
  EXPECT_EQ(attribution.callers(0).function(), "");
}

}  // namespace
}  // namespace slablab
