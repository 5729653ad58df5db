// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_POLICIES_H_
#define SLABLAB_ALLOCATORS_POLICIES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

// The switches of a model's policy: its eras' differences, each by a name. A row of a table is a
// field of the policy that the model's code asks, so that what is listed and set is what decides.

namespace slablab {

// A switch of a policy, for whoever lists it.
struct PolicyInfo {
  std::string_view name;
  std::string_view meaning;
  absl::Span<const std::string_view> words = {};  // its values; empty: numbers
  uint32_t least = 0;
  uint32_t most = 0;
  std::string value;           // the policy's
  std::string_view idle = {};  // why it decides nothing there; empty: it does
};

// "no, yes" or "0..10".
std::string ValuesText(const PolicyInfo& info);

// "[ALLOCATOR:]NAME=VALUE", of the model of that name alone.
struct PolicySetting {
  std::string allocator;  // empty: any
  std::string name;
  std::string value;
};
absl::StatusOr<PolicySetting> ParsePolicy(std::string_view text);

// A switch that was set in a run.
struct PolicyChange {
  std::string name;
  std::string value;
  std::string own;  // what it would have been
};

template <typename Policy>
struct PolicyRow {
  std::string_view name;
  std::string_view meaning;
  absl::Span<const std::string_view> words;  // by the field's value; empty: a number
  uint32_t least;
  uint32_t most;
  uint32_t (*get)(const Policy& policy);
  void (*set)(Policy& policy, uint32_t value);
  // Why it decides nothing under this policy; empty: it does.
  std::string_view (*idle)(const Policy& policy);
};

template <typename Policy>
struct PolicyTable {
  absl::Span<const PolicyRow<Policy>> rows;
  // Why values do not go together, for the user; empty: they do.
  std::string (*refusal)(const Policy& policy);
  // Fills in what follows from switches that were set. `own` is what it was.
  void (*derive)(const Policy& own, Policy& policy);
};

// --- Making rows. ---

inline constexpr std::string_view kNoOrYes[] = {"no", "yes"};

namespace policy_internal {

template <auto kMember, auto... kFurther, typename Part>
constexpr auto& FieldOf(Part& part) {
  if constexpr (sizeof...(kFurther) == 0) {
    return part.*kMember;
  } else {
    return FieldOf<kFurther...>(part.*kMember);
  }
}

template <typename Whole, typename Member>
Whole WholeOf(Member Whole::*);

// What the first of the members is a member of.
template <auto kFirst, auto...>
struct First {
  using Policy = decltype(WholeOf(kFirst));
};

template <typename Policy>
constexpr std::string_view NeverIdle(const Policy&) {
  return {};
}

}  // namespace policy_internal

// What a row says, but for its field.
template <typename Policy>
struct PolicyWords {
  std::string_view name;
  std::string_view meaning;
  absl::Span<const std::string_view> words = kNoOrYes;
  std::string_view (*idle)(const Policy& policy) = policy_internal::NeverIdle<Policy>;
};

// The row of a field, which the members lead to one after another. Words are in the order of the
// field's values.
template <auto... kMembers, typename Policy = typename policy_internal::First<kMembers...>::Policy>
constexpr PolicyRow<Policy> Switch(const PolicyWords<Policy>& words) {
  return {.name = words.name,
          .meaning = words.meaning,
          .words = words.words,
          .least = 0,
          .most = static_cast<uint32_t>(words.words.size() - 1),
          .get = [](const Policy& policy) -> uint32_t {
            return static_cast<uint32_t>(policy_internal::FieldOf<kMembers...>(policy));
          },
          .set =
              [](Policy& policy, uint32_t value) {
                auto& field = policy_internal::FieldOf<kMembers...>(policy);
                field = static_cast<std::remove_reference_t<decltype(field)>>(value);
              },
          .idle = words.idle};
}

// The same of one that takes numbers.
template <auto... kMembers, typename Policy = typename policy_internal::First<kMembers...>::Policy>
constexpr PolicyRow<Policy> NumberSwitch(uint32_t least, uint32_t most,
                                         const PolicyWords<Policy>& words) {
  PolicyRow<Policy> row = Switch<kMembers...>(words);
  row.words = {};
  row.least = least;
  row.most = most;
  return row;
}

// The rows of several tables as one.
template <typename Row, size_t... kSizes>
constexpr auto JoinRows(const std::array<Row, kSizes>&... parts) {
  std::array<Row, (kSizes + ...)> rows{};
  size_t at = 0;
  const auto append = [&](const auto& part) {
    for (const Row& row : part) rows[at++] = row;
  };
  (append(parts), ...);
  return rows;
}

// --- What they are asked. ---

// As text, and from it: InvalidArgument with what is valid.
std::string PolicyValueText(const PolicyInfo& info, uint32_t value);
absl::StatusOr<uint32_t> ParsePolicyValue(std::string_view model, const PolicyInfo& info,
                                          std::string_view value);
// InvalidArgument: a model has no such switch.
absl::Status UnknownPolicy(std::string_view model, std::string_view name,
                           const std::vector<std::string>& valid);
// InvalidArgument: it is of another model; it is of no use there.
absl::Status ForeignPolicy(std::string_view model, const PolicySetting& setting);
absl::Status IdlePolicy(std::string_view model, std::string_view name, std::string_view why);
absl::Status RefusedPolicies(std::string_view model, std::string_view why);

template <typename Policy>
std::vector<PolicyInfo> ListPolicies(const PolicyTable<Policy>& table, const Policy& policy) {
  std::vector<PolicyInfo> infos;
  for (const PolicyRow<Policy>& row : table.rows) {
    infos.push_back({.name = row.name,
                     .meaning = row.meaning,
                     .words = row.words,
                     .least = row.least,
                     .most = row.most,
                     .value = {},
                     .idle = row.idle(policy)});
    infos.back().value = PolicyValueText(infos.back(), row.get(policy));
  }
  return infos;
}

// The policy with what each of `settings` says, whatever the values of others; one that is set
// again counts for the last time.
template <typename Policy>
absl::StatusOr<Policy> WithoutCheck(const PolicyTable<Policy>& table, const Policy& own,
                                    absl::Span<const std::string> settings) {
  Policy policy = own;
  const std::vector<PolicyInfo> infos = ListPolicies(table, own);
  for (const std::string& text : settings) {
    const absl::StatusOr<PolicySetting> setting = ParsePolicy(text);
    if (!setting.ok()) return setting.status();
    if (!setting->allocator.empty() && setting->allocator != own.name) {
      return ForeignPolicy(own.name, *setting);
    }
    size_t at = 0;
    while (at < infos.size() && infos[at].name != setting->name) ++at;
    if (at == infos.size()) {
      std::vector<std::string> names;
      for (const PolicyInfo& info : infos) names.emplace_back(info.name);
      return UnknownPolicy(own.name, setting->name, names);
    }
    const absl::StatusOr<uint32_t> value = ParsePolicyValue(own.name, infos[at], setting->value);
    if (!value.ok()) return value.status();
    table.rows[at].set(policy, *value);
  }
  return policy;
}

// The same, as a model can have it: what follows from the switches is filled in, and what cannot be
// is refused with the reason, as is a switch that was set and decides nothing.
template <typename Policy>
absl::StatusOr<Policy> WithPolicies(const PolicyTable<Policy>& table, const Policy& own,
                                    absl::Span<const std::string> settings) {
  absl::StatusOr<Policy> policy = WithoutCheck(table, own, settings);
  if (!policy.ok() || settings.empty()) return policy;
  for (const PolicyRow<Policy>& row : table.rows) {
    const std::string_view idle = row.idle(*policy);
    if (!idle.empty() && row.get(*policy) != row.get(own)) {
      return IdlePolicy(own.name, row.name, idle);
    }
  }
  const std::string refusal = table.refusal(*policy);
  if (!refusal.empty()) return RefusedPolicies(own.name, refusal);
  table.derive(own, *policy);
  return policy;
}

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_POLICIES_H_
