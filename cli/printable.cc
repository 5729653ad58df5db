// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/printable.h"

#include <google/protobuf/stubs/common.h>

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "google/protobuf/descriptor.h"

namespace slablab {
namespace {

using google::protobuf::FieldDescriptor;

bool IsUtf8(const std::string& text) {
  return google::protobuf::internal::IsStructurallyValidUTF8(text.data(),
                                                             static_cast<int>(text.size()));
}

}  // namespace

std::string Printable(const std::string& text) {
  const bool has_controls =
      std::any_of(text.begin(), text.end(), [](char c) { return absl::ascii_iscntrl(c); });
  return has_controls || !IsUtf8(text) ? absl::CHexEscape(text) : text;
}

void MakePrintable(google::protobuf::Message* message) {
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(*message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(*message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        MakePrintable(field->is_repeated() ? reflection.MutableRepeatedMessage(message, field, i)
                                           : reflection.MutableMessage(message, field));
      } else if (field->type() == FieldDescriptor::TYPE_STRING && field->is_repeated()) {
        const std::string text = reflection.GetRepeatedString(*message, field, i);
        if (!IsUtf8(text)) {
          reflection.SetRepeatedString(message, field, i, absl::CHexEscape(text));
        }
      } else if (field->type() == FieldDescriptor::TYPE_STRING) {
        const std::string text = reflection.GetString(*message, field);
        if (!IsUtf8(text)) reflection.SetString(message, field, absl::CHexEscape(text));
      }
    }
  }
}

}  // namespace slablab
