// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/operation_log.h"

#include <charconv>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/printable.h"
#include "fmt/format.h"
#include "workloads/observed/operation_names.h"
#include "workloads/rcu_frees.h"

namespace slablab {
namespace {

constexpr std::string_view kColumns =
    "event\tstart\tend\tcycles\tcpu\ttask\tcontext\tkind\tpath\tcache\tbytes\tobject";
constexpr size_t kColumnCount = 12;

template <typename Integer>
bool ReadNumber(absl::string_view text, Integer* number, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string LogHeader() { return fmt::format("# slablab operations, version 1\n{}\n", kColumns); }

std::string LogLine(const LoggedOperation& operation) {
  return fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{:x}\n", operation.event,
                     operation.start, operation.end, operation.cycles, operation.cpu,
                     operation.task, operation.context, operation.kind, operation.path,
                     operation.cache, operation.bytes, operation.object);
}

absl::StatusOr<LoggedOperation> ParseLogLine(std::string_view line) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::string_view(line.data(), line.size()), '\t');
  if (words.size() != kColumnCount) {
    return absl::InvalidArgumentError(
        fmt::format("{} columns, not the {} of an operation", words.size(), kColumnCount));
  }
  LoggedOperation operation;
  const bool numbers =
      ReadNumber(words[0], &operation.event) && ReadNumber(words[1], &operation.start) &&
      ReadNumber(words[2], &operation.end) && ReadNumber(words[3], &operation.cycles) &&
      ReadNumber(words[4], &operation.cpu) && ReadNumber(words[5], &operation.task) &&
      ReadNumber(words[10], &operation.bytes) && ReadNumber(words[11], &operation.object, 16);
  if (!numbers) return absl::InvalidArgumentError("a number is not one");
  operation.context = std::string(words[6]);
  operation.kind = std::string(words[7]);
  operation.path = std::string(words[8]);
  operation.cache = std::string(words[9]);
  return operation;
}

void OperationLogger::OnBegin(const Machine& machine, const Allocator& allocator) {
  allocator_ = &allocator;
  begin_ = machine.scheduler().now();
}

CacheId OperationLogger::CacheOf(const OperationEnd& operation) {
  const uint64_t address = operation.object.value();
  if (!operation.is_free) {
    CacheId cache = operation.cache;
    if (cache == kNoCache && address != 0) cache = allocator_->Locate(operation.object).cache;
    if (address != 0) cache_of_[address] = cache;
    return cache;
  }
  const auto known = cache_of_.find(address);
  if (known == cache_of_.end()) return operation.cache;
  const CacheId cache = known->second;
  cache_of_.erase(known);
  return cache;
}

void OperationLogger::OnOperation(const OperationEnd& operation) {
  last_cache_ = CacheOf(operation);
  LoggedOperation logged{
      .event = operation.event,
      .start = operation.start - begin_,
      .end = operation.end - begin_,
      .cycles = operation.cycles,
      .cpu = operation.cpu.value(),
      .task = operation.task,
      .context = std::string(ContextName(operation.priority)),
      .kind = operation.is_free ? "free" : "alloc",
      .path = std::string(PathOf(*allocator_, operation.path).name),
      .cache = last_cache_ == kNoCache ? "-" : Printable(allocator_->Layout(last_cache_).name),
      .bytes = operation.bytes,
      .object = operation.object.value()};
  sink_(logged);
}

}  // namespace slablab
