// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_SYNTHETIC_EXPRESSION_H_
#define SLABLAB_WORKLOADS_SYNTHETIC_EXPRESSION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/random.h"

namespace slablab {

// What names stand for: values known from the start, and variables by number.
struct ExpressionNames {
  std::map<std::string, int64_t, std::less<>> constants;
  std::map<std::string, uint32_t, std::less<>> variables;
};

// An expression of whole numbers, as workloads/workload.proto describes them, in postfix form. What
// is constant is computed when it is parsed. Numbers are 64 bits and wrap.
class Expression {
 public:
  // Always 0.
  Expression() = default;
  // InvalidArgument names the column and what was expected. At most kTextMax characters.
  static absl::StatusOr<Expression> Parse(std::string_view text, const ExpressionNames& names);
  static Expression OfConstant(int64_t value);

  bool is_constant() const { return code_.empty(); }
  int64_t constant() const { return constant_; }
  // Nothing: a division by zero, or random of less than 1. REQUIRES: as many variables as were
  // named.
  std::optional<int64_t> Evaluate(absl::Span<const int64_t> variables, Random& random) const {
    if (code_.empty()) return constant_;
    return Run(variables, random);
  }

  static constexpr size_t kTextMax = 500;

 private:
  friend class ExpressionParser;
  enum class Op : uint8_t {
    kConstant,
    kVariable,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kModulo,
    kEqual,
    kUnequal,
    kLess,
    kLessOrEqual,
    kMin,
    kMax,
    kRandom,
  };
  struct Code {
    Op op = Op::kConstant;
    int64_t operand = 0;
  };
  static constexpr size_t kStackMax = 64;
  std::optional<int64_t> Run(absl::Span<const int64_t> variables, Random& random) const;
  static std::optional<int64_t> Apply(Op op, int64_t a, int64_t b);

  std::vector<Code> code_;  // empty: constant
  int64_t constant_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_SYNTHETIC_EXPRESSION_H_
