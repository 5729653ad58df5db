// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/switches.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/names.h"
#include "base/printable.h"
#include "fmt/format.h"

namespace slablab {
namespace {

namespace pb = google::protobuf;

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

void SetNumber(const pb::FieldDescriptor& field, uint64_t number, RunSpec* run) {
  const pb::Reflection& reflection = *run->GetReflection();
  if (field.cpp_type() == pb::FieldDescriptor::CPPTYPE_UINT32) {
    reflection.SetUInt32(run, &field, static_cast<uint32_t>(number));
  } else {
    reflection.SetUInt64(run, &field, number);
  }
}

uint64_t NumberOf(const RunSpec& run, const pb::FieldDescriptor& field) {
  const pb::Reflection& reflection = *run.GetReflection();
  return field.cpp_type() == pb::FieldDescriptor::CPPTYPE_UINT32
             ? reflection.GetUInt32(run, &field)
             : reflection.GetUInt64(run, &field);
}

absl::Status SetString(const RunSwitch& each, std::string_view text, RunSpec* run) {
  const pb::Reflection& reflection = *run->GetReflection();
  const auto& choices = each.flag->choice();
  // That it depends can be said, too.
  if (!choices.empty() && text.empty() && each.flag->by_default().empty()) {
    reflection.ClearField(run, each.field);
    return absl::OkStatus();
  }
  if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
    return BadFlag(each.name(), text, UnknownNameText(each.name(), text, NameList(choices)));
  }
  reflection.SetString(run, each.field, std::string(text));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> ParseInRange(const OptionRange& range, std::string_view text) {
  const absl::string_view digits(text.data(), text.size());
  uint64_t number = 0;
  const bool is_number = absl::StartsWith(digits, "0x") ? absl::SimpleHexAtoi(digits, &number)
                                                        : absl::SimpleAtoi(digits, &number);
  if (is_number && number >= range.least && number <= range.most) return number;
  return BadFlag(range.name, text,
                 fmt::format("it takes a whole number in {}..{}", range.least, range.most));
}

absl::Status BadFlag(std::string_view name, std::string_view value, std::string_view why) {
  constexpr size_t kShownBytesMax = 200;
  std::string shown = Printable(value.substr(0, kShownBytesMax));
  if (value.size() > kShownBytesMax) shown += "...";
  return absl::InvalidArgumentError(
      fmt::format("--{}={}: {}", absl::StrReplaceAll(Absl(name), {{"_", "-"}}), shown, why));
}

bool RunSwitch::is_bool() const { return field->cpp_type() == pb::FieldDescriptor::CPPTYPE_BOOL; }

bool RunSwitch::is_number() const {
  return field->cpp_type() == pb::FieldDescriptor::CPPTYPE_UINT32 ||
         field->cpp_type() == pb::FieldDescriptor::CPPTYPE_UINT64;
}

const std::vector<RunSwitch>& Switches() {
  static const auto& switches = *[] {
    auto* all = new std::vector<RunSwitch>;
    const pb::Descriptor& run = *RunSpec::descriptor();
    for (int i = 0; i < run.field_count(); ++i) {
      all->push_back({run.field(i), &run.field(i)->options().GetExtension(run_flag)});
    }
    return all;
  }();
  return switches;
}

std::vector<std::string> SwitchNames() {
  std::vector<std::string> names;
  for (const RunSwitch& each : Switches()) names.emplace_back(each.name());
  return names;
}

const RunSwitch* FindSwitch(std::string_view name) {
  for (const RunSwitch& each : Switches()) {
    if (each.name() == name) return &each;
  }
  return nullptr;
}

const OptionRange* RangeOfSwitch(std::string_view name) {
  static const auto& ranges = *[] {
    auto* all = new std::vector<OptionRange>;
    for (const RunSwitch& each : Switches()) {
      if (each.is_number()) all->push_back({each.name(), each.flag->least(), each.flag->most()});
    }
    return all;
  }();
  for (const OptionRange& range : ranges) {
    if (range.name == name) return &range;
  }
  return nullptr;
}

absl::Status SetSwitch(std::string_view name, std::string_view text, RunSpec* run) {
  const RunSwitch* const each = FindSwitch(name);
  if (each == nullptr) return UnknownName("flag of run", name, SwitchNames());
  const pb::Reflection& reflection = *run->GetReflection();
  if (each->is_list()) {
    reflection.ClearField(run, each->field);
    for (const absl::string_view word : absl::StrSplit(Absl(text), ',', absl::SkipEmpty())) {
      reflection.AddString(run, each->field, std::string(word));
    }
    return absl::OkStatus();
  }
  if (each->is_bool()) {
    bool value = false;
    if (!absl::SimpleAtob(Absl(text), &value)) {
      return BadFlag(name, text, "it takes true or false");
    }
    reflection.SetBool(run, each->field, value);
    return absl::OkStatus();
  }
  if (!each->is_number()) return SetString(*each, text, run);
  const absl::StatusOr<uint64_t> number = ParseInRange(*RangeOfSwitch(name), text);
  if (number.ok()) SetNumber(*each->field, *number, run);
  return number.status();
}

bool IsSet(const RunSpec& run, const RunSwitch& each) {
  const pb::Reflection& reflection = *run.GetReflection();
  return each.is_list() ? reflection.FieldSize(run, each.field) > 0
                        : reflection.HasField(run, each.field);
}

std::string SwitchText(const RunSpec& run, const RunSwitch& each) {
  if (!IsSet(run, each)) return "";
  const pb::Reflection& reflection = *run.GetReflection();
  if (each.is_list()) {
    std::string text;
    for (int i = 0; i < reflection.FieldSize(run, each.field); ++i) {
      text += (i == 0 ? "" : ",") + reflection.GetRepeatedString(run, each.field, i);
    }
    return text;
  }
  if (each.is_bool()) return reflection.GetBool(run, each.field) ? "true" : "false";
  if (each.is_number()) return fmt::format("{}", NumberOf(run, *each.field));
  return reflection.GetString(run, each.field);
}

RunSpec WithDefaults(RunSpec run) {
  for (const RunSwitch& each : Switches()) {
    if (each.is_list() || each.flag->by_default().empty() || IsSet(run, each)) continue;
    CHECK(SetSwitch(each.name(), each.flag->by_default(), &run).ok());
  }
  return run;
}

std::vector<std::string> WordsOf(const SwitchWords& list) {
  std::vector<std::string> words;
  for (const std::string& element : list) {
    for (const absl::string_view word : absl::StrSplit(element, ',', absl::SkipEmpty())) {
      words.emplace_back(word);
    }
  }
  return words;
}

}  // namespace slablab
