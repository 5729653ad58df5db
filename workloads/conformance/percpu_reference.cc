// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/conformance/percpu_reference.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "allocators/percpu/layout.h"
#include "fmt/format.h"
#include "workloads/conformance/reference_text.h"

namespace slablab {
namespace {

using Kind = PercpuReferenceEvent::Kind;

// Bounds on what one file may ask for.
constexpr uint64_t kFirstBytesMax = uint64_t{1} << 20;  // of a unit, as BootBytes() provides
constexpr uint64_t kAtomBytesMax = uint64_t{64} << 20;
constexpr uint64_t kOffsetMax = uint64_t{1} << 31;

// What follows a line's first word.
struct Shape {
  char word;
  Kind kind;
  size_t numbers;
  std::string_view usage;
};
constexpr Shape kShapes[] = {
    {'a', Kind::kAlloc, 6, "a CHUNK SIZE ALIGN RESERVED ATOMIC OFF"},
    {'x', Kind::kFailed, 4, "x SIZE ALIGN RESERVED ATOMIC"},
    {'f', Kind::kFree, 3, "f CHUNK OFF SIZE"},
    {'C', Kind::kCreate, 1, "C CHUNK"},
    {'D', Kind::kDestroy, 1, "D CHUNK"},
    {'P', Kind::kPopulate, 3, "P CHUNK FIRST END"},
    {'Q', Kind::kDepopulate, 3, "Q CHUNK FIRST END"},
    {'B', Kind::kBalance, 0, "B"},
    {'E', Kind::kBalanced, 0, "E"},
};

class Parser {
 public:
  explicit Parser(const std::string& path) { run_.path = path; }

  absl::StatusOr<PercpuReferenceRun> Parse(std::string_view text) {
    while (!text.empty() && !ended_) {
      ++line_;
      const std::string_view line = TakeUntil(&text, '\n');
      if (const absl::Status status = ParseLine(line); !status.ok()) return status;
    }
    if (!ended_) return Bad("the file ends before its 'end'");
    if (!text.empty()) return Bad("there is more behind 'end'");
    return std::move(run_);
  }

 private:
  absl::Status Bad(std::string_view what) const {
    return absl::InvalidArgumentError(fmt::format("{}:{}: {}", run_.path, line_, what));
  }

  absl::Status ParseLine(std::string_view line) {
    std::string_view rest = line;
    const std::string_view word = TakeUntil(&rest, ' ');
    switch (line_) {
      case 1:
        if (line != "percpu-reference 1") return Bad("not a 'percpu-reference 1' file");
        return absl::OkStatus();
      case 2:
        run_.kernel = std::string(rest);
        if (word != "kernel" || rest.empty()) return Bad("expected 'kernel RELEASE'");
        return absl::OkStatus();
      case 3:
        if (word != "machine") return Bad("expected 'machine cpus=N nodes=N page_size=N'");
        return ParseMachine(rest);
      case 4:
        if (word != "first") return Bad("expected 'first static=N reserved=N dyn=N unit=N ...'");
        return ParseFirst(rest);
      default:
        break;
    }
    if (line == "end") return ended_ = true, absl::OkStatus();
    for (const Shape& shape : kShapes) {
      if (word.size() == 1 && word[0] == shape.word) return ParseEvent(shape, rest);
    }
    return Bad(fmt::format("unknown or misplaced line '{}'", line.substr(0, 60)));
  }

  // KEY=NUMBER for each of `keys`, in any order, each once.
  absl::Status ParsePairs(std::string_view rest, std::map<std::string_view, uint64_t*> keys) const {
    while (!rest.empty()) {
      std::string_view pair = TakeUntil(&rest, ' ');
      const std::string_view name = TakeUntil(&pair, '=');
      const std::optional<uint64_t> value = ParseNumber(pair);
      const auto key = keys.find(name);
      if (key == keys.end() || !value) return Bad(fmt::format("unexpected '{}={}'", name, pair));
      *key->second = *value;
      keys.erase(key);
    }
    if (!keys.empty()) return Bad(fmt::format("{} is missing", keys.begin()->first));
    return absl::OkStatus();
  }

  absl::Status ParseMachine(std::string_view rest) {
    uint64_t cpus = 0, nodes = 0, page_size = 0;
    const absl::Status status =
        ParsePairs(rest, {{"cpus", &cpus}, {"nodes", &nodes}, {"page_size", &page_size}});
    if (!status.ok()) return status;
    if (cpus < 1 || cpus > kMaxCpus) return Bad(fmt::format("cpus is not in 1..{}", kMaxCpus));
    const uint64_t cpus_per_node = nodes == 0 ? 0 : (cpus + nodes - 1) / nodes;
    if (nodes < 1 || nodes > kMaxNodes || (cpus - 1) / cpus_per_node != nodes - 1) {
      return Bad("cpus and nodes do not fit together");
    }
    if (page_size != kPageSize) {
      return Bad(fmt::format("only pages of {} bytes are simulated", kPageSize));
    }
    run_.machine = {.cpus = static_cast<int>(cpus),
                    .nodes = static_cast<int>(nodes),
                    .cpus_per_node = static_cast<int>(cpus_per_node)};
    return absl::OkStatus();
  }

  absl::Status ParseFirst(std::string_view rest) {
    run_.first_line = line_;
    const absl::Status status = ParsePairs(rest, {{"static", &run_.static_bytes},
                                                  {"reserved", &run_.reserved_bytes},
                                                  {"dyn", &run_.dynamic_bytes},
                                                  {"unit", &run_.unit_bytes},
                                                  {"atom", &run_.atom_bytes},
                                                  {"alloc", &run_.alloc_bytes}});
    if (!status.ok()) return status;
    for (const uint64_t bytes : {run_.static_bytes, run_.reserved_bytes, run_.dynamic_bytes}) {
      if (bytes > kFirstBytesMax) return Bad("static, reserved or dyn is larger than 1 MiB");
    }
    const uint64_t sum = run_.static_bytes + run_.reserved_bytes + run_.dynamic_bytes;
    if (run_.static_bytes == 0 || sum > kFirstBytesMax) {
      return Bad("static + reserved + dyn is not in 1 .. 1 MiB");
    }
    if (run_.reserved_bytes % kPercpuGranule != 0) {
      return Bad(fmt::format("reserved is not a multiple of {}", kPercpuGranule));
    }
    if (run_.atom_bytes < kPageSize || run_.atom_bytes > kAtomBytesMax ||
        !std::has_single_bit(run_.atom_bytes)) {
      return Bad("atom is not a power of two from a page to 64 MiB");
    }
    return absl::OkStatus();
  }

  absl::Status ParseEvent(const Shape& shape, std::string_view rest) {
    uint64_t numbers[6] = {};
    size_t count = 0;
    while (!rest.empty() && count < shape.numbers) {
      const std::optional<uint64_t> number = ParseNumber(TakeUntil(&rest, ' '));
      if (!number) break;
      numbers[count++] = *number;
    }
    if (count != shape.numbers || !rest.empty()) {
      return Bad(fmt::format("expected '{}'", shape.usage));
    }
    PercpuReferenceEvent event;
    event.kind = shape.kind;
    event.line = line_;
    const bool has_label = shape.numbers > 0 && shape.kind != Kind::kFailed;
    if (has_label) {
      if (numbers[0] > run_.label_count) return Bad("labels must come in order of first sight");
      event.label = static_cast<uint32_t>(numbers[0]);
      run_.label_count = std::max(run_.label_count, event.label + 1);
    }
    const absl::Status status = FillEvent(numbers, &event);
    if (status.ok()) run_.events.push_back(event);
    return status;
  }

  absl::Status FillEvent(const uint64_t* numbers, PercpuReferenceEvent* event) {
    switch (event->kind) {
      case Kind::kAlloc:
        if (numbers[5] > kOffsetMax) return Bad("the offset is out of range");
        event->offset = static_cast<uint32_t>(numbers[5]);
        if (const absl::Status status = FillRequest(numbers + 1, event); !status.ok()) {
          return status;
        }
        if (!live_.emplace(std::pair(event->label, event->offset), event->bytes).second) {
          return Bad("there is an area already");
        }
        return absl::OkStatus();
      case Kind::kFailed:
        return FillRequest(numbers, event);
      case Kind::kFree: {
        if (numbers[1] > kOffsetMax) return Bad("the offset is out of range");
        event->offset = static_cast<uint32_t>(numbers[1]);
        const auto area = live_.find({event->label, event->offset});
        if (area == live_.end()) return Bad("no such area is allocated");
        if (area->second != numbers[2]) {
          return Bad(fmt::format("the area has {} bytes", area->second));
        }
        event->bytes = area->second;
        live_.erase(area);
        return absl::OkStatus();
      }
      case Kind::kPopulate:
      case Kind::kDepopulate:
        if (numbers[1] >= numbers[2] || numbers[2] > kOffsetMax / kPageSize) {
          return Bad("FIRST .. END is not a range of pages");
        }
        event->first = static_cast<int>(numbers[1]);
        event->end = static_cast<int>(numbers[2]);
        return absl::OkStatus();
      default:
        return absl::OkStatus();
    }
  }

  // SIZE ALIGN RESERVED ATOMIC
  absl::Status FillRequest(const uint64_t* numbers, PercpuReferenceEvent* event) {
    if (numbers[0] < 1 || numbers[0] > kPercpuUnitBytesMin || numbers[1] > kPageSize ||
        !std::has_single_bit(numbers[1])) {
      return Bad("the size or the alignment is none that the kernel serves");
    }
    if (numbers[2] > 1 || numbers[3] > 1) return Bad("RESERVED and ATOMIC are 0 or 1");
    event->bytes = static_cast<uint32_t>(numbers[0]);
    event->align = static_cast<uint32_t>(numbers[1]);
    event->reserved = numbers[2] == 1;
    event->atomic = numbers[3] == 1;
    return absl::OkStatus();
  }

  PercpuReferenceRun run_;
  uint64_t line_ = 0;
  bool ended_ = false;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> live_;  // bytes by label and offset
};

}  // namespace

absl::StatusOr<PercpuReferenceRun> ParsePercpuReference(std::string_view text,
                                                        const std::string& path) {
  return Parser(path).Parse(text);
}

}  // namespace slablab
