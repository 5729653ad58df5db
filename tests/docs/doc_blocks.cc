// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/docs/doc_blocks.h"

#include <regex>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace slablab {
namespace {

constexpr size_t kIndent = 4;

size_t BlanksBefore(const std::string& line) {
  const size_t blanks = line.find_first_not_of(' ');
  return blanks == std::string::npos ? line.size() : blanks;
}

bool IsBlank(const std::string& line) { return BlanksBefore(line) == line.size(); }

// What the comment says of the block; a complaint if it is not one of those that there are.
std::string ReadDirective(const std::string& text, DocBlock* block) {
  static const std::regex& prints = *new std::regex(
      R"re(prints(?: (\d+) lines?)?(?: from "([^"]*)")?(?: to "([^"]*)")?: (.*))re");
  static const std::regex& other = *new std::regex(R"re((writes|file|parsed|as is): (.*))re");
  std::smatch match;
  if (std::regex_match(text, match, prints)) {
    block->kind = DocBlock::Kind::kPrints;
    if (match[1].matched && !absl::SimpleAtoi(match[1].str(), &block->count)) return text;
    block->from = match[2];
    block->to = match[3].matched && match[3].length() == 0 ? "\n" : match[3].str();
    block->subject = match[4];
    return "";
  }
  if (!std::regex_match(text, match, other)) return text;
  block->kind = match[1] == "writes"   ? DocBlock::Kind::kWrites
                : match[1] == "file"   ? DocBlock::Kind::kFile
                : match[1] == "parsed" ? DocBlock::Kind::kParsed
                                       : DocBlock::Kind::kAsIs;
  block->subject = match[2];
  return "";
}

// Reads blocks line by line.
class Reader {
 public:
  explicit Reader(const std::string& page) : lines_(absl::StrSplit(page, '\n')) {}

  std::vector<DocBlock> Read(std::string* complaint) {
    bool in_list = false;
    for (size_t i = 0; i < lines_.size();) {
      const std::string& line = lines_[i];
      const size_t blanks = BlanksBefore(line);
      if (absl::StartsWith(line.substr(blanks), "```")) {
        i = Fenced(i, blanks, complaint);
        continue;
      }
      // An item's paragraphs are indented too, and no code.
      if (absl::StartsWith(line, "- ")) in_list = true;
      if (!IsBlank(line) && blanks == 0 && !absl::StartsWith(line, "- ")) in_list = false;
      const bool begins = blanks >= kIndent && !IsBlank(line) && !in_list && i > 0 &&
                          (IsBlank(lines_[i - 1]) || absl::EndsWith(lines_[i - 1], "-->"));
      i = begins ? Indented(i, complaint) : i + 1;
    }
    return std::move(blocks_);
  }

 private:
  static bool IsComment(const std::string& line) {
    return absl::StartsWith(line.substr(BlanksBefore(line)), "<!--");
  }

  // The comment that ends in the line before `first`, in one piece; it may take several lines.
  std::string CommentBefore(size_t first) const {
    if (first == 0 || !absl::EndsWith(lines_[first - 1], "-->")) return "";
    size_t begin = first - 1;
    while (begin > 0 && !IsComment(lines_[begin])) --begin;
    std::vector<std::string> parts;
    for (size_t i = begin; i < first; ++i) {
      parts.emplace_back(absl::StripAsciiWhitespace(lines_[i]));
    }
    std::string text = absl::StrJoin(parts, " ");
    text = text.substr(4, text.size() - 7);
    return std::string(absl::StripAsciiWhitespace(text));
  }

  void Add(DocBlock block, const std::string& comment, std::string* complaint) {
    if (!comment.empty()) {
      const std::string bad = ReadDirective(comment, &block);
      if (!bad.empty()) {
        absl::StrAppend(complaint, "line ", block.line + 1, ": what is '", bad, "'?\n");
      }
    }
    for (size_t i = block.line; i < block.line + block.lines; ++i) {
      absl::StrAppend(&block.text, absl::StripPrefix(lines_[i], block.indent), "\n");
    }
    blocks_.push_back(std::move(block));
  }

  size_t Fenced(size_t fence, size_t blanks, std::string* complaint) {
    DocBlock block;
    block.line = fence + 1;
    block.indent = std::string(blanks, ' ');
    size_t end = block.line;
    while (end < lines_.size() &&
           !absl::StartsWith(lines_[end].substr(BlanksBefore(lines_[end])), "```"))
      ++end;
    block.lines = end - block.line;
    Add(std::move(block), CommentBefore(fence), complaint);
    return end + 1;
  }

  size_t Indented(size_t first, std::string* complaint) {
    DocBlock block;
    block.line = first;
    block.indent = std::string(kIndent, ' ');
    size_t end = first;
    while (end < lines_.size() && !IsBlank(lines_[end]) && BlanksBefore(lines_[end]) >= kIndent) {
      ++end;
    }
    block.lines = end - first;
    Add(std::move(block), CommentBefore(first), complaint);
    return end;
  }

  const std::vector<std::string> lines_;
  std::vector<DocBlock> blocks_;
};

}  // namespace

std::vector<DocBlock> BlocksOf(const std::string& page, std::string* complaint) {
  return Reader(page).Read(complaint);
}

std::string WithBlock(const std::string& page, const DocBlock& block, const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(page, '\n');
  std::vector<std::string> content = absl::StrSplit(absl::StripSuffix(text, "\n"), '\n');
  for (std::string& line : content) {
    if (!line.empty()) line.insert(0, block.indent);
  }
  const auto first = lines.begin() + static_cast<ptrdiff_t>(block.line);
  lines.erase(first, first + static_cast<ptrdiff_t>(block.lines));
  lines.insert(lines.begin() + static_cast<ptrdiff_t>(block.line), content.begin(), content.end());
  return absl::StrJoin(lines, "\n");
}

std::string Excerpt(const DocBlock& block, const std::string& output) {
  std::string excerpt;
  size_t taken = 0;
  bool begun = block.from.empty();
  for (const absl::string_view line : absl::StrSplit(absl::StripSuffix(output, "\n"), '\n')) {
    if (!begun && absl::StartsWith(line, block.from)) {
      begun = true;
    } else if (begun && !block.to.empty() && absl::StartsWith(absl::StrCat(line, "\n"), block.to)) {
      break;
    }
    if (!begun) continue;
    absl::StrAppend(&excerpt, line, "\n");
    if (++taken == block.count) break;
  }
  // The blank line between a section and the next belongs to neither.
  while (absl::EndsWith(excerpt, "\n\n")) excerpt.pop_back();
  return excerpt;
}

std::vector<std::string> CommandsOf(const std::string& text) {
  static const std::regex& comment = *new std::regex(R"re((^|\s+)#.*$)re");
  std::vector<std::string> commands;
  bool continued = false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    std::string bare = std::regex_replace(std::string(line), comment, "");
    bare = std::string(absl::StripTrailingAsciiWhitespace(bare));
    if (absl::StripAsciiWhitespace(bare).empty()) continue;
    const bool goes_on = absl::EndsWith(bare, "\\");
    if (goes_on) bare.pop_back();
    const bool is_more = continued || bare[0] == ' ';
    if (is_more && !commands.empty()) {
      absl::StrAppend(&commands.back(), " ", absl::StripAsciiWhitespace(bare));
    } else {
      commands.push_back(bare);
    }
    // "a |" goes on too.
    continued = goes_on || absl::EndsWith(bare, "|");
  }
  return commands;
}

std::vector<std::string> WordsOf(const std::string& command) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (const char c : command) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\n') {
      if (in_word) words.push_back(word);
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) words.push_back(word);
  return words;
}

std::vector<std::string> InlineCommands(const std::string& page) {
  static const std::regex& span = *new std::regex(R"re(`((?:\./)?slablab [^`]+)`)re");
  std::vector<std::string> commands;
  // A span may go on in the next line.
  std::string text = page;
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  for (std::sregex_iterator i(text.begin(), text.end(), span), end; i != end; ++i) {
    commands.push_back((*i)[1]);
  }
  return commands;
}

}  // namespace slablab
