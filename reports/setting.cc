// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/setting.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "reports/breakdown.h"
#include "reports/numbers.h"

namespace slablab {
namespace {

std::string OrUnknown(const std::string& name) { return name.empty() ? "unknown" : name; }

uint64_t NotNegative(int64_t number) { return static_cast<uint64_t>(std::max<int64_t>(number, 0)); }

// "128G", "11.8G", "512M" of what is not quite so many: enough to recognise a machine by.
std::string Size(uint64_t bytes) {
  constexpr std::pair<int, char> kUnits[] = {{40, 'T'}, {30, 'G'}, {20, 'M'}, {10, 'K'}};
  for (const auto& [shift, unit] : kUnits) {
    const uint64_t whole = bytes >> shift;
    if (whole == 0) continue;
    const uint64_t half = uint64_t{1} << (shift - 1);
    if (whole >= 100) return fmt::format("{}{}", (bytes + half) >> shift, unit);
    if (whole << shift == bytes) return fmt::format("{}{}", whole, unit);
    break;
  }
  return Bytes(bytes);
}

std::string MemoryPhrase(const RunConfig& config, const MachineReport& machine) {
  if (machine.memory_bytes_most() == 0) return "";
  const std::string least = Size(machine.memory_bytes_least());
  const std::string most = Size(machine.memory_bytes_most());
  const std::string a_node = config.nodes() > 1 ? " a node" : " of memory";
  return least == most ? most + a_node : fmt::format("{} to {}{}", least, most, a_node);
}

// "preset xeon-8380" of xeon-8380 and of xeon-8380@64x2: the name has said it.
bool IsOwnPreset(std::string_view source, std::string_view machine) {
  constexpr std::string_view kPreset = "preset ";
  if (source.substr(0, kPreset.size()) != kPreset) return false;
  return source.substr(kPreset.size()) == machine.substr(0, machine.find('@'));
}

}  // namespace

std::string MachineSentence(const RunResult& result) {
  const RunConfig& config = result.config();
  std::string text = fmt::format("{}: {} on {}", OrUnknown(config.machine()),
                                 Counted(NotNegative(config.cpus()), "CPU", "CPUs"),
                                 Counted(NotNegative(config.nodes()), "node", "nodes"));
  if (config.clock_mhz() > 0) {
    text += fmt::format(", {} MHz", Grouped(NotNegative(config.clock_mhz())));
  }
  if (!result.has_machine()) return text;
  const MachineReport& machine = result.machine();
  text += machine.llc_bytes() == 0 ? "; no LLC" : "; LLC " + Size(machine.llc_bytes());
  const std::string memory = MemoryPhrase(config, machine);
  return memory.empty() ? text : text + "; " + memory;
}

std::string SourcesSentence(const RunResult& result) {
  const MachineReport& machine = result.machine();
  const std::pair<std::string_view, const std::string&> parts[] = {
      {"CPUs", machine.topology_source()},
      {"caches", machine.caches_source()},
      {"clock", machine.clock_source()},
      {"memory", machine.memory_source()},
      {"latencies", machine.latencies_source()}};
  std::vector<std::pair<std::string, std::string>> by_source;  // source, parts
  for (const auto& [part, source] : parts) {
    if (source.empty() || IsOwnPreset(source, result.config().machine())) continue;
    // "host, ways assumed" is told beside what else is the host's.
    const auto known =
        std::find_if(by_source.begin(), by_source.end(), [&told = source](const auto& entry) {
          return told == entry.first || told.starts_with(entry.first + ", ");
        });
    if (known == by_source.end()) {
      by_source.emplace_back(source, part);
    } else if (known->first == source) {
      known->second += fmt::format(", {}", part);
    } else {
      known->second += fmt::format(", {} ({})", part, source.substr(known->first.size() + 2));
    }
  }
  // What is known stands before what is not.
  std::stable_partition(by_source.begin(), by_source.end(),
                        [](const auto& entry) { return entry.first != "assumed"; });
  std::string text;
  for (const auto& [source, names] : by_source) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", names, source);
  }
  return text;
}

std::string MachineInShort(const RunResult& result) {
  const RunConfig& config = result.config();
  const MachineReport& machine = result.machine();
  std::string text = fmt::format("{}: {}, {}", OrUnknown(config.machine()),
                                 Counted(NotNegative(config.cpus()), "CPU", "CPUs"),
                                 Counted(NotNegative(config.nodes()), "node", "nodes"));
  if (const uint64_t most = machine.memory_bytes_most(); most > 0) {
    const std::string least = Size(machine.memory_bytes_least());
    text += least == Size(most) ? " of " + least : fmt::format(" of {} to {}", least, Size(most));
  }
  if (!result.has_machine()) return text;
  text += machine.llc_bytes() == 0 ? ", no LLC" : ", LLC " + Size(machine.llc_bytes());
  const std::string& latencies = machine.latencies_source();
  if (latencies.empty()) return text;
  const bool own = IsOwnPreset(latencies, config.machine());
  return text + "; latencies " + (own ? "the preset's" : latencies);
}

std::string RecordedPhrase(const RunResult& result) {
  if (!result.config().workload().empty()) return "nothing was recorded";
  const KernelMatch& match = result.kernel_match();
  std::string text = match.recorded().empty() ? "recorded on an unknown kernel"
                                              : "recorded on Linux " + match.recorded();
  if (!match.recorded_allocator().empty()) text += " with " + match.recorded_allocator();
  return text;
}

std::string KernelsSentence(const RunResult& result) {
  if (!result.has_kernel_match()) return "";
  const KernelMatch& match = result.kernel_match();
  std::string text = RecordedPhrase(result);
  if (match.model().empty()) return text;
  const bool other = !match.recorded().empty() && !match.same_series();
  text += fmt::format("; the model is of {}{}", match.model(), other ? ", another kernel" : "");
  return text;
}

std::string ChoiceSentence(const RunResult& result) {
  const KernelMatch& match = result.kernel_match();
  if (match.asked().empty()) return "";
  std::string why = "the model of the recorded kernel " + match.recorded();
  if (match.chosen_as() == "nearest below") {
    why = "the nearest model below the recorded kernel " + match.recorded();
  } else if (match.chosen_as() == "oldest") {
    why = fmt::format("the oldest model, as the recorded kernel {} is older", match.recorded());
  } else if (match.chosen_as() == "newest") {
    why = result.config().workload().empty()
              ? "the newest model, as the recording does not say its kernel"
              : "the newest model, as nothing was recorded";
  }
  return fmt::format("{}: {} -> {}", match.asked(), why, result.config().allocator());
}

std::vector<std::string> OtherwiseSentences(const RunResult& result) {
  const KernelMatch& match = result.kernel_match();
  constexpr int kToldMax = 2;
  std::vector<std::string> sentences;
  for (int i = 0; i < std::min(match.otherwise_size(), kToldMax); ++i) {
    const CachesOtherwise& group = match.otherwise(i);
    std::string names = fmt::format("{}", fmt::join(group.names(), ", "));
    if (group.caches() > static_cast<uint32_t>(group.names_size())) names += ", ...";
    sentences.push_back(fmt::format(
        "{} ({}; {} of the cycles) had {} when recorded and have {} here",
        Counted(group.caches(), "cache", "caches"), names,
        Percent(group.cycles(), match.cache_cycles()), group.recorded(), group.simulated()));
  }
  uint32_t further = 0;
  for (int i = kToldMax; i < match.otherwise_size(); ++i) further += match.otherwise(i).caches();
  if (further > 0) {
    sentences.push_back(
        fmt::format("{} worked otherwise, too", Counted(further, "cache", "caches")));
  }
  return sentences;
}

std::string OtherwiseInShort(const RunResult& result) {
  std::string text;
  for (const CachesOtherwise& group : result.kernel_match().otherwise()) {
    text += fmt::format("{}{} had {} when recorded and have {} here", text.empty() ? "" : "; ",
                        Counted(group.caches(), "cache", "caches"), group.recorded(),
                        group.simulated());
  }
  return text;
}

std::vector<std::string> RoundingSentences(const RunResult& result) {
  const KernelMatch& match = result.kernel_match();
  std::vector<std::string> sentences;
  if (match.rounded_otherwise() == 0) return sentences;
  sentences.push_back(fmt::format("{} of {} kmallocs ({}) were rounded otherwise when recorded",
                                  Grouped(match.rounded_otherwise()), Grouped(match.kmallocs()),
                                  Percent(match.rounded_otherwise(), match.kmallocs())));
  for (const RoundedOtherwise& worst : match.worst()) {
    const std::string asked =
        worst.asked_least() == worst.asked_most()
            ? Grouped(worst.asked_most())
            : fmt::format("{} to {}", Grouped(worst.asked_least()), Grouped(worst.asked_most()));
    sentences.push_back(fmt::format("{} of {} bytes: {} when recorded, {} here",
                                    Grouped(worst.kmallocs()), asked, Grouped(worst.recorded()),
                                    Grouped(worst.simulated())));
  }
  return sentences;
}

std::string AgreementSentence(const RunResult& result) {
  if (!result.has_kernel() || !result.kernel_match().same_series()) return "";
  const FastPathPair allocations = ComparedFastPaths(result.kernel(), "alloc");
  const FastPathPair frees = ComparedFastPaths(result.kernel(), "free");
  if (!allocations.has_both() || !frees.has_both()) return "";
  const int64_t most = std::max(std::abs(allocations.points()), std::abs(frees.points()));
  return fmt::format("shares of fast paths are within {} points of the recorded kernel's",
                     Quotient(static_cast<uint64_t>(most), 100, 2));
}

std::string FoldedSentence(const RunResult& result) {
  const PlacesReport& places = result.places();
  std::string text;
  if (places.cpus_folded() > 0) {
    text = fmt::format("{} of {} share a simulated CPU with another", Grouped(places.cpus_folded()),
                       Counted(places.cpus(), "recorded CPU", "recorded CPUs"));
  }
  if (places.nodes_folded() > 0) {
    text += fmt::format("{}{} of {} are folded onto another's", text.empty() ? "" : "; ",
                        Grouped(places.nodes_folded()),
                        Counted(places.nodes(), "recorded node", "recorded nodes"));
  }
  if (places.allocations_folded() > 0) {
    text += fmt::format("{}{} asked for a node that is another's here", text.empty() ? "" : "; ",
                        Counted(places.allocations_folded(), "allocation", "allocations"));
  }
  return text;
}

}  // namespace slablab
