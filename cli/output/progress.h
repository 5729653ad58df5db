// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_OUTPUT_PROGRESS_H_
#define SLABLAB_CLI_OUTPUT_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

namespace slablab {

// One line on a terminal that says how far a long command has come:
//
//   replaying fork.slt: 42 %, 1.2 M of 2.9 M events
//
// It is redrawn ten times a second at most and erased at the end; where stderr is no terminal,
// nothing is printed. No result depends on the time that it takes.
class Progress {
 public:
  // What is done, in which unit ("events"), and how much of it there is; 0 is unknown.
  struct Options {
    std::string what;
    std::string unit;
    uint64_t total = 0;
    std::FILE* stream = stderr;
  };
  explicit Progress(Options options);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` units are done by now. Cheap enough for every few thousand events.
  void Update(uint64_t done);
  // Erases the line; before anything else is written to the terminal.
  void Erase();

 private:
  const Options options_;
  const bool shown_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_draw_;
};

// Of a simulation: of a trace's events, or of a workload's steps, of which nobody knows how many
// there will be.
inline Progress::Options ProgressOfSimulation(std::string what, uint64_t total) {
  return {.what = std::move(what), .unit = total > 0 ? "events" : "steps", .total = total};
}

// What a simulation tells its progress: the line of it, from the first call until this is gone.
std::function<void(uint64_t events, uint64_t total)> SimulationProgress(std::string what);

// The same of the runs of a command that does several, one lot after another.
std::function<void(uint64_t done, uint64_t total)> RunsProgress(std::string command);
// And of an import, which reads the recording `input` twice, first not knowing how much it is.
std::function<void(uint64_t events, uint64_t total)> ImportProgress(std::string input);

// The line's text: "replaying fork.slt: 42 %, 1.2 M of 2.9 M events".
std::string ProgressText(const Progress::Options& options, uint64_t done);

}  // namespace slablab

#endif  // SLABLAB_CLI_OUTPUT_PROGRESS_H_
