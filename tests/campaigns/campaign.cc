// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/campaigns/campaign.h"

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/check.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// So often a long campaign says how far it is.
constexpr uint64_t kSecondsBetweenPrints = 60;

// Faults beyond are counted, not shown.
constexpr uint64_t kShownPerKind = 5;

uint64_t& CountOf(std::vector<std::pair<std::string, uint64_t>>& counts, const std::string& what) {
  const auto found = std::find_if(counts.begin(), counts.end(),
                                  [&](const auto& count) { return count.first == what; });
  if (found != counts.end()) return found->second;
  return counts.emplace_back(what, 0).second;
}

std::string NewFolder() {
  const char* parent = std::getenv("TEST_TMPDIR");
  std::string name = std::string(parent == nullptr ? "/tmp" : parent) + "/campaign-XXXXXX";
  CHECK(mkdtemp(name.data()) != nullptr);
  return name;
}

// Where Bazel leaves the program for its tests; else what stands beside us.
std::string BuiltProgram() {
  const char* runfiles = std::getenv("TEST_SRCDIR");
  const fs::path program =
      runfiles != nullptr ? fs::path(runfiles) / "slablab/cli/slablab" : fs::path("cli/slablab");
  return fs::absolute(program);
}

uint64_t SecondsSince(Clock::time_point start) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start).count());
}

}  // namespace

Campaign::Campaign(std::string name, uint64_t rounds_default, std::vector<std::string> fault_kinds)
    : name_(std::move(name)),
      rounds_(rounds_default),
      program_(BuiltProgram()),
      folder_(NewFolder()) {
  for (std::string& kind : fault_kinds) faults_.emplace_back(std::move(kind), 0);
}

Campaign::~Campaign() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

bool Campaign::ParseFlags(int argc, char** argv) {
  const std::map<std::string, uint64_t*> numbers = {{"--rounds=", &rounds_},
                                                    {"--minutes=", &minutes_},
                                                    {"--seed=", &seed_},
                                                    {"--first=", &first_}};
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    const std::string flag = argument.substr(0, equals == argument.npos ? equals : equals + 1);
    const std::string value = argument.substr(std::min(flag.size(), argument.size()));
    if (flag == "--program=") {
      program_ = fs::absolute(value);
      continue;
    }
    const auto number = numbers.find(flag);
    char* end = nullptr;
    if (number != numbers.end()) *number->second = std::strtoull(value.c_str(), &end, 10);
    if (end == nullptr || end == value.c_str() || *end != '\0') {
      std::fprintf(stderr,
                   "%s: bad flag '%s'; there are --rounds, --minutes, --seed and --first "
                   "(numbers) and --program\n",
                   name_.c_str(), argument.c_str());
      return false;
    }
  }
  return true;
}

int Campaign::Run(const std::function<void(uint64_t number, Random& random)>& round) {
  CHECK(fs::exists(program_));
  const Clock::time_point start = Clock::now();
  const auto is_over = [&](uint64_t done) {
    return minutes_ > 0 ? SecondsSince(start) >= minutes_ * 60 : done >= rounds_;
  };
  uint64_t done = 0;
  uint64_t next_print = kSecondsBetweenPrints;
  for (; !is_over(done); ++done) {
    if (const uint64_t seconds = SecondsSince(start); seconds >= next_print) {
      Print("so far ", done, seconds);
      next_print = seconds + kSecondsBetweenPrints;
    }
    round_ = first_ + done;
    Random random(seed_, round_);
    ClearFolder();
    round(round_, random);
  }
  Print("", done, SecondsSince(start));
  return std::any_of(faults_.begin(), faults_.end(), [](const auto& f) { return f.second > 0; });
}

void Campaign::Count(const std::string& what, uint64_t times) { CountOf(counts_, what) += times; }

void Campaign::Fault(const std::string& kind, const std::string& detail) {
  uint64_t& count = CountOf(faults_, kind);
  if (count++ >= kShownPerKind) return;
  std::printf("%s: round %llu of seed %llu: %s: %s\n", name_.c_str(),
              static_cast<unsigned long long>(round_), static_cast<unsigned long long>(seed_),
              kind.c_str(), detail.c_str());
  std::fflush(stdout);
}

void Campaign::ClearFolder() const {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    fs::remove_all(entry.path(), ignored);
  }
}

void Campaign::Print(const std::string& how_far, uint64_t rounds, uint64_t seconds) const {
  std::string line = name_ + ": " + how_far + std::to_string(rounds) + " rounds of seed " +
                     std::to_string(seed_) + " in " + std::to_string(seconds) + " s";
  for (const Counts* counts : {&counts_, &faults_}) {
    for (const auto& [what, count] : *counts) line += ", " + std::to_string(count) + " " + what;
  }
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace slablab
