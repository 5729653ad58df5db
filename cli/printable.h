// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_PRINTABLE_H_
#define SLABLAB_CLI_PRINTABLE_H_

#include <string>

#include "google/protobuf/message.h"

namespace slablab {

// Names come from kernels and users and need not be UTF-8, which JSON, protobufs' strings and
// terminals want. What is not, or has control characters, is escaped as in C, as a whole.
std::string Printable(const std::string& text);

// Escapes every string in `message` that is not UTF-8.
void MakePrintable(google::protobuf::Message* message);

}  // namespace slablab

#endif  // SLABLAB_CLI_PRINTABLE_H_
