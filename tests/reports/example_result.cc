// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/reports/example_result.h"

#include <fstream>
#include <iterator>

#include "base/check.h"
#include "google/protobuf/text_format.h"

namespace slablab {
namespace {

namespace pb = google::protobuf;

std::string AnyName(Random& random) {
  static constexpr std::string_view kNames[] = {
      "",
      "fast path",
      "alloc_fastpath",
      "free_slowpath",
      "use",
      "page allocator",
      "interrupt",
      "lock",
      "L1",
      "DRAM remote",
      "lock wait",
      "\u00fcml\u00e4ut \u20ac in a name that is rather long for a column of a table",
      "\033[31mred\r\n\ttab\x7f",
      "one_word_without_any_blank_that_is_longer_than_any_line_of_the_report_may_ever_be_by_far_x",
      "sentences have several words, and are wrapped where the line ends, if it does; commas too",
  };
  return std::string(kNames[random.Below(std::size(kNames))]);
}

uint64_t AnyNumber(Random& random) { return random.Next() >> random.Below(64); }

void Fill(pb::Message& message, Random& random);

void FillField(pb::Message& message, const pb::FieldDescriptor& field, Random& random) {
  const pb::Reflection& reflection = *message.GetReflection();
  const bool add = field.is_repeated();
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32: {
      const int32_t value = static_cast<int32_t>(AnyNumber(random));
      if (add) {
        reflection.AddInt32(&message, &field, value);
      } else {
        reflection.SetInt32(&message, &field, value);
      }
      break;
    }
    case pb::FieldDescriptor::CPPTYPE_INT64: {
      const int64_t value = static_cast<int64_t>(AnyNumber(random));
      reflection.SetInt64(&message, &field, value);
      break;
    }
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      reflection.SetUInt32(&message, &field, static_cast<uint32_t>(AnyNumber(random)));
      break;
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      reflection.SetUInt64(&message, &field, AnyNumber(random));
      break;
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      reflection.SetBool(&message, &field, random.Chance(1, 2));
      break;
    case pb::FieldDescriptor::CPPTYPE_STRING:
      if (add) {
        reflection.AddString(&message, &field, AnyName(random));
      } else {
        reflection.SetString(&message, &field, AnyName(random));
      }
      break;
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      reflection.SetEnumValue(
          &message, &field,
          static_cast<int>(random.Below(static_cast<uint64_t>(field.enum_type()->value_count()))));
      break;
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      Fill(add ? *reflection.AddMessage(&message, &field)
               : *reflection.MutableMessage(&message, &field),
           random);
      break;
    default:
      CHECK(false);
  }
}

void Fill(pb::Message& message, Random& random) {
  const pb::Descriptor& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const pb::FieldDescriptor& field = *descriptor.field(i);
    const uint64_t times = field.is_repeated() ? random.Below(30) : 1;
    for (uint64_t j = 0; j < times; ++j) FillField(message, field, random);
  }
}

}  // namespace

std::string TestData(const std::string& name) {
  std::ifstream file("tests/reports/testdata/" + name, std::ios::binary);
  CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

RunResult ExampleResult() {
  RunResult result;
  CHECK(pb::TextFormat::ParseFromString(TestData("example.textproto"), &result));
  return result;
}

RunResult AnyResult(Random& random) {
  RunResult result;
  Fill(result, random);
  return result;
}

}  // namespace slablab
