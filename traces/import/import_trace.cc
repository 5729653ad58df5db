// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/import_trace.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/claimed_output.h"
#include "base/gz_input.h"
#include "fmt/format.h"
#include "traces/import/naming_sink.h"
#include "traces/import/recording_events.h"
#include "traces/import/recording_source.h"
#include "traces/sidecar/kernel_names.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 18> kSidecarNames = {{
    "cpuinfo",
    "lost",
    "lost-events",
    "lstopo.xml",
    "nodes",
    "percpu_stats.after",
    "percpu_stats.before",
    "percpu_stats.boot",
    "slabinfo.after",
    "slabinfo.before",
    "slabinfo.boot",
    "sys-kernel-slab.after",
    "sys-kernel-slab.before",
    "sys-kernel-slab.boot",
    "uname",
    "zoneinfo.after",
    "zoneinfo.before",
    "zoneinfo.boot",
}};

// What a sidecar of that name may be called in a folder: a lone copy, without a suffix, counts as
// taken before.
std::vector<std::string> FileNames(std::string_view name) {
  std::vector<std::string> names = {std::string(name)};
  constexpr std::string_view kBefore = ".before";
  if (name.size() > kBefore.size() && name.substr(name.size() - kBefore.size()) == kBefore) {
    names.emplace_back(name.substr(0, name.size() - kBefore.size()));
  }
  if (name == "sys-kernel-slab.before") names.emplace_back("slab");
  if (name == "lost") names.insert(names.end(), {"stats", "stats.after", "per_cpu"});
  return names;
}

struct SidecarText {
  std::string text;
  std::string path;
};

// The sidecar of that name in the folder; nullopt if there is none.
absl::StatusOr<std::optional<SidecarText>> ReadSidecar(const fs::path& folder,
                                                       std::string_view name) {
  std::error_code error;
  for (const std::string& file : FileNames(name)) {
    const std::string path = (folder / file).string();
    if (fs::is_directory(path, error)) {
      absl::StatusOr<std::string> text =
          name == "lost" ? RingStatsTextOfTree(path) : SlabSysfsTextOfTree(path);
      if (!text.ok()) return text.status();
      return std::optional<SidecarText>({*std::move(text), path});
    }
    for (const char* compression : {"", ".gz"}) {
      if (absl::Status input = CheckInput(path + compression); !input.ok()) return input;
      absl::StatusOr<std::string> text = ReadWholeFile(path + compression);
      if (text.ok()) return std::optional<SidecarText>({*std::move(text), path + compression});
      if (!absl::IsNotFound(text.status())) return text.status();
    }
  }
  return std::optional<SidecarText>();
}

// What is gathered while sidecars are read, one by one.
struct Gathered {
  std::optional<SlabSysfs> sysfs_before, sysfs_after;
  std::optional<Slabinfo> slabinfo_before, slabinfo_after;
};

// Adds what `text` says to `set`, or answers what is wrong with it.
absl::Status Understand(std::string_view name, std::string_view text, const std::string& path,
                        Gathered* gathered, SidecarSet* set) {
  const std::string_view kind = name.substr(0, name.rfind('.'));
  const bool is_after = name.substr(kind.size()) == ".after";
  if (kind == "sys-kernel-slab") {
    absl::StatusOr<SlabSysfs> slab = ParseSlabSysfs(text, path);
    if (!slab.ok()) return slab.status();
    (is_after ? gathered->sysfs_after : gathered->sysfs_before) = *std::move(slab);
  } else if (kind == "slabinfo") {
    absl::StatusOr<Slabinfo> slabinfo = ParseSlabinfo(text, path);
    if (!slabinfo.ok()) return slabinfo.status();
    (is_after ? gathered->slabinfo_after : gathered->slabinfo_before) = *std::move(slabinfo);
  } else if (kind == "percpu_stats") {
    return ParsePercpuStats(text, path).status();
  } else if (kind == "zoneinfo") {
    return ParseZoneinfo(text, path).status();
  } else if (name == "nodes") {
    absl::StatusOr<NodesFile> nodes = ParseNodesFile(text, path);
    if (!nodes.ok()) return nodes.status();
    set->nodes = *std::move(nodes);
  } else if (name == "lost-events" || name == "lost") {
    const absl::StatusOr<std::map<int32_t, uint64_t>> lost =
        name == "lost" ? ParseRingStats(text, path) : ParseLostEvents(text, path);
    if (!lost.ok()) return lost.status();
    for (const auto& [cpu, count] : *lost) set->lost[cpu] = std::max(set->lost[cpu], count);
  } else if (name == "uname") {
    absl::StatusOr<std::string> release = ParseUname(text, path);
    if (!release.ok()) return release.status();
    set->kernel_release = *std::move(release);
  } else if (name == "lstopo.xml" && text.find("<topology") == text.npos) {
    return absl::InvalidArgumentError(
        fmt::format("{}: expected a topology as lstopo --of xml writes it", path));
  }
  return absl::OkStatus();
}

void KnowBySysfs(const Gathered& gathered, SidecarSet* set) {
  set->sysfs = gathered.sysfs_before.has_value() ? gathered.sysfs_before : gathered.sysfs_after;
  if (!set->sysfs.has_value()) return;
  if (gathered.sysfs_after.has_value()) {
    set->sysfs->caches.insert(gathered.sysfs_after->caches.begin(),
                              gathered.sysfs_after->caches.end());
    set->sysfs->aliases.insert(gathered.sysfs_after->aliases.begin(),
                               gathered.sysfs_after->aliases.end());
  }
  std::map<std::string_view, int64_t> counted;
  if (gathered.sysfs_before.has_value() && gathered.sysfs_after.has_value()) {
    set->counters = KernelCounters::Between(*gathered.sysfs_before, *gathered.sysfs_after);
  }
  if (set->counters.has_value()) {
    for (const KernelCounters::Cache& cache : set->counters->caches()) {
      counted[cache.name] = set->counters->Allocations(cache);
    }
  }
  for (const auto& [name, cache] : set->sysfs->caches) {
    KnownCache known;
    known.name = name;
    known.object_size = static_cast<uint32_t>(cache.Total("object_size"));
    known.slab_size = static_cast<uint32_t>(cache.Total("slab_size"));
    if (const auto found = counted.find(name); found != counted.end() && found->second >= 0) {
      known.allocations = static_cast<uint64_t>(found->second);
    }
    // kmem_cache_alloc does not serve from the kmalloc caches.
    if (name.substr(0, 8) != "kmalloc-" && name.substr(0, 12) != "dma-kmalloc-") {
      set->known.push_back(std::move(known));
    }
  }
}

// allochit and allocmiss, the first two of "cpustat".
uint64_t CountedAllocations(const SlabinfoCache& cache) {
  return cache.cpu_statistics.empty() ? 0 : cache.cpu_statistics[0] + cache.cpu_statistics[1];
}

void KnowBySlabinfo(const Gathered& gathered, SidecarSet* set) {
  const std::optional<Slabinfo>& slabinfo =
      gathered.slabinfo_after.has_value() ? gathered.slabinfo_after : gathered.slabinfo_before;
  if (!slabinfo.has_value()) return;
  const bool has_both = slabinfo->has_statistics && gathered.slabinfo_before.has_value() &&
                        gathered.slabinfo_after.has_value();
  for (const SlabinfoCache& cache : slabinfo->caches) {
    if (cache.name.substr(0, 8) == "kmalloc-" || cache.name.substr(0, 12) == "dma-kmalloc-")
      continue;
    KnownCache known;
    known.name = cache.name;
    known.slab_size = static_cast<uint32_t>(cache.object_bytes);
    if (has_both) {
      const SlabinfoCache* before = gathered.slabinfo_before->Find(cache.name);
      const uint64_t counted = CountedAllocations(cache);
      const uint64_t earlier = before == nullptr ? 0 : CountedAllocations(*before);
      if (counted >= earlier) known.allocations = counted - earlier;
    }
    set->known.push_back(std::move(known));
  }
}

// What <topology version="..."> says; empty: nothing, as of hwloc 1.
std::string_view XmlVersionOf(std::string_view lstopo) {
  constexpr std::string_view kAttribute = " version=";
  constexpr size_t kShown = 20;
  lstopo.remove_prefix(std::min(lstopo.find("<topology"), lstopo.size()));
  const std::string_view tag = lstopo.substr(0, lstopo.find('>'));
  const size_t quote = tag.find(kAttribute) + kAttribute.size();
  if (tag.find(kAttribute) == tag.npos || quote >= tag.size()) return {};
  const std::string_view value = tag.substr(quote + 1);
  return value.substr(0, std::min(value.find(tag[quote]), kShown));
}

void DescribeRecording(const Recording& recording, const std::string& name,
                       const RecordingInfo& info, TraceHeader& header) {
  for (const std::string& release : {info.kernel_release, recording.sidecars.kernel_release}) {
    if (header.kernel_release.empty()) header.kernel_release = release;
  }
  if (header.clock.empty()) header.clock = info.clock;
  header.source_format = info.source_format;
  header.source_name = fs::path(name).filename().string();
  const NodesFile& nodes = recording.sidecars.nodes;
  header.node_of_cpu = nodes.node_of_cpu;
  header.node_count = nodes.nodes.empty() ? 0 : nodes.nodes.back() + 1;
  header.cpu_count = std::max(info.cpu_count, static_cast<int32_t>(nodes.node_of_cpu.size()));
  header.sidecars = recording.sidecars.files;
  header.assumptions = info.notes;
  if (const TraceSidecar* lstopo = header.FindSidecar("lstopo.xml"); lstopo != nullptr) {
    const std::string_view version = XmlVersionOf(lstopo->contents);
    const std::string_view major = version.substr(0, version.find('.'));
    if (major != "2" && major != "3") {
      header.assumptions.push_back(fmt::format(
          "lstopo.xml is kept but no run uses it: its version of hwloc's XML is {}, not 2 or 3",
          version.empty() ? "not stated" : version));
    }
  }
  if (header.clock == "local") {
    header.assumptions.push_back(
        "the file names the trace clock 'local', which is not synchronised between CPUs: the order "
        "of events of different CPUs is only as good as its drift (record with -C mono)");
  }
}

// What was lost and stands nowhere among the events: the recorder's own counters, by CPU, less what
// the notices among the events tell.
struct Losses {
  std::map<int32_t, uint64_t> events;  // by CPU
  uint64_t covered = 0;                // notices without a number that these counts are of
};

Losses UntoldLosses(const RecordingEvents& events, const SidecarSet& sidecars) {
  std::map<int32_t, uint64_t> counted = events.info().ring_loss;
  for (const auto& [cpu, count] : sidecars.lost) counted[cpu] = std::max(counted[cpu], count);
  Losses losses;
  losses.covered = events.info().lost_covered;
  for (const auto& [cpu, count] : counted) {
    const auto told = events.losses().find(cpu);
    const LossNotices notices = told == events.losses().end() ? LossNotices() : told->second;
    if (count <= notices.events) continue;
    losses.events[cpu] = count - notices.events;
    losses.covered += notices.unnumbered;
  }
  return losses;
}

// CPUs that "nodes" does not name. Numbers may have gaps: only those that have events are missing.
void PlaceTheRest(const std::vector<bool>& cpus_with_events, TraceHeader& header) {
  std::vector<int32_t>& node_of_cpu = header.node_of_cpu;
  node_of_cpu.resize(static_cast<size_t>(header.cpu_count), -1);
  const int32_t first =
      *std::min_element(node_of_cpu.begin(), node_of_cpu.end(), [](int32_t a, int32_t b) {
        return static_cast<uint32_t>(a) < static_cast<uint32_t>(b);  // -1 comes last
      });
  std::vector<size_t> missing;
  for (size_t cpu = 0; cpu < node_of_cpu.size(); ++cpu) {
    if (node_of_cpu[cpu] >= 0) continue;
    node_of_cpu[cpu] = std::max(0, first);
    if (cpu < cpus_with_events.size() && cpus_with_events[cpu]) missing.push_back(cpu);
  }
  if (missing.empty()) return;
  header.assumptions.push_back(
      fmt::format("'nodes' does not place every CPU (not {}): they are taken to be on node {}",
                  fmt::join(missing, ", "), std::max(0, first)));
}

// What can only be said when the events are known. `cpus`: whether there are any on a CPU.
void DescribeEvents(const RecordingEvents& events, const Losses& losses,
                    const std::vector<bool>& cpus, TraceHeader& header) {
  const RecordingInfo& info = events.info();
  if (!header.node_of_cpu.empty()) PlaceTheRest(cpus, header);
  if (header.addresses == AddressKind::kHashed) {
    header.assumptions.push_back(
        "addresses are hashed: objects are told apart, but their pages and nodes are unknown");
  } else if (events.has_short_addresses()) {
    header.assumptions.push_back(
        "addresses have 32 bits: the recorded kernel is one of 32 bits, whose own objects are "
        "smaller than a simulated kernel's");
  } else if (header.direct_map_base != 0) {
    header.assumptions.push_back(
        fmt::format("physical memory is taken to be mapped at {:#x}: every address lies in the "
                    "tebibyte above it",
                    header.direct_map_base));
  }
  for (const auto& [name, count] : info.skipped) {
    header.repairs.push_back({"skipped-" + name, count, "events of a kind that is not replayed"});
  }
  for (const auto& [name, left_out] : info.left_out) {
    header.repairs.push_back({name, left_out.count, left_out.explanation});
  }
  if (events.moved() > 0) {
    header.repairs.push_back({"sorted-by-time", events.moved(),
                              "events that stood behind later ones, as in cat per_cpu/*/trace: put "
                              "in order of time, and "
                              "of equal times in the order of the file"});
  }
  header.lost_covered = losses.covered;
  for (const auto& [cpu, count] : losses.events) {
    header.lost_untimed += count;
    header.assumptions.push_back(
        fmt::format("{} events of CPU {} were lost by the recorder's own count; when is not known, "
                    "so the mark of it stands before the first event",
                    count, cpu));
  }
  if (info.malformed > 0) {
    header.repairs.push_back(
        {"malformed-line", info.malformed,
         "lines that were not understood and left out; the first: " + info.malformed_first});
  }
}

// The figures that make totals comparable with perf kmem's, which counts every event.
void DescribeInternal(const InternalTotals& totals, TraceHeader& header) {
  if (totals.allocations == 0 && totals.frees == 0) return;
  const auto add = [&header](std::string_view name, uint64_t count, std::string_view what) {
    header.repairs.push_back({std::string(name), count, std::string(what)});
  };
  add("allocator-internal-allocations", totals.allocations, "of allocator-internal: allocations");
  add("allocator-internal-bytes-requested", totals.bytes_requested,
      "of allocator-internal: bytes requested");
  add("allocator-internal-bytes-allocated", totals.bytes_allocated,
      "of allocator-internal: bytes allocated");
  add("allocator-internal-bytes-freed", totals.bytes_freed, "of allocator-internal: bytes freed");
}

// Puts notices of what the ring buffers lost before the first event, when it is known.
class LossFirst : public RawEventSink {
 public:
  LossFirst(const std::map<int32_t, uint64_t>& loss, RawEventSink& sink)
      : loss_(loss), sink_(sink) {}

  absl::Status Append(const RawEvent& event) override {
    if (!told_) {
      told_ = true;
      for (const auto& [cpu, count] : loss_) {
        RawEvent lost;
        lost.kind = EventKind::kLost;
        lost.cpu = cpu;
        lost.time = event.time;
        lost.bytes_req = count;
        const absl::Status status = sink_.Append(lost);
        if (!status.ok()) return status;
      }
    }
    const auto cpu = static_cast<size_t>(event.cpu);
    if (cpu >= cpus_.size() && event.cpu >= 0 && event.cpu < kMaxCpus) cpus_.resize(cpu + 1);
    if (cpu < cpus_.size()) cpus_[cpu] = true;
    return sink_.Append(event);
  }
  // Whether there were any events on a CPU.
  const std::vector<bool>& cpus() const { return cpus_; }

 private:
  const std::map<int32_t, uint64_t>& loss_;
  RawEventSink& sink_;
  bool told_ = false;
  std::vector<bool> cpus_;
};

}  // namespace

absl::StatusOr<SidecarSet> CollectSidecars(const std::string& folder) {
  SidecarSet set;
  Gathered gathered;
  for (const std::string_view name : kSidecarNames) {
    absl::StatusOr<std::optional<SidecarText>> read = ReadSidecar(folder, name);
    if (!read.ok()) return read.status();
    if (!read->has_value()) continue;
    auto& [text, path] = **read;
    const absl::Status status = Understand(name, text, path, &gathered, &set);
    if (!status.ok()) return status;
    set.files.push_back({std::string(name), std::move(text)});
  }
  const absl::StatusOr<std::optional<SidecarText>> kallsyms = ReadSidecar(folder, "kallsyms");
  if (!kallsyms.ok()) return kallsyms.status();
  if (kallsyms->has_value()) {
    absl::StatusOr<Kallsyms> symbols = Kallsyms::Parse((*kallsyms)->text, (*kallsyms)->path);
    if (!symbols.ok()) return symbols.status();
    set.symbols = *std::move(symbols);
  }
  KnowBySysfs(gathered, &set);
  if (set.known.empty()) KnowBySlabinfo(gathered, &set);
  return set;
}

absl::StatusOr<Recording> FindRecording(const std::string& path, const FindOptions& options) {
  std::error_code error;
  Recording recording;
  if (path == "-") {
    recording.path = path;
    return recording;
  }
  fs::path folder = path;
  if (!fs::is_directory(path, error)) {
    if (!fs::exists(path, error)) return absl::NotFoundError(path + ": no such file or folder");
    recording.path = path;
    // A pipe has nothing beside it.
    const bool is_file = fs::is_regular_file(path, error);
    folder = is_file ? fs::path(path).parent_path() : fs::path();
    if (is_file && folder.empty()) folder = fs::path(".");
  } else {
    for (const std::string_view name :
         {"trace.dat", "trace.txt", "trace.txt.gz", "perf.txt", "perf.txt.gz", "perf.data"}) {
      const fs::path candidate = fs::path(path) / std::string(name);
      if (!fs::exists(candidate, error)) continue;
      if (!recording.path.empty()) {
        return absl::InvalidArgumentError(
            fmt::format("{}: the folder holds two recordings, {} and {}: name the one to import",
                        path, fs::path(recording.path).filename().string(), name));
      }
      recording.path = candidate.string();
    }
    if (recording.path.empty()) {
      return absl::NotFoundError(
          fmt::format("{}: the folder holds no trace.dat, trace.txt, perf.txt or perf.data", path));
    }
  }
  if (!options.sidecars || folder.empty()) return recording;
  absl::StatusOr<SidecarSet> sidecars = CollectSidecars(folder.string());
  if (!sidecars.ok()) return sidecars.status();
  recording.sidecars = *std::move(sidecars);
  recording.sidecars_from = folder.string();
  return recording;
}

absl::StatusOr<ImportSummary> ImportTrace(const Recording& recording, const ImportOptions& options,
                                          EventSink& sink, TraceHeader& header) {
  const SidecarSet& sidecars = recording.sidecars;
  const absl::StatusOr<std::unique_ptr<RecordingSource>> source =
      RecordingSource::Open(recording.path, options.interrupted);
  if (options.interrupted()) return absl::CancelledError("interrupted");
  if (!source.ok()) return source.status();
  uint64_t read = 0;
  uint64_t total = 0;  // known once it has been read
  RecordingEvents events(**source, options.read, [&] {
    if (options.progress) options.progress(read, total);
    read += RecordingEvents::kEventsBetweenQuestions;
    return options.interrupted();
  });
  std::optional<Repairer> repairer;
  std::optional<NamingSink> naming;
  const Kallsyms* const symbols = sidecars.symbols.has_value() ? &*sidecars.symbols : nullptr;
  absl::Status status = events.Survey([&](AddressKind addresses) {
    repairer.emplace(
        RepairOptions{.keep_null_frees = options.keep_null_frees,
                      .keep_allocator_internal = options.keep_allocator_internal,
                      .addresses = addresses,
                      .sysfs = sidecars.sysfs.has_value() ? &*sidecars.sysfs : nullptr,
                      .known = &sidecars.known,
                      .counters = sidecars.counters.has_value() ? &*sidecars.counters : nullptr});
    naming.emplace(symbols, *repairer);
    return &*naming;
  });
  if (!status.ok()) return status;
  if (options.to_replay) {
    if (absl::Status s = events.CheckReplayable(); !s.ok()) return s;
  }
  total = std::exchange(read, 0);
  repairer->Conclude();
  const Losses losses = UntoldLosses(events, sidecars);
  // Before the first event: a file that is cut short can then still be understood.
  DescribeRecording(recording, (*source)->name(), events.info(), header);
  repairer->DescribeTables(header);
  repairer->WriteTo(&sink);
  naming.emplace(symbols, *repairer);
  LossFirst to_repairer(losses.events, *naming);
  status = events.ReadAgain(to_repairer);
  if (!status.ok()) return status;
  repairer->Describe(header);
  DescribeEvents(events, losses, to_repairer.cpus(), header);
  DescribeInternal(repairer->internal_totals(), header);
  if (naming->nameless() > 0) {
    header.assumptions.push_back(fmt::format(
        "the call sites of {} events are addresses without a name, so that the recorded "
        "allocator's "
        "own allocations among them cannot be told from others and are not left out (a copy of "
        "/proc/kallsyms beside the recording, called kallsyms, has the names)",
        naming->nameless()));
  }
  ImportSummary summary;
  summary.recording = events.info();
  summary.internal = repairer->internal_totals();
  for (const TraceRepair& repair : header.repairs) {
    summary.repairs.emplace_back(repair.name, repair.count);
  }
  return summary;
}

}  // namespace slablab
