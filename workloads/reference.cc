// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/reference.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "workloads/reference_text.h"

namespace slablab {
namespace {

// Bounds on what one file may ask for.
constexpr uint64_t kMibMax = uint64_t{1} << 20;  // of all nodes

class Parser {
 public:
  explicit Parser(const std::string& path) { run_.path = path; }

  absl::StatusOr<ReferenceRun> Parse(std::string_view text) {
    while (!text.empty() && !ended_) {
      ++line_;
      std::string_view line = TakeUntil(&text, '\n');
      if (const absl::Status status = ParseLine(line); !status.ok()) return status;
    }
    if (!ended_) return Bad("the file ends before its 'end'");
    if (!text.empty()) return Bad("there is more behind 'end'");
    return std::move(run_);
  }

 private:
  enum class Section { kMagic, kKernel, kMachine, kCache, kOps, kFigures };
  enum class ObjectState : uint8_t { kUnborn, kLive, kFreed };

  absl::Status Bad(std::string_view what) const {
    return absl::InvalidArgumentError(fmt::format("{}:{}: {}", run_.path, line_, what));
  }

  absl::Status ParseLine(std::string_view line) {
    std::string_view rest = line;
    const std::string_view word = TakeUntil(&rest, ' ');
    if (section_ == Section::kMagic) {
      if (line != "slab-reference 1") return Bad("not a 'slab-reference 1' file");
      section_ = Section::kKernel;
      return absl::OkStatus();
    }
    if (word.size() == 1 && section_ == Section::kOps) return ParseOp(word[0], rest);
    if (word == "kernel") return ParseKernel(rest);
    if (word == "machine") return ParseMachine(rest);
    if (word == "pattern") return run_.pattern = std::string(rest), absl::OkStatus();
    if (word == "cache") return ParseCache(rest);
    if (word == "layout") return ParseLayout(rest);
    if (word == "tune") return ParseTune(rest);
    if (word == "shrink" || word == "offline" || word == "online") return ParseEvent(word, rest);
    if (word == "count" || word == "state") return ParseFigure(rest);
    if (word == "end") return ParseEnd(rest);
    return Bad(fmt::format("unknown or misplaced line '{}'", line.substr(0, 60)));
  }

  absl::Status ParseKernel(std::string_view rest) {
    run_.kernel = std::string(TakeUntil(&rest, ' '));
    run_.allocator = std::string(rest);
    if (section_ != Section::kKernel || run_.kernel.empty() || run_.allocator.empty()) {
      return Bad("expected one 'kernel RELEASE ALLOCATOR' as the second line");
    }
    section_ = Section::kMachine;
    return absl::OkStatus();
  }

  absl::Status ParseMachine(std::string_view rest) {
    if (section_ != Section::kMachine) return Bad("a misplaced 'machine' line");
    uint64_t cpus = 0, nodes = 0, cpus_per_node = 0, mib = 0, page_size = 0, cache_line = 0;
    const absl::Status status = ParsePairs(rest, {{"cpus", &cpus},
                                                  {"nodes", &nodes},
                                                  {"cpus_per_node", &cpus_per_node},
                                                  {"mib_per_node", &mib},
                                                  {"page_size", &page_size},
                                                  {"cache_line", &cache_line}});
    if (!status.ok()) return status;
    if (cpus < 1 || cpus > kMaxCpus) return Bad(fmt::format("cpus is not in 1..{}", kMaxCpus));
    if (nodes < 1 || nodes > kMaxNodes) {
      return Bad(fmt::format("nodes is not in 1..{}", kMaxNodes));
    }
    if (cpus_per_node < 1 || (cpus - 1) / cpus_per_node != nodes - 1) {
      return Bad("cpus, nodes and cpus_per_node do not fit together");
    }
    // The kernel's own structures must fit.
    const uint64_t mib_least = 16 + std::min(cpus_per_node, cpus);
    if (mib < mib_least || mib > kMibMax / nodes) {
      return Bad(fmt::format("mib_per_node is not in {}..{}", mib_least, kMibMax / nodes));
    }
    if (page_size != kPageSize || cache_line != kLineSize) {
      return Bad(fmt::format("only pages of {} and lines of {} bytes are simulated", kPageSize,
                             kLineSize));
    }
    run_.machine = {.cpus = static_cast<int>(cpus),
                    .nodes = static_cast<int>(nodes),
                    .cpus_per_node = static_cast<int>(cpus_per_node),
                    .mib_per_node = mib};
    online_.assign(cpus, true);
    section_ = Section::kCache;
    return absl::OkStatus();
  }

  absl::Status ParseCache(std::string_view rest) {
    if (section_ != Section::kCache) return Bad("a misplaced 'cache' line");
    std::string_view name = TakeUntil(&rest, ' ');
    if (TakeUntil(&name, '=') != "name" || name.empty()) return Bad("expected 'cache name=...'");
    uint64_t size = 0, align = 0, hwcache_align = 0, ctor = 0;
    const absl::Status status = ParsePairs(rest, {{"object_size", &size},
                                                  {"align", &align},
                                                  {"hwcache_align", &hwcache_align},
                                                  {"ctor", &ctor}});
    if (!status.ok()) return status;
    if (size < 1 || size > std::numeric_limits<uint32_t>::max() ||
        align > std::numeric_limits<uint32_t>::max()) {
      return Bad("object_size or align out of range");
    }
    run_.cache = {.name = std::string(name),
                  .object_size = static_cast<uint32_t>(size),
                  .align = static_cast<uint32_t>(align),
                  .hwcache_align = hwcache_align != 0,
                  .has_constructor = ctor != 0,
                  .no_merge = true};
    section_ = Section::kOps;
    return absl::OkStatus();
  }

  absl::Status ParseLayout(std::string_view rest) {
    if (section_ != Section::kOps || !run_.ops.empty()) return Bad("a misplaced 'layout' line");
    run_.layout_line = line_;
    while (!rest.empty()) {
      std::string_view pair = TakeUntil(&rest, ' ');
      const std::string_view key = TakeUntil(&pair, '=');
      const std::optional<uint64_t> value = ParseNumber(pair);
      if (!value) return Bad(fmt::format("layout's {} is not a number", key));
      run_.layout.emplace_back(key, *value);
    }
    return absl::OkStatus();
  }

  absl::Status ParseTune(std::string_view rest) {
    if (section_ != Section::kOps || !run_.ops.empty()) return Bad("a misplaced 'tune' line");
    const bool in_pairs = rest.find('=') != std::string_view::npos;
    do {
      std::string_view setting = in_pairs ? TakeUntil(&rest, ' ') : std::exchange(rest, {});
      const std::string_view key = TakeUntil(&setting, in_pairs ? '=' : ' ');
      const std::optional<uint64_t> value = ParseNumber(setting);
      if (key.empty() || !value || *value > std::numeric_limits<int64_t>::max()) {
        return Bad("expected 'tune KEY VALUE' or 'tune KEY=VALUE ...'");
      }
      run_.tunes.push_back(
          {.key = std::string(key), .value = static_cast<int64_t>(*value), .line = line_});
    } while (!rest.empty());
    return absl::OkStatus();
  }

  absl::Status ParseOp(char word, std::string_view rest) {
    ReferenceOp op;
    op.line = line_;
    const std::optional<uint64_t> cpu = ParseNumber(TakeUntil(&rest, ' '));
    const std::optional<uint64_t> object = ParseNumber(TakeUntil(&rest, ' '));
    if (!cpu || *cpu >= online_.size()) return Bad("no such CPU");
    if (!online_[*cpu]) return Bad(fmt::format("CPU {} is off line", *cpu));
    // Numbers are given in order, so that a short file has no large ones.
    if (!object || *object > line_) return Bad("expected an object's number");
    op.cpu = CpuId(static_cast<int32_t>(*cpu));
    op.object = static_cast<uint32_t>(*object);
    if (op.object >= objects_.size()) objects_.resize(op.object + 1, ObjectState::kUnborn);
    ObjectState& state = objects_[op.object];
    if (word == 'f') {
      op.kind = ReferenceOp::Kind::kFree;
      if (!rest.empty()) return Bad("expected 'f CPU OBJ'");
      if (state != ObjectState::kLive) {
        return Bad(fmt::format("object {} is not allocated", op.object));
      }
      state = ObjectState::kFreed;
      run_.ops.push_back(op);
      return absl::OkStatus();
    }
    if (word != 'a' && word != 'n') return Bad(fmt::format("unknown operation '{}'", word));
    if (word == 'n') {
      const std::optional<uint64_t> want = ParseNumber(TakeUntil(&rest, ' '));
      if (!want || *want >= static_cast<uint64_t>(run_.machine.nodes)) return Bad("no such node");
      op.kind = ReferenceOp::Kind::kAllocNode;
      op.want = NodeId(static_cast<int32_t>(*want));
    }
    if (state != ObjectState::kUnborn) {
      return Bad(fmt::format("object {} was allocated before", op.object));
    }
    state = ObjectState::kLive;
    return ParsePlacement(rest, &op);
  }

  // SLAB[@NODE]:OFFSET
  absl::Status ParsePlacement(std::string_view rest, ReferenceOp* op) {
    std::string_view label_text = TakeUntil(&rest, ':');
    const std::string_view number = TakeUntil(&label_text, '@');
    const std::optional<uint64_t> label = ParseNumber(number);
    const std::optional<uint64_t> offset = ParseNumber(rest);
    if (!label || !offset || *offset > std::numeric_limits<uint32_t>::max()) {
      return Bad("expected SLAB[@NODE]:OFFSET");
    }
    if (*label > run_.label_nodes.size()) return Bad("labels must come in order of first sight");
    if (*label == run_.label_nodes.size()) {
      const std::optional<uint64_t> node = ParseNumber(label_text);
      if (!node || *node >= static_cast<uint64_t>(run_.machine.nodes)) {
        return Bad("a slab's first sight must name its node");
      }
      run_.label_nodes.push_back(NodeId(static_cast<int32_t>(*node)));
    }
    op->label = static_cast<uint32_t>(*label);
    op->offset = static_cast<uint32_t>(*offset);
    run_.ops.push_back(*op);
    return absl::OkStatus();
  }

  absl::Status ParseEvent(std::string_view word, std::string_view rest) {
    if (section_ != Section::kOps) return Bad(fmt::format("a misplaced '{}' line", word));
    ReferenceOp op;
    op.line = line_;
    if (word == "shrink") {
      op.kind = ReferenceOp::Kind::kShrink;
      if (!rest.empty()) return Bad("expected 'shrink'");
      run_.ops.push_back(op);
      return absl::OkStatus();
    }
    const bool goes = word == "offline";
    const std::optional<uint64_t> cpu = ParseNumber(rest);
    if (!cpu || *cpu >= online_.size()) return Bad("no such CPU");
    if (goes && *cpu == 0) return Bad("CPU 0 cannot go off line: it flushes the others");
    if (online_[*cpu] != goes) return Bad(fmt::format("CPU {} is that already", *cpu));
    online_[*cpu] = !goes;
    op.kind = goes ? ReferenceOp::Kind::kOffline : ReferenceOp::Kind::kOnline;
    op.cpu = CpuId(static_cast<int32_t>(*cpu));
    run_.ops.push_back(op);
    return absl::OkStatus();
  }

  // NAME VALUE[(VALUE)] [Cn=VALUE[(VALUE)]]... or with N for nodes.
  absl::Status ParseFigure(std::string_view rest) {
    if (section_ < Section::kOps) return Bad("a misplaced 'count' or 'state' line");
    section_ = Section::kFigures;
    Figure figure;
    figure.name = std::string(TakeUntil(&rest, ' '));
    if (figure.name.empty() || !ParseValue(TakeUntil(&rest, ' '), &figure.value,
                                           &figure.in_parentheses, &figure.has_parentheses)) {
      return Bad("expected NAME and a number");
    }
    while (!rest.empty()) {
      std::string_view text = TakeUntil(&rest, ' ');
      const bool per_cpu = !text.empty() && text[0] == 'C';
      const bool per_node = !text.empty() && text[0] == 'N';
      if (!per_cpu && !per_node) return Bad("expected Cn=VALUE or Nn=VALUE");
      text.remove_prefix(1);
      const std::optional<uint64_t> index = ParseNumber(TakeUntil(&text, '='));
      Figure::Part part;
      bool has_parentheses = false;
      if (!index || *index >= static_cast<uint64_t>(kMaxCpus) ||
          !ParseValue(text, &part.value, &part.in_parentheses, &has_parentheses)) {
        return Bad("expected Cn=VALUE or Nn=VALUE");
      }
      part.index = static_cast<int>(*index);
      figure.per = per_cpu ? Figure::Per::kCpu : Figure::Per::kNode;
      figure.parts.push_back(part);
    }
    run_.figures.push_back({.figure = std::move(figure), .line = line_});
    return absl::OkStatus();
  }

  static bool ParseValue(std::string_view text, uint64_t* value, uint64_t* in_parentheses,
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

  absl::Status ParseEnd(std::string_view rest) {
    if (section_ < Section::kOps || !rest.empty()) return Bad("a misplaced 'end'");
    ended_ = true;
    run_.object_count = static_cast<uint32_t>(objects_.size());
    return absl::OkStatus();
  }

  // KEY=NUMBER for each of `keys`, in any order, each once.
  struct Key {
    std::string_view name;
    uint64_t* value;
  };
  absl::Status ParsePairs(std::string_view rest, std::vector<Key> keys) const {
    while (!rest.empty()) {
      std::string_view pair = TakeUntil(&rest, ' ');
      const std::string_view name = TakeUntil(&pair, '=');
      const std::optional<uint64_t> value = ParseNumber(pair);
      bool found = false;
      for (size_t i = 0; i < keys.size(); ++i) {
        if (keys[i].name != name || !value) continue;
        *keys[i].value = *value;
        keys.erase(keys.begin() + static_cast<ptrdiff_t>(i));
        found = true;
        break;
      }
      if (!found) return Bad(fmt::format("unexpected '{}={}'", name, pair));
    }
    if (!keys.empty()) return Bad(fmt::format("{} is missing", keys.front().name));
    return absl::OkStatus();
  }

  ReferenceRun run_;
  uint64_t line_ = 0;
  Section section_ = Section::kMagic;
  bool ended_ = false;
  std::vector<bool> online_;  // by CPU
  std::vector<ObjectState> objects_;
};

}  // namespace

absl::StatusOr<ReferenceRun> ParseReference(std::string_view text, const std::string& path) {
  return Parser(path).Parse(text);
}

}  // namespace slablab
