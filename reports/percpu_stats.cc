// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/percpu_stats.h"

#include <iterator>
#include <string_view>
#include <utility>

#include "fmt/format.h"

namespace slablab {
namespace {

constexpr std::string_view kRule = "----------------------------------------\n";

// A line a figure, named as in the kernel.
class Lines {
 public:
  explicit Lines(std::string& text) : text_(text) {}
  template <typename Figure>
  Lines& Add(std::string_view name, Figure figure) {
    fmt::format_to(std::back_inserter(text_), "  {:<20}: {:>12}\n", name, figure);
    return *this;
  }

 private:
  std::string& text_;
};

std::string_view ChunkHeading(const PercpuChunkReport& chunk) {
  static constexpr std::pair<std::string_view, std::string_view> kHeadings[] = {
      {"reserved", "Chunk: <- Reserved Chunk\n"},
      {"first", "Chunk: <- First Chunk\n"},
      {"to depopulate", "Chunk (to_depopulate)\n"},
      {"sidelined", "Chunk (sidelined):\n"},
  };
  for (const auto& [kind, heading] : kHeadings) {
    if (chunk.kind() == kind) return heading;
  }
  return "Chunk:\n";
}

}  // namespace

std::string PercpuStatsText(const RunResult& result) {
  const PercpuReport& percpu = result.percpu();
  const PercpuLayoutReport& layout = percpu.layout();
  std::string text = fmt::format("Percpu Memory Statistics\nAllocation Info:\n{}", kRule);
  Lines(text)
      .Add("unit_size", layout.unit_size())
      .Add("static_size", layout.static_size())
      .Add("reserved_size", layout.reserved_size())
      .Add("dyn_size", layout.dyn_size())
      .Add("atom_size", layout.atom_size())
      .Add("alloc_size", layout.alloc_size());
  text += fmt::format("\nGlobal Stats:\n{}", kRule);
  Lines(text)
      .Add("nr_alloc", percpu.nr_alloc())
      .Add("nr_dealloc", percpu.nr_dealloc())
      .Add("nr_cur_alloc", percpu.nr_cur_alloc())
      .Add("nr_max_alloc", percpu.nr_max_alloc())
      .Add("nr_chunks", percpu.nr_chunks())
      .Add("nr_max_chunks", percpu.nr_max_chunks())
      .Add("min_alloc_size", percpu.min_alloc_size())
      .Add("max_alloc_size", percpu.max_alloc_size())
      .Add("empty_pop_pages", percpu.empty_pop_pages());
  text += fmt::format("\nPer Chunk Stats:\n{}", kRule);
  for (const PercpuChunkReport& chunk : percpu.chunks()) {
    text += ChunkHeading(chunk);
    Lines(text)
        .Add("nr_alloc", chunk.nr_alloc())
        .Add("max_alloc_size", chunk.max_alloc_size())
        .Add("empty_pop_pages", chunk.empty_pop_pages())
        .Add("first_bit", chunk.first_bit())
        .Add("free_bytes", chunk.free_bytes())
        .Add("contig_bytes", chunk.contig_bytes())
        .Add("sum_frag", chunk.sum_frag())
        .Add("max_frag", chunk.max_frag())
        .Add("cur_min_alloc", chunk.cur_min_alloc())
        .Add("cur_med_alloc", chunk.cur_med_alloc())
        .Add("cur_max_alloc", chunk.cur_max_alloc());
    text += '\n';
  }
  return text;
}

}  // namespace slablab
