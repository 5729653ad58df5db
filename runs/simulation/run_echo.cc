// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/run_echo.h"

#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "runs/switches.h"

namespace slablab {
namespace {

namespace pb = google::protobuf;
using Type = pb::FieldDescriptor::CppType;

// Of RunConfig; null, if the switch has none.
const pb::FieldDescriptor* ReportedField(const RunSwitch& each) {
  if (each.flag->reported().empty()) return nullptr;
  const pb::FieldDescriptor* field =
      RunConfig::descriptor()->FindFieldByName(each.flag->reported());
  CHECK(field != nullptr);
  return field;
}

// A word of a list, "cpu_partial=0", in a message of a name and a value.
void AddNamed(const std::string& word, const pb::FieldDescriptor& field, RunConfig* config) {
  pb::Message& named = *config->GetReflection()->AddMessage(config, &field);
  const pb::Reflection& reflection = *named.GetReflection();
  const pb::FieldDescriptor* const value = field.message_type()->FindFieldByName("value");
  const size_t equals = word.rfind('=');
  CHECK(equals != std::string::npos);
  const std::string text = word.substr(equals + 1);
  reflection.SetString(&named, field.message_type()->FindFieldByName("name"),
                       word.substr(0, equals));
  if (value->cpp_type() == Type::CPPTYPE_STRING) {
    reflection.SetString(&named, value, text);
    return;
  }
  int64_t number = 0;
  CHECK(absl::SimpleAtoi(text, &number));
  reflection.SetInt64(&named, value, number);
}

std::string NamedText(const pb::Message& named) {
  const pb::Reflection& reflection = *named.GetReflection();
  const pb::FieldDescriptor* const value = named.GetDescriptor()->FindFieldByName("value");
  return absl::StrCat(
      reflection.GetString(named, named.GetDescriptor()->FindFieldByName("name")), "=",
      value->cpp_type() == Type::CPPTYPE_STRING ? reflection.GetString(named, value)
                                                : absl::StrCat(reflection.GetInt64(named, value)));
}

void FillList(const RunSpec& run, const RunSwitch& each, const pb::FieldDescriptor& field,
              RunConfig* config) {
  const pb::Reflection& reflection = *config->GetReflection();
  reflection.ClearField(config, &field);
  SwitchWords list;
  for (int i = 0; i < run.GetReflection()->FieldSize(run, each.field); ++i) {
    *list.Add() = run.GetReflection()->GetRepeatedString(run, each.field, i);
  }
  for (const std::string& word : WordsOf(list)) {
    if (field.cpp_type() == Type::CPPTYPE_STRING) {
      reflection.AddString(config, &field, word);
    } else {
      AddNamed(word, field, config);
    }
  }
}

void FillOne(const RunSpec& run, const RunSwitch& each, const pb::FieldDescriptor& field,
             RunConfig* config) {
  const pb::Reflection& reflection = *config->GetReflection();
  const std::string text = SwitchText(run, each);
  uint64_t number = 0;
  if (each.is_number()) CHECK(text.empty() || absl::SimpleAtoi(text, &number));
  switch (field.cpp_type()) {
    case Type::CPPTYPE_STRING:
      return reflection.SetString(config, &field, text);
    case Type::CPPTYPE_BOOL:  // Where there are choices, the first is yes.
      return reflection.SetBool(config, &field,
                                text == (each.is_bool() ? "true" : each.flag->choice(0)));
    case Type::CPPTYPE_INT32:
      return reflection.SetInt32(config, &field, static_cast<int32_t>(number));
    case Type::CPPTYPE_UINT32:
      return reflection.SetUInt32(config, &field, static_cast<uint32_t>(number));
    case Type::CPPTYPE_UINT64:
      return reflection.SetUInt64(config, &field, number);
    default:
      CHECK(false);
  }
}

std::string ReportedText(const RunConfig& config, const RunSwitch& each,
                         const pb::FieldDescriptor& field) {
  const pb::Reflection& reflection = *config.GetReflection();
  switch (field.cpp_type()) {
    case Type::CPPTYPE_STRING:
      return reflection.GetString(config, &field);
    case Type::CPPTYPE_BOOL: {
      const bool is_on = reflection.GetBool(config, &field);
      if (each.is_bool()) return is_on ? "true" : "false";
      return each.flag->choice(is_on ? 0 : 1);
    }
    case Type::CPPTYPE_INT32:
      return absl::StrCat(reflection.GetInt32(config, &field));
    case Type::CPPTYPE_UINT32:
      return absl::StrCat(reflection.GetUInt32(config, &field));
    case Type::CPPTYPE_UINT64:
      return absl::StrCat(reflection.GetUInt64(config, &field));
    default:
      CHECK(false);
  }
}

}  // namespace

void FillReported(const RunSpec& run, RunConfig* config) {
  for (const RunSwitch& each : Switches()) {
    const pb::FieldDescriptor* const field = ReportedField(each);
    if (field == nullptr) continue;
    if (each.is_list()) {
      FillList(run, each, *field, config);
    } else {
      FillOne(run, each, *field, config);
    }
  }
}

RunSpec RunOf(const RunConfig& config) {
  if (config.has_run()) return config.run();
  RunSpec run;
  const pb::Reflection& from = *config.GetReflection();
  for (const RunSwitch& each : Switches()) {
    const pb::FieldDescriptor* const field = ReportedField(each);
    if (field == nullptr) continue;
    if (!each.is_list()) {
      const std::string text = ReportedText(config, each, *field);
      // "stated" by the workload is where a run is placed anyhow, and a scale of 0 was 1.
      if (!text.empty()) SetSwitch(each.name(), text, &run).IgnoreError();
      continue;
    }
    for (int i = 0; i < from.FieldSize(config, field); ++i) {
      run.GetReflection()->AddString(&run, each.field,
                                     field->cpp_type() == Type::CPPTYPE_STRING
                                         ? from.GetRepeatedString(config, field, i)
                                         : NamedText(from.GetRepeatedMessage(config, field, i)));
    }
  }
  // Tasks move in closed order alone.
  if (run.order() != "closed") run.clear_balance();
  return run;
}

}  // namespace slablab
