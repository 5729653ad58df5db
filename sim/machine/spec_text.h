// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MACHINE_SPEC_TEXT_H_
#define SLABLAB_SIM_MACHINE_SPEC_TEXT_H_

#include <google/protobuf/message.h>

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sim/machine/machine.pb.h"

// What users write as textprotos: parsing it, and saying where in the text something is wrong.

namespace slablab {

// Where a message came from, and where in it each field stands.
class SpecOrigin {
 public:
  // `label` opens every message: a file's name, or what else the user called the machine.
  explicit SpecOrigin(std::string label) : label_(std::move(label)) {}

  const std::string& label() const { return label_; }

  // Notes that the field at `path` ("l2.size_bytes", "remote[1].distance") stands at this line and
  // column, both counted from 1.
  void SetPosition(const std::string& path, int line, int column);

  // From now on the field at `path` stands where the one at `of` does, if that is in the text.
  void SetPositionOf(const std::string& path, std::string_view of);

  // InvalidArgument "label:line:column: message". The position is that of the field at `path` or,
  // if the text does not have it, of the nearest message around it that the text has; without any,
  // "label: message".
  absl::Status Error(std::string_view path, std::string_view message) const;

 private:
  struct Position {
    int line = 0;
    int column = 0;
  };
  std::string label_;
  std::map<std::string, Position, std::less<>> positions_;
};

// Parses `text` as a textproto into `message` and notes where its fields stand. The first error is
// returned, with its line and column. For any message: whoever has a textproto of a user's.
absl::Status ParseTextproto(std::string_view text, google::protobuf::Message* message,
                            SpecOrigin* origin);

struct ParsedSpec {
  MachineSpec spec;
  SpecOrigin origin;
};

// ParseTextproto of a machine.
absl::StatusOr<ParsedSpec> ParseSpec(std::string_view text, std::string label);

}  // namespace slablab

#endif  // SLABLAB_SIM_MACHINE_SPEC_TEXT_H_
