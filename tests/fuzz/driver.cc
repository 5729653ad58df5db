// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Runs a fuzz target without libFuzzer: its seeds, then a fixed number of rounds, each a seed with
// a few mutations. Round N is the same on every machine, so a failure can be repeated.
//
//   slt_fuzz_test [--rounds=N]     N rounds (default 20000)
//   slt_fuzz_test --seeds=FOLDER   writes the seeds there, as a first corpus for libFuzzer
//   slt_fuzz_test FILE...          those inputs
//
// Rounds run in a child process. If it dies, the input that killed it is written to
// $TEST_UNDECLARED_OUTPUTS_DIR, or here.

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "tests/fuzz/fuzz_target.h"

namespace slablab {
namespace {

constexpr size_t kInputBytesMax = 1 << 18;

void Run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

// One of the changes that parsers stumble over.
void Mutate(const std::vector<std::string>& seeds, Random& random, std::string* input) {
  const size_t at = random.Below(input->size() + 1);
  const size_t length = std::min<size_t>(1 + random.Below(16), input->size() - at);
  static constexpr char kExtremes[] = {'\0', '\1', '\x7f', '\x80', '\xff', '\n', ' ', '0', '-'};
  switch (random.Below(8)) {
    case 0:
      if (at < input->size()) (*input)[at] ^= static_cast<char>(1 << random.Below(8));
      break;
    case 1:
      if (at < input->size()) (*input)[at] = static_cast<char>(random.Next());
      break;
    case 2:
      if (at < input->size()) (*input)[at] = kExtremes[random.Below(sizeof kExtremes)];
      break;
    case 3:
      input->insert(at, 1 + random.Below(8), kExtremes[random.Below(sizeof kExtremes)]);
      break;
    case 4:
      input->erase(at, length);
      break;
    case 5:
      input->insert(random.Below(input->size() + 1), input->substr(at, length));
      break;
    case 6: {
      const std::string& other = seeds[random.Below(seeds.size())];
      const size_t from = random.Below(other.size() + 1);
      input->replace(at, length, other, from, 1 + random.Below(64));
      break;
    }
    default:
      if (random.Chance(1, 4)) input->resize(at);
  }
  if (input->size() > kInputBytesMax) input->resize(kInputBytesMax);
}

// The first rounds are the seeds themselves, then 4 KiB of noise, then mutations.
std::string InputOf(const std::vector<std::string>& seeds, uint64_t round) {
  if (round < seeds.size()) return seeds[round];
  Random random(/*seed=*/1, /*stream=*/round);
  if (round % 50 == 0) {
    std::string noise(4096, '\0');
    for (char& c : noise) c = static_cast<char>(random.Next());
    return noise;
  }
  std::string input = seeds[random.Below(seeds.size())];
  for (uint64_t count = 1 + random.Below(6); count > 0; --count) Mutate(seeds, random, &input);
  return input;
}

int Report(const std::vector<std::string>& seeds, uint64_t round, int wait_status) {
  const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
  const std::string path = (folder == nullptr ? std::string(".") : std::string(folder)) +
                           "/crash-" + std::to_string(round);
  std::ofstream(path, std::ios::binary) << InputOf(seeds, round);
  std::fprintf(stderr, "round %llu ended the process (wait status %#x); its input is %s\n",
               static_cast<unsigned long long>(round), static_cast<unsigned>(wait_status),
               path.c_str());
  return 1;
}

int RunRounds(uint64_t rounds) {
  const std::vector<std::string> seeds = FuzzSeeds();
  CHECK(!seeds.empty());
  void* shared =
      mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  volatile uint64_t* current = static_cast<uint64_t*>(shared);
  const pid_t child = fork();
  CHECK_GE(child, 0);
  if (child == 0) {
    for (uint64_t round = 0; round < rounds; ++round) {
      *current = round;
      Run(InputOf(seeds, round));
    }
    std::_Exit(0);
  }
  int wait_status = 0;
  CHECK_EQ(waitpid(child, &wait_status, 0), child);
  if (wait_status != 0) return Report(seeds, *current, wait_status);
  std::printf("%llu rounds from %zu seeds\n", static_cast<unsigned long long>(rounds),
              seeds.size());
  return 0;
}

int WriteSeeds(const std::string& folder) {
  const std::vector<std::string> seeds = FuzzSeeds();
  for (size_t i = 0; i < seeds.size(); ++i) {
    std::ofstream(folder + "/seed-" + std::to_string(i), std::ios::binary) << seeds[i];
  }
  return 0;
}

int Main(const std::vector<std::string>& arguments) {
  constexpr std::string_view kRounds = "--rounds=";
  constexpr std::string_view kSeeds = "--seeds=";
  uint64_t rounds = 20000;
  bool ran_files = false;
  for (const std::string& argument : arguments) {
    if (argument.compare(0, kRounds.size(), kRounds) == 0) {
      rounds = std::strtoull(argument.c_str() + kRounds.size(), nullptr, 10);
      continue;
    }
    if (argument.compare(0, kSeeds.size(), kSeeds) == 0) {
      return WriteSeeds(argument.substr(kSeeds.size()));
    }
    std::ifstream file(argument, std::ios::binary);
    Run({std::istreambuf_iterator<char>(file), {}});
    ran_files = true;
  }
  return ran_files ? 0 : RunRounds(rounds);
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) {
  return slablab::Main(std::vector<std::string>(argv + 1, argv + argc));
}
