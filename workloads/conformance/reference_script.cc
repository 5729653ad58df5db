// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/conformance/reference_script.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "workloads/conformance/reference_bounds.h"
#include "workloads/conformance/reference_checks.h"

namespace slablab {

using Kind = ReferenceOp::Kind;

constexpr ReferenceScript::Word ReferenceScript::kWords[] = {
    {"a", 1, false, Kind::kAlloc, &ReferenceScript::Allocation},
    {"n", 1, false, Kind::kAllocNode, &ReferenceScript::Allocation},
    {"f", 1, false, Kind::kFree, &ReferenceScript::Free},
    {"shrink", 1, false, Kind::kShrink, &ReferenceScript::Shrink},
    {"offline", 1, false, Kind::kOffline, &ReferenceScript::Hotplug},
    {"online", 1, false, Kind::kOnline, &ReferenceScript::Hotplug},
    {"create", 2, false, Kind::kCreate, &ReferenceScript::Create},
    {"A", 2, false, Kind::kAllocBulk, &ReferenceScript::BulkAllocation},
    {"F", 2, false, Kind::kFreeBulk, &ReferenceScript::BulkFree},
    {"K", 2, false, Kind::kKfreeBulk, &ReferenceScript::BulkFree},
    {"r", 2, false, Kind::kFreeRcu, &ReferenceScript::Free},
    {"P", 2, false, Kind::kPrefillSheaf, &ReferenceScript::Sheaf},
    {"p", 2, false, Kind::kAllocFromSheaf, &ReferenceScript::SheafAllocation},
    {"Q", 2, false, Kind::kRefillSheaf, &ReferenceScript::Sheaf},
    {"U", 2, false, Kind::kReturnSheaf, &ReferenceScript::Sheaf},
    {"dead", 2, false, Kind::kDead, &ReferenceScript::Dead},
    {"g", 2, false, Kind::kGracePeriod, &ReferenceScript::GracePeriod},
    {"R", 2, true, Kind::kCallback, &ReferenceScript::Callback},
    {"G", 2, false, Kind::kBarrier, &ReferenceScript::Barrier},
    {"Gend", 2, true, Kind::kBarrierEnd, &ReferenceScript::Barrier},
    {"KL", 2, true, Kind::kListFree, &ReferenceScript::ListFree},
    {"KB", 2, true, Kind::kListFreeBulk, &ReferenceScript::ListFree},
};

ReferenceScript::ReferenceScript(ReferenceRun* run)
    : run_(*run),
      online_(static_cast<size_t>(run->machine.cpus), true),
      created_(run->format == 1) {}

const ReferenceScript::Word* ReferenceScript::Find(std::string_view word) const {
  for (const Word& known : kWords) {
    if (known.word == word && known.format <= run_.format) return &known;
  }
  return nullptr;
}

bool ReferenceScript::Knows(std::string_view word) const { return Find(word) != nullptr; }

absl::Status ReferenceScript::Parse(std::string_view word, ReferenceLine line) {
  const Word* const known = Find(word);
  CHECK(known != nullptr);
  ++number_bound_;
  if (created_ != (known->kind != Kind::kCreate)) {
    return line.Bad("'create' must be the first operation, once");
  }
  if (in_barrier_ && !known->in_barrier) {
    return line.Bad(fmt::format("'{}' between 'G' and 'Gend'", word));
  }
  ReferenceOp op;
  op.kind = known->kind;
  op.line = line.number();
  op.first = static_cast<uint32_t>(run_.objects.size());
  op.first_place = static_cast<uint32_t>(run_.places.size());
  if (const absl::Status status = (this->*known->parse)(&line, &op); !status.ok()) return status;
  if (!line.done()) {
    return line.Bad(
        fmt::format("there is more in a line of '{}': '{}'", word, line.rest().substr(0, 60)));
  }
  run_.ops.push_back(op);
  return absl::OkStatus();
}

absl::Status ReferenceScript::ParseCheck(ReferenceLine line) {
  ++number_bound_;
  if (!created_ || in_barrier_) return line.Bad("a misplaced 'check' line");
  const std::string_view what = line.Word();
  const absl::Status status = CheckCheckLine(what, line, run_.machine);
  if (!status.ok()) return status;
  ReferenceOp op;
  op.kind = Kind::kCheck;
  op.line = line.number();
  op.check = static_cast<uint32_t>(run_.checks.size());
  run_.ops.push_back(op);
  run_.checks.push_back(
      {.what = std::string(what), .text = std::string(line.rest()), .line = line.number()});
  return absl::OkStatus();
}

absl::Status ReferenceScript::End(const ReferenceLine& line) {
  if (!created_) return line.Bad("the cache was never created");
  if (in_barrier_) return line.Bad("a 'G' without its 'Gend'");
  run_.object_count = static_cast<uint32_t>(objects_.size());
  run_.sheaf_count = static_cast<uint32_t>(sheaves_.size());
  return absl::OkStatus();
}

absl::Status ReferenceScript::TakeCpu(ReferenceLine* line, ReferenceOp* op) {
  const std::optional<uint64_t> cpu = line->Number();
  if (!cpu || *cpu >= online_.size()) return line->Bad("no such CPU");
  if (!online_[*cpu]) return line->Bad(fmt::format("CPU {} is off line", *cpu));
  op->cpu = CpuId(static_cast<int32_t>(*cpu));
  return absl::OkStatus();
}

ReferenceScript::ObjectState& ReferenceScript::StateOf(uint64_t object) {
  if (object >= objects_.size()) objects_.resize(object + 1, ObjectState::kUnborn);
  return objects_[object];
}

absl::Status ReferenceScript::TakeObject(ReferenceLine* line, ObjectState from, ObjectState to,
                                         ReferenceOp* op) {
  const std::optional<uint64_t> object = line->Number();
  if (!object || *object > number_bound_) return line->Bad("expected an object's number");
  ObjectState& state = StateOf(*object);
  if (state != from) {
    return line->Bad(
        fmt::format("object {} is {}", *object,
                    from == ObjectState::kWaiting ? "none that kvfree_rcu has" : "not allocated"));
  }
  state = to;
  run_.objects.push_back(static_cast<uint32_t>(*object));
  ++op->count;
  return absl::OkStatus();
}

// Numbers are given in order, so that a short file has no large ones.
absl::Status ReferenceScript::Bear(const ReferenceLine& line, std::optional<uint64_t> object,
                                   ReferenceOp* op) {
  if (!object || *object > number_bound_) return line.Bad("expected an object's number");
  ObjectState& state = StateOf(*object);
  if (state != ObjectState::kUnborn) {
    return line.Bad(fmt::format("object {} was allocated before", *object));
  }
  state = ObjectState::kLive;
  run_.objects.push_back(static_cast<uint32_t>(*object));
  ++op->count;
  return absl::OkStatus();
}

absl::Status ReferenceScript::TakeObjects(ReferenceLine* line, ObjectState from, ObjectState to,
                                          ReferenceOp* op) {
  const std::optional<uint64_t> count = line->Number();
  if (!count || *count < 1) return line->Bad("expected a number of objects");
  while (!line->done()) {
    if (const absl::Status status = TakeObject(line, from, to, op); !status.ok()) return status;
  }
  if (op->count != *count) return line->Bad(fmt::format("expected {} objects", *count));
  return absl::OkStatus();
}

absl::Status ReferenceScript::TakePlace(ReferenceLine* line, ReferenceOp* op) {
  std::string_view rest = line->Word();
  std::string_view node_text = TakeUntil(&rest, ':');
  const std::optional<uint64_t> label = ParseNumber(TakeUntil(&node_text, '@'));
  const std::optional<uint64_t> offset = ParseNumber(rest);
  if (!label || !offset || *offset > std::numeric_limits<uint32_t>::max()) {
    return line->Bad("expected SLAB[@NODE]:OFFSET");
  }
  if (*label > run_.label_nodes.size())
    return line->Bad("labels must come in order of first sight");
  if (*label == run_.label_nodes.size()) {
    const std::optional<uint64_t> node = ParseNumber(node_text);
    if (!node || *node >= static_cast<uint64_t>(run_.machine.nodes) ||
        run_.machine.MibOf(static_cast<int>(*node)) == 0) {
      return line->Bad("a slab's first sight must name its node, which has memory");
    }
    run_.label_nodes.push_back(NodeId(static_cast<int32_t>(*node)));
  }
  run_.places.push_back(
      {.label = static_cast<uint32_t>(*label), .offset = static_cast<uint32_t>(*offset)});
  ++op->place_count;
  return absl::OkStatus();
}

absl::Status ReferenceScript::TakeSheaf(ReferenceLine* line, SheafState from, SheafState to,
                                        ReferenceOp* op) {
  const std::optional<uint64_t> sheaf = line->Number();
  if (!sheaf || *sheaf > number_bound_) return line->Bad("expected a sheaf's number");
  if (*sheaf >= sheaves_.size()) sheaves_.resize(*sheaf + 1, SheafState::kUnborn);
  if (sheaves_[*sheaf] != from) {
    return line->Bad(fmt::format("sheaf {} is {}", *sheaf,
                                 from == SheafState::kHeld ? "nobody's" : "there already"));
  }
  sheaves_[*sheaf] = to;
  op->sheaf = static_cast<uint32_t>(*sheaf);
  return absl::OkStatus();
}

absl::Status ReferenceScript::Create(ReferenceLine* line, ReferenceOp* op) {
  created_ = true;
  return TakeCpu(line, op);
}

absl::Status ReferenceScript::Allocation(ReferenceLine* line, ReferenceOp* op) {
  if (const absl::Status status = TakeCpu(line, op); !status.ok()) return status;
  if (const absl::Status status = Bear(*line, line->Number(), op); !status.ok()) return status;
  if (op->kind == Kind::kAllocNode) {
    const std::optional<uint64_t> want = line->Number();
    if (!want || *want >= static_cast<uint64_t>(run_.machine.nodes)) {
      return line->Bad("no such node");
    }
    op->want = NodeId(static_cast<int32_t>(*want));
  }
  return TakePlace(line, op);
}

absl::Status ReferenceScript::BulkAllocation(ReferenceLine* line, ReferenceOp* op) {
  if (const absl::Status status = TakeCpu(line, op); !status.ok()) return status;
  const std::optional<uint64_t> first = line->Number();
  const std::optional<uint64_t> count = line->Number();
  if (!first || *first > number_bound_ || !count || *count < 1) {
    return line->Bad("expected an object's number and how many");
  }
  while (!line->done()) {
    ++number_bound_;
    if (const absl::Status s = Bear(*line, *first + op->count, op); !s.ok()) return s;
    if (const absl::Status status = TakePlace(line, op); !status.ok()) return status;
  }
  if (op->count != *count) return line->Bad(fmt::format("expected {} places", *count));
  return absl::OkStatus();
}

absl::Status ReferenceScript::SheafAllocation(ReferenceLine* line, ReferenceOp* op) {
  if (const absl::Status status = TakeCpu(line, op); !status.ok()) return status;
  const absl::Status sheaf = TakeSheaf(line, SheafState::kHeld, SheafState::kHeld, op);
  if (!sheaf.ok()) return sheaf;
  const std::optional<uint64_t> object = line->Number();
  if (line->rest() == "-") {
    line->TakeRest();
    return object ? absl::OkStatus() : line->Bad("expected an object's number");
  }
  if (const absl::Status status = Bear(*line, object, op); !status.ok()) return status;
  return TakePlace(line, op);
}

absl::Status ReferenceScript::Free(ReferenceLine* line, ReferenceOp* op) {
  if (const absl::Status status = TakeCpu(line, op); !status.ok()) return status;
  const bool waits = op->kind == Kind::kFreeRcu;
  return TakeObject(line, ObjectState::kLive, waits ? ObjectState::kWaiting : ObjectState::kFreed,
                    op);
}

absl::Status ReferenceScript::BulkFree(ReferenceLine* line, ReferenceOp* op) {
  if (const absl::Status status = TakeCpu(line, op); !status.ok()) return status;
  return TakeObjects(line, ObjectState::kLive, ObjectState::kFreed, op);
}

absl::Status ReferenceScript::ListFree(ReferenceLine* line, ReferenceOp* op) {
  if (const absl::Status status = TakeCpu(line, op); !status.ok()) return status;
  return TakeObjects(line, ObjectState::kWaiting, ObjectState::kFreed, op);
}

absl::Status ReferenceScript::Sheaf(ReferenceLine* line, ReferenceOp* op) {
  if (const absl::Status status = TakeCpu(line, op); !status.ok()) return status;
  if (op->kind == Kind::kReturnSheaf) {
    return TakeSheaf(line, SheafState::kHeld, SheafState::kReturned, op);
  }
  const bool is_new = op->kind == Kind::kPrefillSheaf;
  const absl::Status sheaf =
      TakeSheaf(line, is_new ? SheafState::kUnborn : SheafState::kHeld, SheafState::kHeld, op);
  if (!sheaf.ok()) return sheaf;
  const std::optional<uint64_t> want = line->Number();
  const std::optional<uint64_t> got = line->Number();
  if (!want || *want < 1 || *want > kSheafCapacityMax || !got) {
    return line->Bad(fmt::format("expected WANT, in 1..{}, and GOT", kSheafCapacityMax));
  }
  op->size = *want;
  op->result = *got;
  op->has_result = true;
  return absl::OkStatus();
}

absl::Status ReferenceScript::Shrink(ReferenceLine* line, ReferenceOp* op) {
  if (run_.format == 1) return absl::OkStatus();
  if (const absl::Status status = TakeCpu(line, op); !status.ok()) return status;
  const std::optional<uint64_t> result = line->Number();
  if (!result || *result > 1) return line->Bad("expected 'shrink CPU RESULT', 0 or 1");
  op->result = *result;
  op->has_result = true;
  return absl::OkStatus();
}

absl::Status ReferenceScript::Hotplug(ReferenceLine* line, ReferenceOp* op) {
  const bool goes = op->kind == Kind::kOffline;
  const std::optional<uint64_t> cpu = line->Number();
  if (!cpu || *cpu >= online_.size()) return line->Bad("no such CPU");
  if (goes && *cpu == 0) return line->Bad("CPU 0 cannot go off line: it flushes the others");
  if (online_[*cpu] != goes) return line->Bad(fmt::format("CPU {} is that already", *cpu));
  online_[*cpu] = !goes;
  op->cpu = CpuId(static_cast<int32_t>(*cpu));
  return absl::OkStatus();
}

// Behind its 'offline', but for what was freed late in between.
absl::Status ReferenceScript::Dead(ReferenceLine* line, ReferenceOp* op) {
  if (const absl::Status status = TakeCpu(line, op); !status.ok()) return status;
  const std::optional<uint64_t> dead = line->Number();
  const auto last = std::find_if(run_.ops.rbegin(), run_.ops.rend(), [](const ReferenceOp& before) {
    return before.kind != Kind::kListFree && before.kind != Kind::kListFreeBulk;
  });
  if (!dead || last == run_.ops.rend() || last->kind != Kind::kOffline ||
      *dead != static_cast<uint64_t>(last->cpu.value())) {
    return line->Bad("'dead ON CPU' without its 'offline CPU'");
  }
  op->of = last->cpu;
  return absl::OkStatus();
}

// Of a CPU that may be off line by then.
absl::Status ReferenceScript::GracePeriod(ReferenceLine* line, ReferenceOp* op) {
  const std::optional<uint64_t> cpu = line->Number();
  const std::optional<uint64_t> sheaves = line->Number();
  if (!cpu || *cpu >= online_.size()) return line->Bad("no such CPU");
  if (!sheaves) return line->Bad("expected 'g CPU N'");
  op->cpu = CpuId(static_cast<int32_t>(*cpu));
  op->size = *sheaves;
  return absl::OkStatus();
}

absl::Status ReferenceScript::Callback(ReferenceLine* line, ReferenceOp* op) {
  if (const absl::Status status = TakeCpu(line, op); !status.ok()) return status;
  const std::optional<uint64_t> of = line->Number();
  const std::optional<uint64_t> size = line->Number();
  const std::string_view way = line->Word();
  if (!of || *of >= online_.size()) return line->Bad("no such CPU");
  if (!size || (way != "barn" && way != "flush")) {
    return line->Bad("expected 'R ON CPU SIZE barn' or 'flush'");
  }
  op->of = CpuId(static_cast<int32_t>(*of));
  op->size = *size;
  op->is_early = way == "flush";
  return absl::OkStatus();
}

absl::Status ReferenceScript::Barrier(ReferenceLine* line, ReferenceOp* op) {
  const bool begins = op->kind == Kind::kBarrier;
  if (in_barrier_ == begins) return line->Bad("'G' and 'Gend' come in turn");
  in_barrier_ = begins;
  return absl::OkStatus();
}

}  // namespace slablab
