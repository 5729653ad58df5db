// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/printable.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "google/protobuf/descriptor.h"

namespace slablab {
namespace {

using google::protobuf::FieldDescriptor;

std::string PrintableOf(const FieldDescriptor& field, const std::string& text) {
  return absl::EndsWith(field.name(), "_textproto") ? PrintableLines(text) : Printable(text);
}

}  // namespace

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
        reflection.SetRepeatedString(message, field, i, PrintableOf(*field, text));
      } else if (field->type() == FieldDescriptor::TYPE_STRING) {
        const std::string text = reflection.GetString(*message, field);
        reflection.SetString(message, field, PrintableOf(*field, text));
      }
    }
  }
}

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
