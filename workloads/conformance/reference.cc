// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/conformance/reference.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "workloads/conformance/reference_checks.h"
#include "workloads/conformance/reference_head.h"
#include "workloads/conformance/reference_script.h"
#include "workloads/conformance/reference_text.h"

namespace slablab {
namespace {

bool ParseValue(std::string_view text, uint64_t* value, uint64_t* in_parentheses,
                bool* has_parentheses) {
  const std::string_view first = TakeUntil(&text, '(');
  const std::optional<uint64_t> number = ParseNumber(first);
  if (!number) return false;
  *value = *number;
  if (text.empty()) return true;
  if (text.back() != ')') return false;
  text.remove_suffix(1);
  const std::optional<uint64_t> second = ParseNumber(text);
  if (!second) return false;
  *in_parentheses = *second;
  *has_parentheses = true;
  return true;
}

// NAME VALUE[(VALUE)] [Cn=VALUE[(VALUE)]]... or with N for nodes.
absl::StatusOr<Figure> ParseFigure(ReferenceLine line) {
  Figure figure;
  figure.name = std::string(line.Word());
  if (figure.name.empty() ||
      !ParseValue(line.Word(), &figure.value, &figure.in_parentheses, &figure.has_parentheses)) {
    return line.Bad("expected NAME and a number");
  }
  while (!line.done()) {
    std::string_view text = line.Word();
    const bool per_cpu = !text.empty() && text[0] == 'C';
    const bool per_node = !text.empty() && text[0] == 'N';
    if (!per_cpu && !per_node) return line.Bad("expected Cn=VALUE or Nn=VALUE");
    text.remove_prefix(1);
    const std::optional<uint64_t> index = ParseNumber(TakeUntil(&text, '='));
    Figure::Part part;
    bool has_parentheses = false;
    if (!index || *index >= static_cast<uint64_t>(kMaxCpus) ||
        !ParseValue(text, &part.value, &part.in_parentheses, &has_parentheses)) {
      return line.Bad("expected Cn=VALUE or Nn=VALUE");
    }
    part.index = static_cast<int>(*index);
    figure.per = per_node ? Figure::Per::kNode : Figure::Per::kCpu;
    figure.parts.push_back(part);
  }
  return figure;
}

class Parser {
 public:
  explicit Parser(const std::string& path) { run_.path = path; }

  absl::StatusOr<ReferenceRun> Parse(std::string_view text) {
    while (!text.empty() && !ended_) {
      ++line_;
      const absl::Status status = ParseLine(TakeUntil(&text, '\n'));
      if (!status.ok()) return status;
    }
    if (!ended_) return Line({}).Bad("the file ends before its 'end'");
    if (!text.empty()) return Line({}).Bad("there is more behind 'end'");
    return std::move(run_);
  }

 private:
  enum class Section { kMagic, kKernel, kMachine, kCache, kOps, kFigures };
  struct HeadWord {
    std::string_view word;
    int format;       // the first that has it
    Section section;  // where it stands
    Section next;     // and what comes behind it
    absl::Status (*parse)(ReferenceLine line, ReferenceRun* run);
  };
  static constexpr HeadWord kHead[] = {
      {"kernel", 1, Section::kKernel, Section::kMachine, ParseReferenceKernel},
      {"machine", 1, Section::kMachine, Section::kCache, ParseReferenceMachine},
      {"node_of_cpu", 2, Section::kCache, Section::kCache, ParseNodeOfCpu},
      {"distance", 2, Section::kCache, Section::kCache, ParseDistance},
      {"fallback", 2, Section::kCache, Section::kCache, ParseFallback},
      {"cache", 1, Section::kCache, Section::kOps, ParseReferenceCache},
      {"layout", 1, Section::kOps, Section::kOps, ParseReferenceLayout},
      {"tune", 1, Section::kOps, Section::kOps, ParseReferenceTune},
  };

  ReferenceLine Line(std::string_view rest) const { return {run_.path, line_, rest}; }

  absl::Status ParseLine(std::string_view line) {
    if (section_ == Section::kMagic) {
      section_ = Section::kKernel;
      run_.format = line == "slab-reference 2" ? 2 : 1;
      if (run_.format == 2 || line == "slab-reference 1") return absl::OkStatus();
      return Line({}).Bad("not a 'slab-reference 1' or 'slab-reference 2' file");
    }
    std::string_view rest = line;
    const std::string_view word = TakeUntil(&rest, ' ');
    for (const HeadWord& head : kHead) {
      if (head.word == word && head.format <= run_.format) return ParseHead(head, Line(rest));
    }
    if (section_ == Section::kOps && script_->Knows(word)) return script_->Parse(word, Line(rest));
    if (section_ == Section::kOps && word == "check" && run_.format > 1) {
      return script_->ParseCheck(Line(rest));
    }
    if (word == "pattern" && section_ >= Section::kCache) {
      run_.pattern = std::string(rest);
      return absl::OkStatus();
    }
    if (section_ >= Section::kOps) {
      if (word == "count" || word == "state") return AddFigure(Line(rest));
      if (word == "slabinfo" && run_.format > 1) return AddSlabinfo(Line(rest));
      if (word == "end" && rest.empty()) {
        ended_ = true;
        return script_->End(Line({}));
      }
    }
    return Line({}).Bad(fmt::format("unknown or misplaced line '{}'", line.substr(0, 60)));
  }

  absl::Status ParseHead(const HeadWord& head, ReferenceLine line) {
    if (section_ != head.section || !run_.ops.empty()) {
      return line.Bad(fmt::format("a misplaced '{}' line", head.word));
    }
    if (head.next == Section::kOps && section_ == Section::kCache) {
      const absl::Status complete = CheckReferenceNodes(line, run_);
      if (!complete.ok()) return complete;
    }
    if (const absl::Status status = head.parse(line, &run_); !status.ok()) return status;
    section_ = head.next;
    if (section_ == Section::kOps && !script_.has_value()) script_.emplace(&run_);
    return absl::OkStatus();
  }

  absl::Status AddFigure(ReferenceLine line) {
    section_ = Section::kFigures;
    const absl::StatusOr<Figure> figure = ParseFigure(line);
    if (!figure.ok()) return figure.status();
    run_.figures.push_back({.figure = *figure, .line = line_});
    return absl::OkStatus();
  }

  absl::Status AddSlabinfo(ReferenceLine line) {
    if (run_.slabinfo.line != 0) return line.Bad("a second 'slabinfo' line");
    section_ = Section::kFigures;
    run_.slabinfo = {.what = "slabinfo", .text = std::string(line.rest()), .line = line_};
    return absl::OkStatus();
  }

  ReferenceRun run_;
  uint64_t line_ = 0;
  Section section_ = Section::kMagic;
  bool ended_ = false;
  std::optional<ReferenceScript> script_;
};

}  // namespace

absl::StatusOr<ReferenceRun> ParseReference(std::string_view text, const std::string& path) {
  return Parser(path).Parse(text);
}

}  // namespace slablab
