// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/sidecar/sidecar.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "base/claimed_output.h"
#include "base/gz_input.h"
#include "fmt/format.h"
#include "traces/sidecar/sidecar_text.h"

namespace slablab {
namespace {

using internal::Expected;
using internal::ParseInt;
using internal::Words;

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "5", or "5(2)" of slabs_cpu_partial.
struct CountPair {
  int64_t count = 0;
  std::optional<int64_t> in_parentheses;
};

bool ParsePair(std::string_view text, CountPair* pair) {
  const size_t open = text.find('(');
  if (!ParseInt(text.substr(0, open), &pair->count)) return false;
  if (open == std::string_view::npos) return true;
  if (text.back() != ')') return false;
  int64_t slabs = 0;
  if (!ParseInt(text.substr(open + 1, text.size() - open - 2), &slabs)) return false;
  pair->in_parentheses = slabs;
  return true;
}

void SetShare(std::vector<int64_t>* shares, size_t index, int64_t value) {
  if (shares->size() <= index) shares->resize(index + 1);
  (*shares)[index] = value;
}

// "12(3) C0=5(1) C1=7(2)" or "12 N0=12" into counts[name] and, of what stands in parentheses,
// counts[name + ".slabs"]. False, and nothing stored, if it is no such value.
bool StoreCount(std::string_view name, std::string_view value, CacheSysfs* cache) {
  const std::vector<std::string_view> words = Words(value);
  CountPair pair;
  if (words.empty() || !ParsePair(words[0], &pair)) return false;
  SysfsCount count;
  SysfsCount slabs;
  const bool has_slabs = pair.in_parentheses.has_value();
  count.total = pair.count;
  slabs.total = pair.in_parentheses.value_or(0);
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const size_t equals = word.find('=');
    int64_t index = 0;
    if (equals == std::string_view::npos || (word[0] != 'C' && word[0] != 'N') ||
        !ParseInt(word.substr(1, equals - 1), &index) ||
        !ParsePair(word.substr(equals + 1), &pair)) {
      return false;
    }
    const bool is_cpu = word[0] == 'C';
    if (index < 0 || index >= (is_cpu ? kMaxCpus : kRecordedNodesMax)) return false;
    const size_t at = static_cast<size_t>(index);
    SetShare(is_cpu ? &count.per_cpu : &count.per_node, at, pair.count);
    if (has_slabs) {
      SetShare(is_cpu ? &slabs.per_cpu : &slabs.per_node, at, pair.in_parentheses.value_or(0));
    }
  }
  if (has_slabs) cache->counts[std::string(name) + ".slabs"] = std::move(slabs);
  cache->counts[std::string(name)] = std::move(count);
  return true;
}

bool IsAttributeName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Splits ".../CACHE/FILE:VALUE". A cache's name may hold colons, a file's may not.
bool SplitSysfsLine(std::string_view line, std::string_view* cache, std::string_view* file,
                    std::string_view* value) {
  for (size_t colon = line.find(':'); colon != std::string_view::npos;
       colon = line.find(':', colon + 1)) {
    const size_t slash = line.rfind('/', colon);
    if (slash == std::string_view::npos || slash == 0) continue;
    *file = line.substr(slash + 1, colon - slash - 1);
    if (!IsAttributeName(*file)) continue;
    const size_t before = line.rfind('/', slash - 1);
    *cache = line.substr(before + 1, slash - before - 1);  // npos + 1 is 0
    *value = Trimmed(line.substr(colon + 1));
    return !cache->empty();
  }
  return false;
}

}  // namespace

int64_t CacheSysfs::Total(std::string_view name, int64_t fallback) const {
  const SysfsCount* count = Find(name);
  return count == nullptr ? fallback : count->total;
}

const SysfsCount* CacheSysfs::Find(std::string_view name) const {
  const auto found = counts.find(name);
  return found == counts.end() ? nullptr : &found->second;
}

const CacheSysfs* SlabSysfs::Find(std::string_view name) const {
  auto found = caches.find(name);
  if (found != caches.end()) return &found->second;
  const auto alias = aliases.find(name);
  if (alias == aliases.end()) return nullptr;
  found = caches.find(alias->second);
  return found == caches.end() ? nullptr : &found->second;
}

absl::StatusOr<SlabSysfs> ParseSlabSysfs(std::string_view text, const std::string& path) {
  SlabSysfs slab;
  const std::unique_ptr<LineReader> lines = LineReader::Of(text, path);
  std::string_view line;
  while (lines->Next(&line)) {
    if (line.empty() || line[0] == '#') continue;
    constexpr std::string_view kArrow = " -> ";
    const size_t arrow = line.find(kArrow);
    if (arrow != std::string_view::npos) {
      slab.aliases[std::string(Trimmed(line.substr(0, arrow)))] =
          std::string(Trimmed(line.substr(arrow + kArrow.size())));
      continue;
    }
    std::string_view name, file, value;
    if (!SplitSysfsLine(line, &name, &file, &value)) {
      return Expected(path, lines->line(), "/sys/kernel/slab/CACHE/FILE:VALUE", line);
    }
    CacheSysfs& cache = slab.caches[std::string(name)];
    if (file == "ctor") {
      cache.ctor = std::string(value);
    } else if (!value.empty() && !StoreCount(file, value, &cache)) {
      return Expected(path, lines->line(), "'TOTAL [Cn=…] [Nn=…]' as the value", value);
    }
  }
  if (!lines->status().ok()) return lines->status();
  if (slab.caches.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: expected lines '/sys/kernel/slab/CACHE/FILE:VALUE', found none", path));
  }
  return slab;
}

absl::StatusOr<std::string> SlabSysfsTextOfTree(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(it->path());
  }
  if (error) return absl::UnavailableError(fmt::format("{}: {}", folder, error.message()));
  std::sort(entries.begin(), entries.end());  // the order of a directory is nobody's promise
  std::string text;
  for (const fs::path& entry : entries) {
    if (fs::is_symlink(entry, error)) {
      const fs::path target = fs::read_symlink(entry, error);
      if (error) continue;
      text += fmt::format("{} -> {}\n", entry.filename().string(), target.filename().string());
      continue;
    }
    if (!fs::is_directory(entry, error)) continue;
    std::vector<fs::path> files;
    for (fs::directory_iterator it(entry, error), end; !error && it != end; it.increment(error)) {
      files.push_back(it->path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      if (absl::Status input = CheckInput(file.string()); !input.ok()) return input;
      absl::StatusOr<std::string> value = ReadWholeFile(file.string(), 1 << 16);
      if (!value.ok()) continue;
      const std::string_view first_line = std::string_view(*value).substr(0, value->find('\n'));
      text += fmt::format("/sys/kernel/slab/{}/{}:{}\n", entry.filename().string(),
                          file.filename().string(), first_line);
    }
  }
  return text;
}

const SlabinfoCache* Slabinfo::Find(std::string_view name) const {
  for (const SlabinfoCache& cache : caches) {
    if (cache.name == name) return &cache;
  }
  return nullptr;
}

namespace {

// Reads a slabinfo line's groups: "name a b c d e : tunables … : slabdata … : globalstat …".
class SlabinfoLine {
 public:
  explicit SlabinfoLine(std::string_view line) {
    // A colon that stands alone separates; a merged cache's name begins with one.
    for (const std::string_view word : Words(line)) {
      if (word == ":") {
        groups_.emplace_back();
      } else {
        groups_.back().push_back(word);
      }
    }
  }

  // The numbers of the group that `title` opens; the first group's title is the cache's name.
  // False if there is no such group or it is not numbers.
  bool Numbers(std::string_view title, std::vector<uint64_t>* numbers) const {
    for (const std::vector<std::string_view>& group : groups_) {
      if (group.empty() || (!title.empty() && group[0] != title)) continue;
      numbers->clear();
      for (size_t i = 1; i < group.size(); ++i) {
        uint64_t number = 0;
        if (!absl::SimpleAtoi(absl::string_view(group[i].data(), group[i].size()), &number))
          return false;
        numbers->push_back(number);
      }
      return true;
    }
    return false;
  }

  std::string_view name() const {
    return groups_.front().empty() ? std::string_view() : groups_.front().front();
  }

 private:
  std::vector<std::vector<std::string_view>> groups_ = {{}};
};

// False if the line is not a cache's.
bool ParseSlabinfoCache(const SlabinfoLine& line, bool has_statistics, SlabinfoCache* cache) {
  cache->name = std::string(line.name());
  std::vector<uint64_t> numbers;
  if (!line.Numbers("", &numbers) || numbers.size() != 5) return false;
  cache->active_objects = numbers[0];
  cache->objects = numbers[1];
  cache->object_bytes = numbers[2];
  cache->objects_per_slab = numbers[3];
  cache->pages_per_slab = numbers[4];
  if (!line.Numbers("tunables", &numbers) || numbers.size() != 3) return false;
  cache->limit = numbers[0];
  cache->batchcount = numbers[1];
  cache->shared_factor = numbers[2];
  if (!line.Numbers("slabdata", &numbers) || numbers.size() != 3) return false;
  cache->active_slabs = numbers[0];
  cache->slabs = numbers[1];
  cache->shared_available = numbers[2];
  if (!has_statistics) return true;
  return line.Numbers("globalstat", &cache->global_statistics) &&
         cache->global_statistics.size() == 9 && line.Numbers("cpustat", &cache->cpu_statistics) &&
         cache->cpu_statistics.size() == 4;
}

}  // namespace

absl::StatusOr<Slabinfo> ParseSlabinfo(std::string_view text, const std::string& path) {
  Slabinfo slabinfo;
  const std::unique_ptr<LineReader> lines = LineReader::Of(text, path);
  std::string_view line;
  constexpr std::string_view kVersion = "slabinfo - version: 2.1";
  if (!lines->Next(&line) || line.substr(0, kVersion.size()) != kVersion) {
    return Expected(path, 1, "'slabinfo - version: 2.1'", line);
  }
  slabinfo.has_statistics = line.find("(statistics)") != std::string_view::npos;
  while (lines->Next(&line)) {
    if (line.empty() || line[0] == '#') continue;
    SlabinfoCache cache;
    if (!ParseSlabinfoCache(SlabinfoLine(line), slabinfo.has_statistics, &cache)) {
      return Expected(path, lines->line(),
                      slabinfo.has_statistics
                          ? "'NAME n n n n n : tunables n n n : slabdata n n n : globalstat … : "
                            "cpustat …'"
                          : "'NAME n n n n n : tunables n n n : slabdata n n n'",
                      line);
    }
    slabinfo.caches.push_back(std::move(cache));
  }
  if (!lines->status().ok()) return lines->status();
  return slabinfo;
}

absl::StatusOr<PercpuStats> ParsePercpuStats(std::string_view text, const std::string& path) {
  PercpuStats stats;
  const std::unique_ptr<LineReader> lines = LineReader::Of(text, path);
  std::string_view line;
  bool is_titled = false;
  while (lines->Next(&line)) {
    const std::string_view trimmed = Trimmed(line);
    if (trimmed.empty() || trimmed[0] == '-') continue;
    if (trimmed == "Percpu Memory Statistics") {
      is_titled = true;
      continue;
    }
    if (!is_titled) return Expected(path, lines->line(), "'Percpu Memory Statistics'", trimmed);
    if (trimmed.substr(0, 6) == "Chunk:") {
      PercpuChunkStats chunk;
      chunk.is_first = trimmed.find("First Chunk") != std::string_view::npos;
      chunk.is_reserved = trimmed.find("Reserved Chunk") != std::string_view::npos;
      stats.chunks.push_back(std::move(chunk));
      continue;
    }
    if (trimmed.back() == ':') continue;  // a section's title
    const size_t colon = trimmed.find(':');
    int64_t value = 0;
    if (colon == std::string_view::npos || !ParseInt(Trimmed(trimmed.substr(colon + 1)), &value)) {
      // Under verbose statistics the chunks list their allocations, which are not kept.
      if (!stats.chunks.empty()) continue;
      return Expected(path, lines->line(), "'name : NUMBER'", trimmed);
    }
    auto& values = stats.chunks.empty() ? stats.values : stats.chunks.back().values;
    values[std::string(Trimmed(trimmed.substr(0, colon)))] = value;
  }
  if (!lines->status().ok()) return lines->status();
  if (!is_titled) return Expected(path, 1, "'Percpu Memory Statistics'", "");
  return stats;
}

absl::StatusOr<std::vector<ZoneInfo>> ParseZoneinfo(std::string_view text,
                                                    const std::string& path) {
  std::vector<ZoneInfo> zones;
  const std::unique_ptr<LineReader> lines = LineReader::Of(text, path);
  std::string_view line;
  while (lines->Next(&line)) {
    const std::vector<std::string_view> words = Words(line);
    if (words.empty()) continue;
    int64_t number = 0;
    if (words[0] == "Node") {  // "Node 0, zone    DMA32"
      if (words.size() != 4 || words[1].back() != ',' || words[2] != "zone" ||
          !ParseInt(words[1].substr(0, words[1].size() - 1), &number) || number < 0 ||
          number >= kMaxNodes) {
        return Expected(path, lines->line(), "'Node NUMBER, zone NAME'", line);
      }
      ZoneInfo zone;
      zone.node = static_cast<int32_t>(number);
      zone.name = std::string(words[3]);
      zones.push_back(std::move(zone));
      continue;
    }
    if (zones.empty()) return Expected(path, lines->line(), "'Node NUMBER, zone NAME'", line);
    ZoneInfo& zone = zones.back();
    if (words[0] == "cpu:" && words.size() == 2 && ParseInt(words[1], &number)) {
      zone.pagesets.push_back({.cpu = static_cast<int32_t>(number)});
      continue;
    }
    if (!ParseInt(words.back(), &number)) continue;  // titles, "protection: (0, 0)"
    std::string_view key = words[0];
    if (key == "pages" && words.size() == 3) key = words[1];  // "pages free 107565"
    if (key.back() == ':') key.remove_suffix(1);
    if (!zone.pagesets.empty() && (key == "count" || key == "high" || key == "batch")) {
      ZonePageset& pageset = zone.pagesets.back();
      (key == "count" ? pageset.count : key == "high" ? pageset.high : pageset.batch) = number;
      continue;
    }
    zone.values[std::string(key)] = number;
  }
  if (!lines->status().ok()) return lines->status();
  if (zones.empty()) return Expected(path, 1, "'Node NUMBER, zone NAME'", "");
  return zones;
}

absl::StatusOr<NodesFile> ParseNodesFile(std::string_view text, const std::string& path) {
  NodesFile file;
  std::vector<int32_t>& node_of_cpu = file.node_of_cpu;
  const std::unique_ptr<LineReader> lines = LineReader::Of(text, path);
  std::string_view line;
  while (lines->Next(&line)) {
    const std::vector<std::string_view> words = Words(line);
    if (words.empty()) continue;
    int64_t node = 0;
    if (words.size() > 2 || words[0].substr(0, 4) != "node" ||
        !ParseInt(words[0].substr(4), &node) || node < 0 || node >= kRecordedNodesMax) {
      return Expected(path, lines->line(), "'nodeNUMBER CPU-CPU,…'", line);
    }
    file.nodes.push_back(static_cast<int32_t>(node));
    std::string_view list = words.size() == 2 ? words[1] : std::string_view();
    while (!list.empty()) {
      const std::string_view range = list.substr(0, list.find(','));
      list.remove_prefix(std::min(list.size(), range.size() + 1));
      const size_t dash = range.find('-');
      int64_t first = 0;
      int64_t last = 0;
      if (!ParseInt(range.substr(0, dash), &first) || first < 0) {
        return Expected(path, lines->line(), "a list of CPUs like 0-3,8", range);
      }
      last = first;
      if (dash != std::string_view::npos && !ParseInt(range.substr(dash + 1), &last)) {
        return Expected(path, lines->line(), "a list of CPUs like 0-3,8", range);
      }
      if (last < first || last >= kMaxCpus) {
        return Expected(path, lines->line(), "CPUs in ascending order below 4096", range);
      }
      if (node_of_cpu.size() <= static_cast<size_t>(last)) node_of_cpu.resize(last + 1, -1);
      for (int64_t cpu = first; cpu <= last; ++cpu) {
        int32_t& its_node = node_of_cpu[static_cast<size_t>(cpu)];
        if (its_node >= 0 && its_node != node) {
          return Expected(path, lines->line(),
                          fmt::format("each CPU on one node, and {} is on node {}", cpu, its_node),
                          range);
        }
        its_node = static_cast<int32_t>(node);
      }
    }
  }
  if (!lines->status().ok()) return lines->status();
  std::sort(file.nodes.begin(), file.nodes.end());
  file.nodes.erase(std::unique(file.nodes.begin(), file.nodes.end()), file.nodes.end());
  return file;
}

absl::StatusOr<std::vector<int32_t>> ParseNodes(std::string_view text, const std::string& path) {
  absl::StatusOr<NodesFile> file = ParseNodesFile(text, path);
  if (!file.ok()) return file.status();
  return std::move(file->node_of_cpu);
}

}  // namespace slablab
