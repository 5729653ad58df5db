// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_MESSAGE_JSON_H_
#define SLABLAB_REPORTS_MESSAGE_JSON_H_

#include <string>
#include <string_view>

#include "google/protobuf/message.h"

namespace slablab {

// On several lines, fields under their names in the .proto file, those of the default value too.
// REQUIRES: strings are UTF-8.
std::string MessageToJson(const google::protobuf::Message& message);

// The same on one line, without its end.
std::string MessageToJsonLine(const google::protobuf::Message& message);

// `text` in quotes.
std::string JsonString(std::string_view text);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_MESSAGE_JSON_H_
