// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/message_json.h"

#include "base/check.h"
#include "fmt/format.h"
#include "google/protobuf/util/json_util.h"

namespace slablab {
namespace {

std::string Printed(const google::protobuf::Message& message, bool on_several_lines) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = on_several_lines;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  CHECK(google::protobuf::util::MessageToJsonString(message, &json, options).ok());
  return json;
}

}  // namespace

std::string MessageToJson(const google::protobuf::Message& message) {
  return Printed(message, /*on_several_lines=*/true);
}

std::string MessageToJsonLine(const google::protobuf::Message& message) {
  return Printed(message, /*on_several_lines=*/false);
}

std::string JsonString(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    if (static_cast<unsigned char>(c) < ' ') {
      json += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      json += c;
    }
  }
  return json + '"';
}

}  // namespace slablab
