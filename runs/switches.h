// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SWITCHES_H_
#define SLABLAB_RUNS_SWITCHES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "runs/run_spec.pb.h"

// The switches of a run: the fields of RunSpec with what their options say of them. Whatever is
// done to every switch (flags, help, echoes, labels) goes over these, and knows none by its name.

namespace slablab {

// The whole numbers that an option takes.
struct OptionRange {
  std::string_view name;  // with underscores
  uint64_t least = 0;
  uint64_t most = 0;
};
// `text` as a number of `range`. InvalidArgument says what it takes.
absl::StatusOr<uint64_t> ParseInRange(const OptionRange& range, std::string_view text);

// "--place=sprad: unknown placement ...": what is wrong with an option's value.
absl::Status BadFlag(std::string_view name, std::string_view value, std::string_view why);

struct RunSwitch {
  const google::protobuf::FieldDescriptor* field;
  const RunFlag* flag;

  std::string_view name() const { return field->name(); }  // with underscores
  bool is_list() const { return field->is_repeated(); }
  bool is_bool() const;
  bool is_number() const;
};

// In the order of run_spec.proto.
const std::vector<RunSwitch>& Switches();
std::vector<std::string> SwitchNames();
// Null, if a run has none of that name.
const RunSwitch* FindSwitch(std::string_view name);
// Every switch that is a number has one; null for all others.
const OptionRange* RangeOfSwitch(std::string_view name);

// Sets what the switch of that name sets, from the words a user would write behind it: "place",
// "pack". InvalidArgument names the switch and what is valid. A list takes the place of the list.
absl::Status SetSwitch(std::string_view name, std::string_view text, RunSpec* run);
// What SetSwitch() takes; of a list the elements with commas between. Empty if it is not set.
std::string SwitchText(const RunSpec& run, const RunSwitch& each);
bool IsSet(const RunSpec& run, const RunSwitch& each);

// `run` with what it does not say at its default, where it has one.
RunSpec WithDefaults(RunSpec run);

using SwitchWords = google::protobuf::RepeatedPtrField<std::string>;
// The words of a list: a textproto may have several in one element, with commas between.
std::vector<std::string> WordsOf(const SwitchWords& list);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SWITCHES_H_
