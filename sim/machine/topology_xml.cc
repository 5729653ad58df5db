// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/topology_xml.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr size_t kDepthMax = 512;

bool IsBlank(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

bool IsNameByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == ':' ||
         c == '.';
}

struct Tag {
  enum class Kind { kOpen, kClose, kEmpty, kOther };  // kOther: a comment, a declaration
  Kind kind = Kind::kOther;
  std::string_view name;
  size_t begin = 0;  // offset of '<'
  size_t end = 0;    // behind '>'
  // Where the value of version="..." stands, without the quotes.
  std::optional<std::pair<size_t, size_t>> version;
};

// Cuts XML into tags. Knows no more of XML than what tells that a file is whole.
class TagReader {
 public:
  TagReader(std::string_view xml, std::string_view path) : xml_(xml), path_(path) {}

  absl::Status Error(size_t offset, std::string_view what) const {
    const auto line =
        1 + std::count(xml_.begin(), xml_.begin() + static_cast<ptrdiff_t>(offset), '\n');
    return absl::InvalidArgumentError(fmt::format("{}:{}: {}", path_, line, what));
  }

  // The next tag; nullopt at the end.
  absl::StatusOr<std::optional<Tag>> Next() {
    const size_t begin = xml_.find('<', at_);
    if (begin == std::string_view::npos) return std::optional<Tag>();
    Tag tag;
    tag.begin = begin;
    for (const auto& [open, close] : {std::pair<std::string_view, std::string_view>{"<!--", "-->"},
                                      {"<![CDATA[", "]]>"},
                                      {"<?", "?>"},
                                      {"<!", ">"}}) {
      if (xml_.substr(begin, open.size()) != open) continue;
      const size_t end = xml_.find(close, begin + open.size());
      if (end == std::string_view::npos) {
        return Error(begin,
                     fmt::format("the file ends within '{}', at byte {}", open, xml_.size()));
      }
      at_ = tag.end = end + close.size();
      return std::optional<Tag>(tag);
    }
    if (absl::Status status = ReadTag(&tag); !status.ok()) return status;
    at_ = tag.end;
    return std::optional<Tag>(tag);
  }

 private:
  absl::Status EndsWithin(const Tag& tag) const {
    return Error(tag.begin, fmt::format("the file ends within the tag <{}>, at byte {}", tag.name,
                                        xml_.size()));
  }

  absl::Status ReadTag(Tag* tag) {
    size_t at = tag->begin + 1;
    tag->kind = Tag::Kind::kOpen;
    if (at < xml_.size() && xml_[at] == '/') {
      tag->kind = Tag::Kind::kClose;
      ++at;
    }
    tag->name = NameAt(at);
    at += tag->name.size();
    if (at >= xml_.size()) return EndsWithin(*tag);
    if (tag->name.empty()) return Error(tag->begin, "expected the name of a tag behind '<'");
    for (;;) {
      while (at < xml_.size() && IsBlank(xml_[at])) ++at;
      if (at >= xml_.size()) return EndsWithin(*tag);
      if (xml_[at] == '>') break;
      if (xml_.substr(at, 2) == "/>") {
        if (tag->kind == Tag::Kind::kOpen) tag->kind = Tag::Kind::kEmpty;
        ++at;
        break;
      }
      if (xml_.substr(at) == "/") return EndsWithin(*tag);
      if (absl::Status status = ReadAttribute(&at, tag); !status.ok()) return status;
    }
    tag->end = at + 1;
    return absl::OkStatus();
  }

  absl::Status ReadAttribute(size_t* at, Tag* tag) {
    const std::string_view name = NameAt(*at);
    size_t next = *at + name.size();
    if (next >= xml_.size()) return EndsWithin(*tag);
    const char quote = next + 1 < xml_.size() ? xml_[next + 1] : '"';
    if (name.empty() || xml_[next] != '=' || (quote != '"' && quote != '\'')) {
      return Error(*at, fmt::format("expected an attribute NAME=\"VALUE\" in <{}>", tag->name));
    }
    const size_t value = next + 2;
    const size_t end = xml_.find(quote, value);
    if (end == std::string_view::npos || value > xml_.size()) return EndsWithin(*tag);
    if (name == "version") tag->version = {value, end};
    *at = end + 1;
    return absl::OkStatus();
  }

  std::string_view NameAt(size_t at) const {
    size_t end = std::min(at, xml_.size());
    while (end < xml_.size() && IsNameByte(xml_[end])) ++end;
    return xml_.substr(std::min(at, xml_.size()), end - std::min(at, xml_.size()));
  }

  const std::string_view xml_;
  const std::string_view path_;
  size_t at_ = 0;
};

// What there is to be known of a topology's tags before it is read.
struct Outline {
  std::optional<Tag> topology;
  std::vector<std::pair<size_t, size_t>> infos;  // <info> beside the root object: begin and end
};

absl::StatusOr<Outline> OutlineOf(std::string_view xml, std::string_view path) {
  Outline outline;
  TagReader reader(xml, path);
  std::vector<Tag> open;
  for (;;) {
    absl::StatusOr<std::optional<Tag>> next = reader.Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) break;
    const Tag& tag = **next;
    if (tag.kind == Tag::Kind::kOther) continue;
    if (tag.kind == Tag::Kind::kClose) {
      if (open.empty()) {
        return reader.Error(tag.begin, fmt::format("</{}> closes nothing", tag.name));
      }
      if (open.back().name != tag.name) {
        return reader.Error(
            tag.begin, fmt::format("</{}> where </{}> was expected", tag.name, open.back().name));
      }
      if (open.size() == 2 && tag.name == "info") {
        outline.infos.emplace_back(open.back().begin, tag.end);
      }
      open.pop_back();
      continue;
    }
    if (open.empty() && !outline.topology.has_value()) {
      if (tag.name != "topology") {
        return reader.Error(tag.begin,
                            fmt::format("expected <topology>, as lstopo writes it, found "
                                        "<{}>",
                                        tag.name));
      }
      outline.topology = tag;
    }
    if (open.size() == 1 && tag.name == "info" && tag.kind == Tag::Kind::kEmpty) {
      outline.infos.emplace_back(tag.begin, tag.end);
    }
    if (tag.kind == Tag::Kind::kOpen) open.push_back(tag);
    if (open.size() > kDepthMax) {
      return reader.Error(tag.begin, fmt::format("tags within tags, more than {} deep", kDepthMax));
    }
  }
  if (!open.empty()) {
    return reader.Error(xml.size(),
                        fmt::format("the file ends, at byte {}, before </{}>: it is not "
                                    "whole",
                                    xml.size(), open.back().name));
  }
  if (!outline.topology.has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: holds no <topology>, as lstopo writes it", path));
  }
  return outline;
}

}  // namespace

absl::StatusOr<std::string> ReadableXml(std::string_view xml, std::string_view path) {
  const absl::StatusOr<Outline> outline = OutlineOf(xml, path);
  if (!outline.ok()) return outline.status();
  if (!outline->topology->version.has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: a topology without a version, as hwloc 1 wrote it; write it anew with "
                    "lstopo of hwloc 2 "
                    "or 3: lstopo machine.xml",
                    path));
  }
  const auto [begin, end] = *outline->topology->version;
  const std::string_view version = xml.substr(begin, end - begin);
  int major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  if (major == 2) return std::string(xml);
  if (major != 3) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: a topology in version '{}' of hwloc's XML; versions 2 and 3 can be read. Have lstopo "
        "write one of version 2: lstopo --export-xml-flags v2 machine.xml",
        path, version));
  }
  std::string readable;
  size_t copied = 0;
  readable.append(xml, 0, begin);
  readable += "2.0";
  copied = end;
  for (const auto& [info_begin, info_end] : outline->infos) {
    readable.append(xml, copied, info_begin - copied);
    copied = info_end;
  }
  readable.append(xml, copied, xml.size() - copied);
  return readable;
}

}  // namespace slablab
