// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/output/progress.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/printable.h"
#include "cli/output/print.h"
#include "cli/output/terminal.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr std::chrono::milliseconds kDrawInterval(100);
// A quick command shows nothing at all.
constexpr std::chrono::milliseconds kFirstDraw(500);

// 1234567 as "1.2 M".
std::string Rounded(uint64_t count) {
  if (count < 10'000) return fmt::format("{}", count);
  if (count < 1'000'000) return fmt::format("{} k", count / 1000);
  const uint64_t tenths = count / 100'000;
  return fmt::format("{}.{} M", tenths / 10, tenths % 10);
}

Progress::Options WithPrintableName(Progress::Options options) {
  options.what = Printable(options.what);
  return options;
}

// A line for each total that there is to do.
std::function<void(uint64_t done, uint64_t total)> NewWithTotal(
    std::function<Progress::Options(uint64_t total)> options_of) {
  return [options_of = std::move(options_of), progress = std::shared_ptr<Progress>(),
          shown = uint64_t{0}](uint64_t done, uint64_t total) mutable {
    if (progress == nullptr || total != shown) {
      progress.reset();  // The last one's line goes first.
      progress = std::make_shared<Progress>(options_of(total));
      shown = total;
    }
    progress->Update(done);
  };
}

}  // namespace

std::function<void(uint64_t events, uint64_t total)> SimulationProgress(std::string what) {
  return [what = std::move(what), progress = std::shared_ptr<Progress>()](uint64_t events,
                                                                          uint64_t total) mutable {
    if (progress == nullptr) {
      progress = std::make_shared<Progress>(ProgressOfSimulation(what, total));
    }
    progress->Update(events);
  };
}

std::function<void(uint64_t done, uint64_t total)> RunsProgress(std::string command) {
  return NewWithTotal([command = std::move(command)](uint64_t total) {
    return Progress::Options{.what = command, .unit = "runs", .total = total};
  });
}

std::function<void(uint64_t events, uint64_t total)> ImportProgress(std::string input) {
  return NewWithTotal([input = std::move(input)](uint64_t total) {
    return Progress::Options{.what = (total == 0 ? "looking through " : "importing ") + input,
                             .unit = "events",
                             .total = total};
  });
}

std::string ProgressText(const Progress::Options& options, uint64_t done) {
  if (options.total == 0) {
    return fmt::format("{}: {} {}", options.what, Rounded(done), options.unit);
  }
  const uint64_t bounded = std::min(done, options.total);
  const auto percent =
      static_cast<uint64_t>(static_cast<unsigned __int128>(bounded) * 100 / options.total);
  return fmt::format("{}: {} %, {} of {} {}", options.what, percent, Rounded(bounded),
                     Rounded(options.total), options.unit);
}

Progress::Progress(Options options)
    : options_(WithPrintableName(std::move(options))),
      shown_(IsTerminal(options_.stream)),
      next_draw_(std::chrono::steady_clock::now() + kFirstDraw) {}

Progress::~Progress() { Erase(); }

void Progress::Update(uint64_t done) {
  if (!shown_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_draw_) return;
  next_draw_ = now + kDrawInterval;
  drawn_ = true;
  const size_t columns = TerminalColumns(options_.stream);
  Print(options_.stream, "\r\033[K{:.{}}", ProgressText(options_, done), columns - 1);
  std::fflush(options_.stream);
}

void Progress::Erase() {
  if (!drawn_) return;
  drawn_ = false;
  Print(options_.stream, "\r\033[K");
  std::fflush(options_.stream);
}

}  // namespace slablab
