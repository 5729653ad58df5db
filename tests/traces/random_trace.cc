// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/traces/random_trace.h"

#include <filesystem>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

constexpr int kCallSites = 12;
constexpr int kGfpFlags = 5;
constexpr int kCaches = 6;

class Recorder {
 public:
  explicit Recorder(const RandomTraceOptions& options) : options_(options), random_(options.seed) {}

  Trace Record() {
    FillHeader();
    for (int i = 0; i < options_.events; ++i) {
      Event event = options_.wild ? WildEvent() : KernelEvent();
      event.time = now_;
      trace_.events.push_back(event);
      now_ += random_.Chance(1, 3) ? 0 : 10 * random_.Below(500);
    }
    return std::move(trace_);
  }

 private:
  void FillHeader() {
    TraceHeader& header = trace_.header;
    header.kernel_release = "6.1.192";
    header.clock = "mono";
    header.source_format = "trace.dat";
    header.source_name = "t.dat";
    header.direct_map_base = 0xff11000000000000;
    header.cpu_count = options_.cpus;
    header.node_count = 2;
    for (int cpu = 0; cpu < options_.cpus; ++cpu) header.node_of_cpu.push_back(cpu % 2);
    for (int i = 1; i < kCallSites; ++i) header.call_sites.push_back("site+0x" + std::to_string(i));
    for (int i = 1; i < kGfpFlags; ++i) header.gfp_flags.push_back("GFP_" + std::to_string(i));
    for (int i = 1; i < kCaches; ++i) {
      TraceCache cache;
      cache.name = "cache" + std::to_string(i);
      cache.object_size = 64u << i;
      cache.slab_size = cache.object_size + 16;
      cache.has_constructor = i == 2;
      header.caches.push_back(cache);
    }
    header.tasks = {{7, 0, "sh"},
                    {7, 5000,
                     "mk\xff"
                     "dir"},
                    {9, 0, ""}};
    header.repairs = {
        {"inferred-free", 3, "three frees were not recorded", {{"filp", 2}, {"kmalloc-64", 1}}}};
    header.assumptions = {"the clock is mono although the file says local"};
    header.sidecars = {{"slabinfo.before", std::string(3000, 'x')}, {"nodes", "0-1 0\n2-3 1\n"}};
  }

  Event SomeEvent() {
    Event event;
    event.cpu = static_cast<uint16_t>(random_.Below(options_.cpus));
    event.pid = static_cast<int32_t>(100 + random_.Below(3));
    event.context = static_cast<Context>(random_.Below(4));
    event.irqs_off = random_.Chance(1, 4);
    return event;
  }

  Event KernelEvent() {
    if (random_.Chance(1, 60)) return LostEvent();
    if (random_.Chance(1, 20)) return NullFree();
    if (!live_.empty() && random_.Chance(static_cast<uint64_t>(live_.size()), 200)) return Free();
    return random_.Chance(1, 15) ? FreeOfUnseen() : Allocation();
  }

  Event LostEvent() {
    Event event;
    event.kind = EventKind::kLost;
    event.cpu = static_cast<uint16_t>(random_.Below(options_.cpus));
    event.bytes_req = static_cast<uint32_t>(1 + random_.Below(1000));
    return event;
  }

  Event NullFree() {
    Event event = SomeEvent();
    event.kind = EventKind::kKfree;
    event.call_site = 3;
    return event;
  }

  Event Allocation() {
    Event event = SomeEvent();
    constexpr EventKind kKinds[] = {EventKind::kKmalloc, EventKind::kCacheAlloc,
                                    EventKind::kPageAlloc, EventKind::kPercpuAlloc};
    event.kind = kKinds[random_.Below(4)];
    event.object = ++objects_;
    event.call_site = static_cast<uint32_t>(random_.Below(kCallSites));
    event.gfp = static_cast<uint16_t>(random_.Below(kGfpFlags));
    event.bytes_req = static_cast<uint32_t>(8 + random_.Below(100));
    event.bytes_alloc = event.kind == EventKind::kPageAlloc ? 1 : 128;
    if (event.kind == EventKind::kCacheAlloc) event.cache = 1 + random_.Below(kCaches - 1);
    if (event.kind == EventKind::kPercpuAlloc) event.cache = 1 + random_.Below(3);
    event.node = static_cast<int16_t>(random_.Below(3)) - 1;
    event.address = NewAddress();
    event.inferred = random_.Chance(1, 50);
    live_.push_back(event);
    return event;
  }

  uint64_t NewAddress() {
    if (!free_addresses_.empty() && random_.Chance(3, 4)) {
      const uint64_t address = free_addresses_.back();
      free_addresses_.pop_back();
      return address;
    }
    return 0xff11000000000000 + 128 * ++addresses_;
  }

  Event FreeOf(const Event& allocation) {
    Event event = SomeEvent();
    event.kind = static_cast<EventKind>(static_cast<int>(allocation.kind) + 1);
    event.object = allocation.object;
    event.address = allocation.address;
    event.cache = allocation.cache;
    if (event.kind == EventKind::kPageFree) event.bytes_alloc = allocation.bytes_alloc;
    event.call_site = static_cast<uint32_t>(random_.Below(kCallSites));
    return event;
  }

  Event Free() {
    const size_t index = random_.Below(live_.size());
    const Event event = FreeOf(live_[index]);
    live_.erase(live_.begin() + static_cast<ptrdiff_t>(index));
    free_addresses_.push_back(event.address);
    return event;
  }

  Event FreeOfUnseen() {
    Event unseen = Allocation();
    live_.pop_back();
    Event event = FreeOf(unseen);
    event.predates_trace = true;
    free_addresses_.push_back(event.address);
    return event;
  }

  Event WildEvent() {
    Event event = SomeEvent();
    event.kind = static_cast<EventKind>(random_.Below(kEventKinds));
    event.object = random_.Below(objects_ + 2);
    objects_ = std::max(objects_, event.object);
    event.address = random_.Chance(1, 65) ? 0 : random_.Next() >> random_.Below(64);
    event.bytes_req = static_cast<uint32_t>(random_.Next());
    event.bytes_alloc = static_cast<uint32_t>(random_.Next() >> random_.Below(64));
    event.pid = static_cast<int32_t>(random_.Next());
    event.node = static_cast<int16_t>(random_.Next());
    event.call_site = static_cast<uint32_t>(random_.Below(kCallSites));
    event.gfp = static_cast<uint16_t>(random_.Below(kGfpFlags));
    event.cache = static_cast<uint16_t>(random_.Below(kCaches));
    event.inferred = random_.Chance(1, 2);
    event.predates_trace = random_.Chance(1, 2);
    event.reserved = random_.Chance(1, 2);
    event.atomic = random_.Chance(1, 2);
    event.by_rcu = random_.Chance(1, 2);
    event.migratetype = static_cast<uint8_t>(random_.Next());
    return event;
  }

  const RandomTraceOptions options_;
  Random random_;
  Trace trace_;
  Nanos now_ = 8'000'000'005;
  uint64_t objects_ = 0;
  uint64_t addresses_ = 0;
  std::vector<Event> live_;
  std::vector<uint64_t> free_addresses_;
};

}  // namespace

Trace RandomTrace(const RandomTraceOptions& options) { return Recorder(options).Record(); }

absl::StatusOr<std::string> WriteToString(const Trace& trace, const TraceWriter::Options& options) {
  const std::string folder = NewFolder();
  const std::string path = folder + "/trace.slt";
  auto writer = TraceWriter::Create(path, options);
  if (!writer.ok()) return writer.status();
  (*writer)->header() = trace.header;
  for (const Event& event : trace.events) {
    if (absl::Status status = (*writer)->Append(event); !status.ok()) return status;
  }
  if (absl::Status status = (*writer)->Finish(); !status.ok()) return status;
  std::string bytes = Contents(path);
  std::filesystem::remove_all(folder);
  return bytes;
}

absl::StatusOr<Trace> ReadFromString(const std::string& bytes,
                                     const TraceReader::Options& options) {
  auto reader = TraceReader::FromMemory("t.slt", bytes, options);
  if (!reader.ok()) return reader.status();
  Trace trace;
  trace.header = (*reader)->header();
  std::vector<Event> batch(37);
  for (;;) {
    absl::StatusOr<size_t> count = (*reader)->Read(absl::MakeSpan(batch));
    if (!count.ok()) return count.status();
    if (*count == 0) return trace;
    trace.events.insert(trace.events.end(), batch.begin(),
                        batch.begin() + static_cast<ptrdiff_t>(*count));
  }
}

}  // namespace slablab
