// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/text/mail.h"

#include <string_view>

#include "base/printable.h"
#include "reports/text/sections.h"

namespace slablab {
namespace {

// A word as a shell takes it, so that it can be broken anywhere but behind a backslash.
std::string ForShell(const std::string& word) {
  std::string text;
  for (const char c : PrintableAscii(word)) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-_./=,:@%+").find(c) != std::string_view::npos;
    if (!plain) text += '\\';
    text += c;
  }
  return text.empty() ? "''" : text;
}

}  // namespace

std::vector<std::string> ShellLines(const std::vector<std::string>& words, size_t columns) {
  constexpr size_t kTail = 2;  // " \"
  std::vector<std::string> lines = {"  "};
  bool begun = false;
  for (const std::string& word : words) {
    std::string text = ForShell(word);
    if (begun && lines.back().size() + 1 + text.size() + kTail > columns) {
      lines.back() += " \\";
      lines.emplace_back("    ");
      begun = false;
    }
    if (begun) lines.back() += ' ';
    // A word that is longer than a line goes on at the very start of the next.
    while (lines.back().size() + text.size() + kTail > columns) {
      size_t room = columns - kTail - lines.back().size();
      const size_t plain = text.find_last_not_of('\\', room - 1);
      if ((room - 1 - plain) % 2 == 1) --room;
      lines.back() += text.substr(0, room) + '\\';
      text.erase(0, room);
      lines.emplace_back();
    }
    lines.back() += text;
    begun = true;
  }
  return lines;
}

void AppendReproduction(const RunResult& first,
                        const std::vector<std::vector<std::string>>& commands, TextPage& page) {
  page.Paragraph(fmt::format("To reproduce, with slablab {} (trace {:016x}, end state {:016x}):",
                             Shortened(first.config().slablab_version(), 16),
                             first.digests().trace(), first.digests().end_state()));
  for (const std::vector<std::string>& command : commands) {
    for (const std::string& line : ShellLines(command, kMailColumns)) page.Line(line);
  }
}

std::string RunMailText(const RunResult& result,
                        const std::vector<std::vector<std::string>>& commands) {
  TextPage page(/*colour=*/false, kMailColumns);
  AppendHeadline(result, page);
  page.Blank();
  AppendReproduction(result, commands, page);
  return page.Take();
}

}  // namespace slablab
