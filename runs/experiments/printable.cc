// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/printable.h"

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "google/protobuf/descriptor.h"

namespace slablab {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

std::string PrintableOf(const FieldDescriptor& field, const std::string& text) {
  return absl::EndsWith(field.name(), "_textproto") ? PrintableLines(text) : Printable(text);
}

// A result is thousands of messages, most of them of numbers alone: those are not looked into.
class Printer {
 public:
  void Print(google::protobuf::Message* message) {
    if (!HoldsText(*message->GetDescriptor())) return;
    const google::protobuf::Reflection& reflection = *message->GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(*message, &fields);
    for (const FieldDescriptor* field : fields) {
      const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
      if (is_message ? !HoldsText(*field->message_type())
                     : field->type() != FieldDescriptor::TYPE_STRING) {
        continue;
      }
      const int count = field->is_repeated() ? reflection.FieldSize(*message, field) : 1;
      for (int i = 0; i < count; ++i) {
        if (is_message) {
          Print(field->is_repeated() ? reflection.MutableRepeatedMessage(message, field, i)
                                     : reflection.MutableMessage(message, field));
        } else if (field->is_repeated()) {
          const std::string text = reflection.GetRepeatedString(*message, field, i);
          reflection.SetRepeatedString(message, field, i, PrintableOf(*field, text));
        } else {
          const std::string text = reflection.GetString(*message, field);
          reflection.SetString(message, field, PrintableOf(*field, text));
        }
      }
    }
  }

 private:
  // Of a type that holds itself: true, while it is not known.
  bool HoldsText(const Descriptor& type) {
    const auto [known, is_new] = holds_text_.try_emplace(&type, true);
    if (!is_new) return known->second;
    bool holds = false;
    for (int i = 0; i < type.field_count() && !holds; ++i) {
      const FieldDescriptor& field = *type.field(i);
      holds = field.type() == FieldDescriptor::TYPE_STRING ||
              (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
               HoldsText(*field.message_type()));
    }
    return holds_text_[&type] = holds;
  }

  absl::flat_hash_map<const Descriptor*, bool> holds_text_;  // never iterated
};

}  // namespace

void MakePrintable(google::protobuf::Message* message) { Printer().Print(message); }

TraceHeader PrintableHeader(TraceHeader header) {
  for (std::string* text :
       {&header.kernel_release, &header.clock, &header.source_format, &header.source_name}) {
    *text = Printable(*text);
  }
  for (std::vector<std::string>* texts :
       {&header.call_sites, &header.gfp_flags, &header.assumptions}) {
    for (std::string& text : *texts) text = Printable(text);
  }
  for (TraceCache& cache : header.caches) cache.name = Printable(cache.name);
  for (TraceTask& task : header.tasks) task.comm = Printable(task.comm);
  for (TraceRepair& repair : header.repairs) {
    repair.name = Printable(repair.name);
    repair.explanation = Printable(repair.explanation);
    for (TraceRepair::Part& part : repair.parts) part.name = Printable(part.name);
  }
  return header;
}

}  // namespace slablab
