// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/spec_text.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/names.h"
#include "fmt/format.h"

namespace slablab {
namespace {

namespace pb = google::protobuf;

// Protocol Buffers' message, with the fields near one that there is not.
std::string WithHint(const std::string& message) {
  constexpr std::string_view kType = "Message type \"";
  constexpr std::string_view kField = "\" has no field named \"";
  const size_t field = message.find(kField);
  if (!message.starts_with(kType) || field == std::string::npos) return message;
  const size_t name = field + kField.size();
  const std::string unknown = message.substr(name, message.find('"', name) - name);
  const pb::Descriptor* const type = pb::DescriptorPool::generated_pool()->FindMessageTypeByName(
      message.substr(kType.size(), field - kType.size()));
  std::vector<std::string> names;
  for (int i = 0; type != nullptr && i < type->field_count(); ++i) {
    names.push_back(type->field(i)->name());
  }
  return message + DidYouMean(unknown, names);
}

// Keeps the first error; what follows it is often a consequence.
class FirstError : public pb::io::ErrorCollector {
 public:
  explicit FirstError(const std::string& label) : label_(label) {}
  // Protocol Buffers counts both from 0, and has -1 for an error without a place.
  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(
          line < 0 ? fmt::format("{}: {}", label_, WithHint(message))
                   : fmt::format("{}:{}:{}: {}", label_, line + 1, column + 1, WithHint(message)));
    }
  }
  const absl::Status& status() const { return status_; }

 private:
  const std::string& label_;
  absl::Status status_;
};

void CollectPositions(const pb::Message& message, pb::TextFormat::ParseInfoTree* tree,
                      const std::string& prefix, SpecOrigin* origin) {
  std::vector<const pb::FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    const bool repeated = field->is_repeated();
    const int count = repeated ? message.GetReflection()->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const std::string path =
          repeated ? fmt::format("{}{}[{}]", prefix, field->name(), i) : prefix + field->name();
      const int index = repeated ? i : -1;
      const pb::TextFormat::ParseLocation at = tree->GetLocation(field, index);
      if (at.line >= 0) origin->SetPosition(path, at.line + 1, at.column + 1);
      // What is wrong with a list as a whole is said where it begins.
      if (at.line >= 0 && repeated && i == 0) {
        origin->SetPosition(prefix + field->name(), at.line + 1, at.column + 1);
      }
      if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
      pb::TextFormat::ParseInfoTree* nested = tree->GetTreeForNested(field, index);
      if (nested == nullptr) continue;
      const pb::Reflection& reflection = *message.GetReflection();
      CollectPositions(repeated ? reflection.GetRepeatedMessage(message, field, i)
                                : reflection.GetMessage(message, field),
                       nested, path + ".", origin);
    }
  }
}

// The path of the message or list that holds the field at `path`: "remote[1].distance" is in
// "remote[1]", that in "remote".
std::optional<std::string_view> Around(std::string_view path) {
  const size_t end = path.find_last_of(".[");
  if (end == std::string_view::npos) return std::nullopt;
  return path.substr(0, end);
}

}  // namespace

void SpecOrigin::SetPosition(const std::string& path, int line, int column) {
  positions_[path] = {.line = line, .column = column};
}

void SpecOrigin::SetPositionOf(const std::string& path, std::string_view of) {
  const auto position = positions_.find(of);
  if (position != positions_.end()) positions_[path] = position->second;
}

absl::Status SpecOrigin::Error(std::string_view path, std::string_view message) const {
  for (std::optional<std::string_view> part = path; part.has_value(); part = Around(*part)) {
    const auto position = positions_.find(*part);
    if (position == positions_.end()) continue;
    return absl::InvalidArgumentError(fmt::format("{}:{}:{}: {}", label_, position->second.line,
                                                  position->second.column, message));
  }
  return absl::InvalidArgumentError(fmt::format("{}: {}", label_, message));
}

// Messages in messages. What is parsed here has a handful, and a workload as many as its steps
// nest, which have a lower bound of their own.
constexpr int kMostNested = 1000;

absl::Status ParseTextproto(std::string_view text, pb::Message* message, SpecOrigin* origin) {
  FirstError first_error(origin->label());
  pb::TextFormat::ParseInfoTree tree;
  pb::TextFormat::Parser parser;
  parser.SetRecursionLimit(kMostNested);  // it recurses, and its stack has an end
  parser.RecordErrorsTo(&first_error);
  parser.WriteLocationsTo(&tree);
  if (!parser.ParseFromString(std::string(text), message)) return first_error.status();
  CollectPositions(*message, &tree, "", origin);
  return absl::OkStatus();
}

absl::StatusOr<ParsedSpec> ParseSpec(std::string_view text, std::string label) {
  ParsedSpec result{.spec = {}, .origin = SpecOrigin(std::move(label))};
  if (absl::Status status = ParseTextproto(text, &result.spec, &result.origin); !status.ok()) {
    return status;
  }
  return result;
}

}  // namespace slablab
