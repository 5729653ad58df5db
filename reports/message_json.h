// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_MESSAGE_JSON_H_
#define SLABLAB_REPORTS_MESSAGE_JSON_H_

#include <string>

#include "google/protobuf/message.h"

namespace slablab {

// On several lines, fields under their names in the .proto file, those of the default value too.
// REQUIRES: strings are UTF-8.
std::string MessageToJson(const google::protobuf::Message& message);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_MESSAGE_JSON_H_
