// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/synthetic/expression.h"

#include <algorithm>
#include <array>
#include <limits>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace slablab {

namespace {

bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int64_t Wrapped(uint64_t value) { return static_cast<int64_t>(value); }

}  // namespace

// Recursive descent: comparison, sum, product, factor. Emits postfix code.
class ExpressionParser {
 public:
  ExpressionParser(std::string_view text, const ExpressionNames& names)
      : text_(text), names_(names) {}

  absl::StatusOr<Expression> Parse() {
    if (text_.size() > Expression::kTextMax) {
      return absl::InvalidArgumentError(
          fmt::format("an expression has at most {} characters", Expression::kTextMax));
    }
    Comparison();
    Skip();
    if (!failed_ && at_ < text_.size()) Fail("the end, or an operator");
    if (!failed_ && depth_max_ > Expression::kStackMax) Fail("less nesting");
    if (failed_) return absl::InvalidArgumentError(error_);
    Expression expression;
    expression.code_ = std::move(code_);
    Random none(0);
    if (!varies_) {
      const std::optional<int64_t> value = expression.Run({}, none);
      if (!value.has_value()) return absl::InvalidArgumentError("it divides by zero");
      return Expression::OfConstant(*value);
    }
    return expression;
  }

 private:
  using Op = Expression::Op;
  static constexpr int kNestingMax = 60;

  void Skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool Accept(std::string_view token) {
    Skip();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  void Fail(std::string_view expected) {
    if (failed_) return;
    failed_ = true;
    error_ = at_ < text_.size() ? fmt::format("'{}': at '{}', character {}: expected {}", text_,
                                              text_.substr(at_, 1), at_ + 1, expected)
                                : fmt::format("'{}': at the end: expected {}", text_, expected);
  }
  void Emit(Op op, int64_t operand = 0) {
    code_.push_back({.op = op, .operand = operand});
    if (op == Op::kConstant || op == Op::kVariable) {
      depth_max_ = std::max(depth_max_, ++depth_);
    } else if (op != Op::kRandom) {
      --depth_;
    }
    varies_ |= op == Op::kVariable || op == Op::kRandom;
  }

  void Comparison() {
    Sum();
    while (!failed_) {
      if (Accept("==")) {
        Binary(Op::kEqual);
      } else if (Accept("!=")) {
        Binary(Op::kUnequal);
      } else if (Accept("<=")) {
        Binary(Op::kLessOrEqual);
      } else if (Accept(">=")) {
        Swapped(Op::kLessOrEqual);
      } else if (Accept("<")) {
        Binary(Op::kLess);
      } else if (Accept(">")) {
        Swapped(Op::kLess);
      } else {
        return;
      }
    }
  }
  void Binary(Op op) {
    Sum();
    Emit(op);
  }
  // a > b is not (a <= b), and a >= b is not (a < b).
  void Swapped(Op op) {
    Sum();
    Emit(op == Op::kLess ? Op::kLessOrEqual : Op::kLess);
    Emit(Op::kConstant, 0);
    Emit(Op::kEqual);
  }
  void Sum() {
    Product();
    while (!failed_) {
      if (Accept("+")) {
        Product();
        Emit(Op::kAdd);
      } else if (Accept("-")) {
        Product();
        Emit(Op::kSubtract);
      } else {
        return;
      }
    }
  }
  void Product() {
    Factor();
    while (!failed_) {
      if (Accept("*")) {
        Factor();
        Emit(Op::kMultiply);
      } else if (Accept("/")) {
        Factor();
        Emit(Op::kDivide);
      } else if (Accept("%")) {
        Factor();
        Emit(Op::kModulo);
      } else {
        return;
      }
    }
  }
  void Factor() {
    if (failed_) return;
    if (++nesting_ > kNestingMax) return Fail("less nesting");
    Skip();
    if (Accept("(")) {
      Comparison();
      if (!Accept(")")) Fail("')'");
    } else if (Accept("-")) {
      Emit(Op::kConstant, 0);
      Factor();
      Emit(Op::kSubtract);
    } else if (at_ < text_.size() && IsDigit(text_[at_])) {
      Number();
    } else if (at_ < text_.size() && IsNameStart(text_[at_])) {
      Name();
    } else {
      Fail("a number or a name");
    }
    --nesting_;
  }
  void Number() {
    int64_t value = 0;
    for (; at_ < text_.size() && (IsDigit(text_[at_]) || text_[at_] == '\''); ++at_) {
      if (text_[at_] == '\'') continue;
      if (value > (std::numeric_limits<int64_t>::max() - 9) / 10) return Fail("a smaller number");
      value = value * 10 + (text_[at_] - '0');
    }
    Emit(Op::kConstant, value);
  }
  void Name() {
    const size_t begin = at_;
    while (at_ < text_.size() && (IsNameStart(text_[at_]) || IsDigit(text_[at_]))) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (name == "random") return Call(Op::kRandom, 1);
    if (name == "min") return Call(Op::kMin, 2);
    if (name == "max") return Call(Op::kMax, 2);
    if (const auto variable = names_.variables.find(name); variable != names_.variables.end()) {
      return Emit(Op::kVariable, variable->second);
    }
    if (const auto constant = names_.constants.find(name); constant != names_.constants.end()) {
      return Emit(Op::kConstant, constant->second);
    }
    at_ = begin;
    std::vector<std::string_view> known;
    for (const auto& [other, value] : names_.constants) known.push_back(other);
    for (const auto& [other, value] : names_.variables) known.push_back(other);
    std::sort(known.begin(), known.end());
    Fail(fmt::format("one of the names known here: {}", fmt::join(known, ", ")));
  }
  void Call(Op op, int arguments) {
    if (!Accept("(")) return Fail("'('");
    for (int i = 0; i < arguments; ++i) {
      if (i > 0 && !Accept(",")) return Fail("','");
      Comparison();
      if (failed_) return;
    }
    if (!Accept(")")) return Fail("')'");
    Emit(op);
  }

  const std::string_view text_;
  const ExpressionNames& names_;
  size_t at_ = 0;
  int nesting_ = 0;
  size_t depth_ = 0;
  size_t depth_max_ = 0;
  bool varies_ = false;
  bool failed_ = false;
  std::string error_;
  std::vector<Expression::Code> code_;
};

absl::StatusOr<Expression> Expression::Parse(std::string_view text, const ExpressionNames& names) {
  return ExpressionParser(text, names).Parse();
}

Expression Expression::OfConstant(int64_t value) {
  Expression expression;
  expression.constant_ = value;
  return expression;
}

std::optional<int64_t> Expression::Apply(Op op, int64_t a, int64_t b) {
  const auto ua = static_cast<uint64_t>(a);
  const auto ub = static_cast<uint64_t>(b);
  switch (op) {
    case Op::kAdd:
      return Wrapped(ua + ub);
    case Op::kSubtract:
      return Wrapped(ua - ub);
    case Op::kMultiply:
      return Wrapped(ua * ub);
    case Op::kDivide:
      if (b == 0) return std::nullopt;
      return b == -1 ? Wrapped(0 - ua) : a / b;
    case Op::kModulo:
      if (b == 0) return std::nullopt;
      return b == -1 ? 0 : a % b;
    case Op::kEqual:
      return a == b;
    case Op::kUnequal:
      return a != b;
    case Op::kLess:
      return a < b;
    case Op::kLessOrEqual:
      return a <= b;
    case Op::kMin:
      return std::min(a, b);
    case Op::kMax:
      return std::max(a, b);
    case Op::kConstant:
    case Op::kVariable:
    case Op::kRandom:
      break;
  }
  return std::nullopt;
}

std::optional<int64_t> Expression::Run(absl::Span<const int64_t> variables, Random& random) const {
  std::array<int64_t, kStackMax> stack;
  size_t depth = 0;
  for (const Code& code : code_) {
    if (code.op == Op::kConstant) {
      stack[depth++] = code.operand;
    } else if (code.op == Op::kVariable) {
      stack[depth++] = variables[static_cast<size_t>(code.operand)];
    } else if (code.op == Op::kRandom) {
      if (stack[depth - 1] < 1) return std::nullopt;
      stack[depth - 1] = Wrapped(random.Below(static_cast<uint64_t>(stack[depth - 1])));
    } else {
      const std::optional<int64_t> value = Apply(code.op, stack[depth - 2], stack[depth - 1]);
      if (!value.has_value()) return std::nullopt;
      stack[--depth - 1] = *value;
    }
  }
  return stack[0];
}

}  // namespace slablab
