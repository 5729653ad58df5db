// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The reader of results, and the report of whatever it takes for one.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "reports/message_json.h"
#include "reports/result_io.h"
#include "reports/slabinfo.h"
#include "reports/tables.h"
#include "reports/text/text.h"
#include "tests/fuzz/fuzz_target.h"

namespace slablab {
namespace {

constexpr char kResult[] = R"pb(
  config { allocator: "slub" machine: "m" cpus: 2 nodes: 1 clock_mhz: 2000 }
  totals { operations: 3 allocations: 2 frees: 1 operation_cycles: 90 order_inversions: 1 }
  paths { name: "alloc fast" operations: 2 cycles_total: 60 cycles_max: 40 is_fast: true }
  paths { name: "free fast" is_free: true operations: 1 cycles_total: 30 cycles_max: 30 }
  touches { site: "slub: alloc fast" structure: "object" outcome: "L1" count: 2 cycles: 8 }
  causes { site: "use" cause: "instructions" cycles: 3 }
  locks { name: "&zone->lock" contentions: 1 acquisitions: 2 hold_total_cycles: 5 }
  cpus { cpu: 1 operations: 3 irq_off_longest_cycles: 7 irq_off_longest_site: "use" }
  footprint { time_ns: 5 slabs: 1 slab_bytes: 4096 object_bytes: 64 requested_bytes: 60 }
  footprint_peak { time_ns: 5 slabs: 1 slab_bytes: 4096 object_bytes: 64 requested_bytes: 60 }
  caches {
    name: "kmalloc-64"
    operations: 3
    counters {
      name: "alloc_fastpath"
      value: 2
      per: "cpu"
      parts { index: 1 value: 2 }
    }
    slabinfo { objects: 64 active_objects: 1 pages_per_slab: 1 slabs: 1 }
  }
  kernel { totals { counter: "alloc_fastpath" kernel: -3 simulated: 2 } }
)pb";

void CheckLines(std::string_view report) {
  while (!report.empty()) {
    const size_t length = report.find('\n');
    Require(length <= 80);  // Also every line ends.
    Require(std::all_of(report.begin(), report.begin() + length,
                        [](char c) { return c >= ' ' && c <= '~'; }));
    report.remove_prefix(length + 1);
  }
}

}  // namespace

std::vector<std::string> FuzzSeeds() {
  RunResult result;
  CHECK(google::protobuf::TextFormat::ParseFromString(kResult, &result));
  // Without checksums, or hardly a change would get beyond them.
  return {Serialize(result), MessageToJson(result)};
}

}  // namespace slablab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slablab;
  const std::string input(reinterpret_cast<const char*>(data), size);
  // Binary ones get the right one behind them.
  auto result = ParseResult(size > 0 && data[0] == '{' ? input : Sealed(input), "fuzz");
  if (!result.ok()) {
    Require(result.status().message().substr(0, 5) == "fuzz:");
    return 0;
  }
  CheckLines(TextReport(*result, {}));
  for (const DataTable& table : DataTables(*result)) {
    for (const auto& row : table.rows) Require(row.size() == table.columns.size());
  }
  Require(!SlabInfoText(*result).empty());
  result->DiscardUnknownFields();  // A later version's, which JSON cannot hold.
  Require(Serialize(*ParseResult(ToJson(*result), "json")) == Serialize(*result));
  return 0;
}
