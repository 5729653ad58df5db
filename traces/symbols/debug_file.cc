// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/symbols/debug_file.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace slablab {

namespace {

// Whatever else a file names as its debugging information is not looked for.
int FindNoDebugInfo(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*,
                    GElf_Word, char**) {
  return -1;
}

const Dwfl_Callbacks kCallbacks = {.find_elf = nullptr,
                                   .find_debuginfo = FindNoDebugInfo,
                                   .section_address = dwfl_offline_section_address,
                                   .debuginfo_path = nullptr};

// "nf_conntrack" of "nf-conntrack.ko.debug", as the kernel calls it.
std::string ModuleOf(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  const size_t end = name.find(".ko");
  if (end == std::string::npos) return "";
  name.resize(end);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string NameOf(Dwarf_Die& die) {
  Dwarf_Attribute attribute;
  const char* const name =
      dwarf_formstring(dwarf_attr_integrate(&die, DW_AT_name, &attribute));
  return name == nullptr ? "" : name;
}

// Where an inlined function was called.
void FillCall(Dwarf_Die& cu, Dwarf_Die& inlined, SourceFrame& caller) {
  Dwarf_Attribute attribute;
  Dwarf_Word number = 0;
  if (dwarf_formudata(dwarf_attr(&inlined, DW_AT_call_line, &attribute), &number) == 0) {
    caller.line = static_cast<uint32_t>(number);
  }
  Dwarf_Files* files = nullptr;
  if (dwarf_formudata(dwarf_attr(&inlined, DW_AT_call_file, &attribute), &number) == 0 &&
      dwarf_getsrcfiles(&cu, &files, nullptr) == 0) {
    const char* const file = dwarf_filesrc(files, number, nullptr, nullptr);
    if (file != nullptr) caller.file = file;
  }
}

// The compilation unit that has the code at an address. libdw looks in .debug_aranges, which clang
// does not write, so that it finds none, or the one before; then every unit is asked.
Dwarf_Die* UnitAt(Dwfl_Module* file, Dwarf_Addr address, Dwarf_Addr& bias) {
  Dwarf_Die* cu = dwfl_module_addrdie(file, address, &bias);
  if (cu != nullptr && dwarf_haspc(cu, address - bias) > 0) return cu;
  cu = nullptr;
  while ((cu = dwfl_module_nextcu(file, cu, &bias)) != nullptr) {
    if (dwarf_haspc(cu, address - bias) > 0) break;
  }
  return cu;
}

// The scopes that an address is in, the innermost first. dwarf_getscopes() answers around an
// inlined function what stands around its definition; asked again with the innermost scope,
// dwarf_getscopes_die() answers what it was inlined into.
std::vector<Dwarf_Die> ScopesAt(Dwarf_Die* cu, Dwarf_Addr address) {
  std::vector<Dwarf_Die> found;
  Dwarf_Die* innermost = nullptr;
  if (dwarf_getscopes(cu, address, &innermost) <= 0) return found;
  Dwarf_Die* scopes = nullptr;
  const int count = dwarf_getscopes_die(&innermost[0], &scopes);
  if (count > 0) found.assign(scopes, scopes + count);
  std::free(scopes);
  std::free(innermost);
  return found;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DebugFile>> DebugFile::Open(const std::string& path) {
  if (const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC); file < 0) {
    return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  } else {
    close(file);
  }
  std::unique_ptr<DebugFile> opened(new DebugFile(path, dwfl_begin(&kCallbacks)));
  dwfl_report_begin(opened->dwfl_);
  opened->file_ = dwfl_report_offline(opened->dwfl_, path.c_str(), path.c_str(), -1);
  dwfl_report_end(opened->dwfl_, nullptr, nullptr);
  if (opened->file_ == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no ELF file: ", dwfl_errmsg(-1)));
  }
  opened->module_ = ModuleOf(path);
  opened->ReadSymbols();
  return opened;
}

DebugFile::~DebugFile() { dwfl_end(dwfl_); }

void DebugFile::ReadSymbols() {
  const int count = dwfl_module_getsymtab(file_);
  for (int i = 0; i < count; ++i) {
    GElf_Sym symbol;
    GElf_Addr address = 0;
    const char* const name =
        dwfl_module_getsym_info(file_, i, &symbol, &address, nullptr, nullptr, nullptr);
    if (name == nullptr || name[0] == '\0' || symbol.st_shndx == SHN_UNDEF) continue;
    const int type = GELF_ST_TYPE(symbol.st_info);
    if (type != STT_FUNC && type != STT_NOTYPE && type != STT_OBJECT) continue;
    const auto [found, is_first] = addresses_.try_emplace(name, address);
    if (!is_first && found->second != address) found->second = 0;
  }
}

uint64_t DebugFile::AddressOf(std::string_view name) const {
  const auto found = addresses_.find(std::string(name));
  return found == addresses_.end() ? 0 : found->second;
}

std::vector<SourceFrame> DebugFile::FramesAt(uint64_t address) const {
  std::vector<SourceFrame> frames;
  Dwarf_Addr bias = 0;
  Dwarf_Die* const cu = UnitAt(file_, address, bias);
  if (cu == nullptr) return frames;
  SourceFrame code;
  if (Dwarf_Line* const line = dwarf_getsrc_die(cu, address - bias); line != nullptr) {
    int number = 0;
    const char* const file = dwarf_linesrc(line, nullptr, nullptr);
    if (file != nullptr) code.file = file;
    if (dwarf_lineno(line, &number) == 0) code.line = static_cast<uint32_t>(std::max(number, 0));
  }
  for (Dwarf_Die& scope : ScopesAt(cu, address - bias)) {
    const int tag = dwarf_tag(&scope);
    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
    code.function = NameOf(scope);
    frames.push_back(code);
    if (tag == DW_TAG_subprogram) break;
    code = SourceFrame();
    FillCall(*cu, scope, code);
  }
  return frames;
}

}  // namespace slablab
