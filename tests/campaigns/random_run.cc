// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/campaigns/random_run.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace slablab {

namespace {

struct MachineChoice {
  absl::string_view name;
  uint32_t cpus;
  uint32_t nodes;
};
constexpr MachineChoice kMachines[] = {
    {"uma-1", 1, 1},           {"xeon-8380@2x2", 2, 2},
    {"xeon-8380@3x3", 3, 3},   {"vm-c4n2", 4, 2},
    {"xeon-8380@4x1", 4, 1},   {"xeon-8380@6x2", 6, 2},
    {"epyc-7763@8x4", 8, 4},   {"r910@8x4", 8, 4},
    {"epyc-7763@32x8", 32, 8}, {"big-1024@64x16", 64, 16},
};
// Small enough for many.
constexpr absl::string_view kWorkloads[] = {
    "--workload=netperf-udp --set=threads=4 --set=datagrams=60",
    "--workload=netperf-udp --set=threads=8 --set=datagrams=40 --set=backlog=3",
    "--workload=netperf-tcp-rr",
    "--workload=netperf-tcp-rr-nic",
    "--workload=hackbench --set=groups=1 --set=loops=4",
    "--workload=hackbench-pipes --set=groups=1 --set=loops=4",
    "--workload=fork-storm",
    "--workload=mmap-storm",
    "--workload=file-tree",
    "--workload=larson --set=slots=20",
    "--workload=producer-consumer",
    "--workload=rename-storm --set=threads=5 --set=renames=400",
    "--workload=cache-scratch",
    "--workload=slab-pairs",
    "--workload=slab-batch",
    "--workload=slab-gather",
    "--workload=slab-remote",
};
constexpr absl::string_view kTraces[] = {"slab-c4n2-fs", "slub-c4n2-fork", "slub-c4n2-hackbench",
                                         "slub-c4n2-net"};
constexpr absl::string_view kAllocators[] = {
    "slub-6.1",  "slub-6.18",        "slub-7.3", "slub-2010", "slab",
    "slab-2014", "slab-2014-percpu", "slubq",    "slubq-v2"};
constexpr absl::string_view kPercpuAllocators[] = {"percpu", "percpu-km", "percpu-2010",
                                                   "percpu-2010-km"};
constexpr absl::string_view kSlabKeys[] = {"limit", "batchcount", "sharedfactor"};
constexpr absl::string_view kSlubKeys[] = {"min_partial", "cpu_partial", "remote_node_defrag_ratio",
                                           "shrink"};
constexpr absl::string_view kSlub2010Keys[] = {"min_partial", "remote_node_defrag_ratio", "shrink"};
constexpr absl::string_view kSlubqKeys[] = {"cpu_queue_size",    "batch_size",       "shrink",
                                            "shared_queue_size", "alien_queue_size", "expire"};
constexpr int64_t kValues[] = {0, 1, 1, 1, 2, 4, 8, 10, 30, 60, 120, 1000, 4095, 65'535, 524'286};
constexpr int64_t kAbsurd[] = {-1, 2'147'483'647, 2'147'483'648, 4'294'967'295, INT64_MAX};

class Maker {
 public:
  explicit Maker(Random& random) : random_(random) {}

  RandomRun Make(const std::string& samples) {
    RandomRun run;
    const bool percpu = OneIn(25);
    machine_ = Pick(kMachines);
    allocator_ = percpu ? Pick(kPercpuAllocators) : Pick(kAllocators);
    const bool recorded = percpu || OneIn(10);
    const auto add = [&](std::string argument) { run.arguments.push_back(std::move(argument)); };
    add("--allocator=" + std::string(allocator_));
    add(absl::StrCat("--machine=", machine_.name));
    add(absl::StrCat("--seed=", Below(1000)));
    if (percpu) {
      add(absl::StrCat("--trace=", samples, "/linux-6.1-percpu-c8n2.slt"));
      add(absl::StrCat("--events-max=", 1 + Below(5'000)));
      return run;
    }
    if (recorded || OneIn(6)) {
      add(absl::StrCat("--trace=", samples, "/linux-6.1-", Pick(kTraces), ".slt"));
      add(absl::StrCat("--events-max=", 1 + Below(6'000)));
      add(absl::StrCat("--order=", recorded ? "recorded" : "closed"));
    } else {
      const absl::string_view workload = Pick(kWorkloads);
      for (size_t from = 0; from < workload.size();) {
        const size_t to = std::min(workload.find(' ', from), workload.size());
        add(std::string(workload.substr(from, to - from)));
        from = to + 1;
      }
      if (OneIn(3)) add("--balance=off");
    }
    if (!recorded && OneIn(5)) add("--place=pack");
    if (!recorded && OneIn(6)) add(absl::StrCat("--scale=", 2 + Below(2)));
    if (OneIn(3)) add(absl::StrCat("--pressure-us=", PickOf({1, 5, 20, 100, 200, 500, 2'000})));
    if (OneIn(5)) add("--merge-caches");
    if (OneIn(8)) add("--statistics");
    if (OneIn(8)) {
      const std::string key(Key());
      add(absl::StrCat("--tune=", key, "=", Value(key)));
    }
    if (!recorded && !OneIn(8)) {
      for (uint64_t i = 1 + Below(8); i > 0; --i) AddEvent(run.events);
    }
    return run;
  }

 private:
  uint64_t Below(uint64_t n) { return random_.Below(n); }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  template <typename T, size_t kCount>
  const T& Pick(const T (&all)[kCount]) {
    return all[Below(kCount)];
  }
  uint64_t PickOf(std::initializer_list<uint64_t> all) { return all.begin()[Below(all.size())]; }

  absl::string_view Key() {
    if (allocator_.substr(0, 5) == "slubq") return Pick(kSlubqKeys);
    if (allocator_ == "slub-6.1" || allocator_ == "slub-6.18" || allocator_ == "slub-7.3") {
      return Pick(kSlubKeys);
    }
    return allocator_ == "slub-2010" ? Pick(kSlub2010Keys) : Pick(kSlabKeys);
  }
  int64_t Value(absl::string_view key) {
    if (key == "shrink") return 1;
    return OneIn(12) ? Pick(kAbsurd) : Pick(kValues);
  }
  std::string Again() {
    if (OneIn(2)) return "";
    return absl::StrCat(" every_us: ", PickOf({1, 50, 200, 1000}), " times: ", 1 + Below(30),
                        " jitter_us: ", Below(50));
  }

  void AddEvent(std::vector<std::string>& events) {
    const uint64_t at = OneIn(3) ? Below(50) : Below(2'000);
    const auto add = [&](uint64_t when, const std::string& again, const std::string& what) {
      events.push_back(absl::StrCat("events { at_us: ", when, again, " ", what, " }"));
    };
    switch (Below(11)) {
      case 10:
        return add(at, Again(), absl::StrCat("rcu_barrier { cpu: ", Below(machine_.cpus), " }"));
      case 0:
      case 1:
      case 2: {
        const uint64_t cpu = Below(machine_.cpus);
        const std::string again = Again();
        add(at, again, absl::StrCat("cpu_offline { cpu: ", cpu, " }"));
        add(at + Below(900), again, absl::StrCat("cpu_online { cpu: ", cpu, " }"));
        return;
      }
      case 3: {
        const uint64_t node = Below(machine_.nodes);
        add(at, "", absl::StrCat("node_offline { node: ", node, " }"));
        if (!OneIn(4)) add(at + Below(900), "", absl::StrCat("node_online { node: ", node, " }"));
        return;
      }
      case 4: {
        const int64_t node = static_cast<int64_t>(Below(machine_.nodes + 1)) - 1;
        return add(at, Again(), absl::StrCat("pressure { node: ", node, " }"));
      }
      case 5:
      case 6: {
        const std::string key(Key());
        const std::string cache = OneIn(3) ? "cache: \"kmalloc-64\" " : "";
        return add(at, Again(),
                   absl::StrCat("tune { ", cache, "key: \"", key, "\" value: ", Value(key), " }"));
      }
      default: {
        const uint64_t cpu = Below(machine_.cpus);
        return add(at, Again(),
                   absl::StrCat(
                       "interrupts { cpu: ", cpu, " cpus: ", Below(machine_.cpus - cpu + 1),
                       " count: ", 1 + Below(330), " interval_ns: ", PickOf({100, 500, 2000, 9000}),
                       " objects: ", PickOf({0, 1, 5, 40, 64}), " bytes: ",
                       PickOf({0, 64, 700, 4096, 8192}), OneIn(3) ? " free_rcu: true" : "", " }"));
      }
    }
  }

  Random& random_;
  MachineChoice machine_{};
  absl::string_view allocator_;
};

}  // namespace

RandomRun MakeRandomRun(Random& random, const std::string& samples) {
  return Maker(random).Make(samples);
}

std::string Reproducer(const RandomRun& run) {
  return absl::StrCat("# run ", absl::StrJoin(run.arguments, " "),
                      run.events.empty() ? "" : " --scenario=THIS", "\n",
                      absl::StrJoin(run.events, "\n"), "\n");
}

}  // namespace slablab
