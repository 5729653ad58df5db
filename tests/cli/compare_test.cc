// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// `slablab compare`, `report` of several results, and `timeline`, as a user starts them.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/perfetto.pb.h"
#include "reports/result_io.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CompareTest : public FolderTest {
 protected:
  // What the command wrote to `name` with -o; it must succeed.
  std::string Output(const std::string& name, const std::string& arguments) const {
    const Ending end = Stderr(absl::StrCat(arguments, " -o ", Path(name)));
    EXPECT_EQ(end.exit_status, 0) << arguments << "\n" << end.text;
    return ContentsOf(name);
  }
  void ExpectRefusal(const std::string& arguments, const std::string& culprit) const {
    const Ending end = Stderr(arguments);
    EXPECT_EQ(end.exit_status, 2) << arguments;
    EXPECT_THAT(end.text, AllOf(StartsWith("slablab: "), HasSubstr(culprit)));
    EXPECT_EQ(Stdout(arguments).text, "") << arguments;
  }

  const std::string small_ =
      absl::StrCat("--trace=", Sample("net"), " --events-max=5000 --machine=vm-c4n2");
};

TEST_F(CompareTest, KeptResultsGiveTheSameReportAsTheRuns) {
  const std::string flags = absl::StrCat("compare ", small_, " --allocators=slub,slab");
  const std::string text = Output("text", flags);
  EXPECT_THAT(
      text, AllOf(StartsWith("slub-6.1, slab on vm-c4n2: "), HasSubstr("\nWhat differs, and why\n"),
                  HasSubstr("slab against slub-6.1")));
  EXPECT_EQ(Output("again", absl::StrCat("compare ", small_, " --allocator=slub,slab")), text);
  EXPECT_EQ(
      Output("again", absl::StrCat("compare ", small_, " --allocators=slub --allocators=slab")),
      text);
  for (const char* format : {"proto", "json"}) {
    SCOPED_TRACE(format);
    Output(format, absl::StrCat(flags, " --format=", format));
    EXPECT_EQ(Output("again", absl::StrCat("report ", Path(format))), text);
    EXPECT_EQ(Output("again", absl::StrCat("compare ", Path(format))), text);
  }
  for (const char* allocator : {"slub", "slab"}) {
    Output(allocator, absl::StrCat("run ", small_, " --format=proto --allocator=", allocator));
  }
  EXPECT_EQ(Output("again", absl::StrCat("report ", Path("slub"), " ", Path("slab"))), text);
  EXPECT_THAT(Output("delta", absl::StrCat("report ", Path("slub"), " ", Path("slab"),
                                           " --format=tsv --table=delta")),
              StartsWith("run\tmetric\tunit\tbase\tcandidate\tchange_percent\tmark\nslab\t"));
}

TEST_F(CompareTest, AnotherBaseIsChosenByItsLabel) {
  const std::string flags = absl::StrCat("compare ", small_, " --allocators=slub,slab,slubq");
  const std::string text = Output("text", flags + " --base=slab");
  EXPECT_THAT(text, AllOf(HasSubstr("slab (base)"), HasSubstr("slub-6.1 against slab\n"),
                          HasSubstr("slubq against slab\n")));
  // The same runs in another order, of which the first is the base.
  EXPECT_EQ(Output("again", absl::StrCat("compare ", small_, " --allocators=slab,slub,slubq")),
            Output("ordered", absl::StrCat("compare ", small_, " --allocators=slab,slub,slubq",
                                           " --base=slab")));
  Output("proto", flags + " --format=proto");
  EXPECT_EQ(Output("again", absl::StrCat("report ", Path("proto"), " --base=slab")), text);
  EXPECT_THAT(Output("delta", absl::StrCat("report ", Path("proto"),
                                           " --base=slab --format=tsv --table=delta")),
              AllOf(HasSubstr("\nslub-6.1\t"), ::testing::Not(HasSubstr("\nslab\t"))));
  const std::string wrong = "unknown run 'slba' (did you mean slab?)";
  ExpectRefusal(flags + " --base=slba", wrong);
  ExpectRefusal(absl::StrCat("report ", Path("proto"), " --base=slba"), wrong);
}

TEST_F(CompareTest, SeedsGoTogetherIntoMedians) {
  const std::string flags = absl::StrCat("compare ", small_, " --allocators=slub,slab --seeds=3");
  Output("proto", flags + " --format=proto");
  const absl::StatusOr<RunResults> results = ReadResults(Path("proto"));
  ASSERT_TRUE(results.ok());
  ASSERT_EQ(results->runs_size(), 2);
  for (const LabelledRun& run : results->runs()) {
    EXPECT_EQ(run.result().config().seed(), 1u);
    ASSERT_EQ(run.further_size(), 2);
    EXPECT_EQ(run.further(0).config().seed(), 2u);
    EXPECT_EQ(run.further(1).config().seed(), 3u);
  }
  const std::string text = Output("text", flags);
  EXPECT_THAT(text, AllOf(HasSubstr("Medians of 3 seeds; paired by seed"), HasSubstr("spread"),
                          HasSubstr("All that follows is of seed 1, the first of 3.")));
  EXPECT_EQ(Output("again", absl::StrCat("report ", Path("proto"))), text);
  const std::string spread =
      Output("spread", absl::StrCat("report ", Path("proto"), " --format=tsv --table=spread"));
  EXPECT_THAT(spread, HasSubstr("\nslab\tcycles_per_operation\tcycles\t3\t"));
  ExpectRefusal(absl::StrCat("compare ", small_, " --seeds=2 --vary=seed=1,2"),
                "--vary=seed=... and --seeds both say which seeds to run");
  ExpectRefusal(absl::StrCat("compare ", small_, " --allocators=slub,slab --seeds=0"), "--seeds=0");
}

// Whoever pastes the commands of a mail into a shell gets the mail.
TEST_F(CompareTest, AMailEndsWithWhatReproducesIt) {
  const auto again = [&](const std::string& mail) {
    EXPECT_THAT(mail, HasSubstr("\nTo reproduce, with slablab "));
    const std::string commands = mail.substr(mail.find("):\n") + 3);
    return Collect(absl::StrCat("cd ", folder(), " && cp ", Sample("net"), " . && slablab() { ",
                                Runfile("cli/slablab"), " \"$@\"; }\n", commands));
  };
  const std::string mail =
      Output("mail", absl::StrCat("compare ", small_, " --allocators=slub-6.1,slab --format=mail"));
  EXPECT_EQ(again(mail).text, mail);
  const std::string alone = Output("alone", absl::StrCat("run ", small_, " --format=mail"));
  EXPECT_EQ(again(alone).text, alone);
  for (const char* allocator : {"slub-6.1", "slab"}) {
    Output(allocator, absl::StrCat("run ", small_, " --format=proto --quirks=memcg-off",
                                   " --touch-bytes=64 --allocator=", allocator));
  }
  const std::string reported = Output(
      "reported", absl::StrCat("report ", Path("slub-6.1"), " ", Path("slab"), " --format=mail"));
  EXPECT_EQ(again(reported).text, reported);
}

TEST_F(CompareTest, MachinesAreComparedToo) {
  EXPECT_THAT(Output("text", absl::StrCat("compare --trace=", Sample("net"),
                                          " --events-max=3000 --machines=vm-c4n2,uma-1")),
              AllOf(HasSubstr("differ in the machine (vm-c4n2 and uma-1)"),
                    HasSubstr("uma-1 against vm-c4n2")));
}

TEST_F(CompareTest, WhatCannotBeComparedIsRefused) {
  ExpectRefusal("compare", "compare wants to know what to run: a trace");
  ExpectRefusal(absl::StrCat("compare ", small_, " --allocators=slub"), "two runs or more");
  ExpectRefusal(absl::StrCat("compare ", small_, " --allocators=slub,slub"),
                "'slub' is named twice");
  ExpectRefusal(absl::StrCat("compare ", small_, " --allocators=slub,slub-6.1"),
                "'slub' is slub-6.1 here, so that is named twice");
  ExpectRefusal(absl::StrCat("compare ", small_, " --allocators=slub,slob"), "slob");
  ExpectRefusal(absl::StrCat("compare ", small_, " --allocator=slub"), "two runs or more");
  ExpectRefusal(absl::StrCat("compare ", small_, " --allocators=slub,slab --allocator=slab"),
                "--allocator and --allocators");
  ExpectRefusal(absl::StrCat("compare ", small_, " --allocators=slub,slab --machines=r910"),
                "--machine and --machines");
  ExpectRefusal(absl::StrCat("compare ", small_, " --format=slabinfo"), "--format=slabinfo");
  ExpectRefusal(absl::StrCat("compare ", small_, " --format=csv --table=no"), "unknown table 'no'");
  ExpectRefusal("compare no-such-file", "cannot read no-such-file");
  ExpectRefusal(absl::StrCat("compare ", Write("notes", "x")), "not a result");
  ExpectRefusal(
      absl::StrCat("compare ", small_, " --vary=cpu_patial=0,6"),
      "--vary=cpu_patial=0,6: unknown tunable, policy, parameter or flag 'cpu_patial' (did you "
      "mean cpu_partial, cpu-partials?)");
  ExpectRefusal(absl::StrCat("compare ", small_, " --vary=cpu_partial=-1,-2"),
                "cpu_partial cannot be set to -2: it takes 0..4294967295");
  ExpectRefusal(absl::StrCat("compare ", small_, " --vary=cpu_partial=x"), "whole numbers");
  ExpectRefusal(absl::StrCat("compare ", small_, " --vary=cpu_partial=6,6"), "named twice");
  ExpectRefusal(absl::StrCat("compare ", small_, " --vary=place=spread,sprad"),
                "unknown place 'sprad' (did you mean spread?)");
  ExpectRefusal(absl::StrCat("compare ", small_, " --allocator=slab --vary=cpu_partial=0,6"),
                "unknown tunable of slab 'cpu_partial'");
  ExpectRefusal(absl::StrCat("compare ", small_, " --vary=trace=a,b"), "unknown tunable");
  ExpectRefusal(absl::StrCat("compare ", small_, " --operations=a.log"), "no flag --operations");
  Output("one", absl::StrCat("run ", small_, " --format=proto"));
  ExpectRefusal(absl::StrCat("compare ", Path("one")), "two results or more");
  ExpectRefusal(absl::StrCat("compare ", Path("one"), " ", Path("one"), " --vary=seed=1,2"),
                "--vary says how to run, and results have run already");
}

TEST_F(CompareTest, ATunableIsVariedOverItsValues) {
  const auto runs = [&](const std::string& flags) {
    Output("result", absl::StrCat("compare ", small_, " ", flags, " --format=proto"));
    absl::StatusOr<RunResults> results = ReadResults(Path("result"));
    EXPECT_TRUE(results.ok());
    return *std::move(results);
  };
  const RunResults varied = runs("--vary=cpu_partial=0,6,30");
  ASSERT_EQ(varied.runs_size(), 3);
  for (int i = 0; i < 3; ++i) {
    const RunConfig& config = varied.runs(i).result().config();
    EXPECT_EQ(config.allocator(), "slub-6.1");
    ASSERT_EQ(config.tunables_size(), 1);
    EXPECT_EQ(config.tunables(0).name(), "cpu_partial");
    EXPECT_EQ(config.tunables(0).value(), std::vector<int64_t>({0, 6, 30})[i]);
  }
  // The same as the run with that value.
  Output("one", absl::StrCat("run ", small_, " --tune=cpu_partial=6 --format=proto"));
  const absl::StatusOr<RunResults> one = ReadResults(Path("one"));
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(varied.runs(1).result().digests().end_state(),
            one->runs(0).result().digests().end_state());
  // Two at once, a flag among them.
  EXPECT_EQ(runs("'--vary=cpu_partial=0,6;seed=1,2,3'").runs_size(), 6);
}

TEST_F(CompareTest, AnAllocatorThatLacksWhatIsVariedIsRunOnceAndSaidSo) {
  const std::string flags =
      absl::StrCat("compare ", small_, " --allocators=slub,slab --vary=cpu_partial=0,30");
  Output("result", flags + " --format=proto");
  const absl::StatusOr<RunResults> results = ReadResults(Path("result"));
  ASSERT_TRUE(results.ok());
  EXPECT_EQ(results->runs_size(), 3);
  const std::string said = "slab does not take cpu_partial, so it is run once, as it is.";
  EXPECT_THAT(results->runs(2).result().assumptions(), ::testing::Contains(said));
  EXPECT_THAT(Stderr(flags).text, HasSubstr("slablab: " + said));
}

TEST_F(CompareTest, AParameterOfAWorkloadIsVaried) {
  Output("result",
         "compare --workload=larson --set=threads=2 --vary=slots=10,20 --machine=vm-c4n2 "
         "--format=proto");
  const absl::StatusOr<RunResults> results = ReadResults(Path("result"));
  ASSERT_TRUE(results.ok());
  ASSERT_EQ(results->runs_size(), 2);
  EXPECT_NE(results->runs(0).result().digests().end_state(),
            results->runs(1).result().digests().end_state());
}

// What the parts of a result say of the whole: every slab has its place in the map of slabs, and
// every operation its place in the distributions.
TEST_F(CompareTest, MapsAndDistributionsAreComplete) {
  Output("all",
         absl::StrCat("compare --format=proto --trace=", Sample("fs"), " --machine=vm-c4n2"));
  const absl::StatusOr<RunResults> results = ReadResults(Path("all"));
  ASSERT_TRUE(results.ok());
  EXPECT_GE(results->runs_size(), 6);
  for (const LabelledRun& run : results->runs()) {
    SCOPED_TRACE(run.label());
    int mapped = 0;
    for (const CacheStats& cache : run.result().caches()) {
      uint64_t slabs = 0;
      uint64_t objects = 0;
      for (const SlabOccupancy& occupancy : cache.occupancy()) {
        slabs += occupancy.slabs();
        objects += occupancy.slabs() * occupancy.objects();
        EXPECT_LE(occupancy.objects(), cache.objects_per_slab());
      }
      if (cache.occupancy().empty()) continue;
      ++mapped;
      EXPECT_EQ(slabs, cache.footprint().slabs()) << cache.name();
      EXPECT_EQ(objects, cache.footprint().objects()) << cache.name();
    }
    EXPECT_GT(mapped, 10);
    for (const PathStats* path : {&run.result().all_allocations(), &run.result().all_frees()}) {
      uint64_t operations = 0;
      uint64_t above = 0;
      for (const LatencyBucket& bucket : path->latencies()) {
        EXPECT_GT(bucket.cycles_max(), above);
        above = bucket.cycles_max();
        operations += bucket.operations();
      }
      EXPECT_EQ(operations, path->operations());
      EXPECT_EQ(above, path->cycles_max());
    }
  }
}

// Every operation is a slice, on the CPU's own track, and what begins within another ends in it.
TEST_F(CompareTest, TimelineHasEveryOperation) {
  const std::string flags = absl::StrCat("--trace=", Sample("net"), " --machine=vm-c4n2");
  const absl::StatusOr<RunResult> result =
      ParseResult(Output("result", absl::StrCat("run ", flags, " --format=proto")), "result");
  ASSERT_TRUE(result.ok());
  perfetto::Trace trace;
  ASSERT_TRUE(trace.ParseFromString(Output("trace", absl::StrCat("timeline ", flags))));

  std::map<uint64_t, std::string> categories;
  std::map<uint64_t, std::vector<std::string>> open;  // by track
  std::map<uint64_t, uint64_t> last;
  std::map<std::string, uint64_t> slices;  // by category
  std::set<uint64_t> of_cpus;
  uint64_t counters = 0;
  for (const perfetto::TracePacket& packet : trace.packet()) {
    for (const auto& category : packet.interned_data().event_categories()) {
      categories[category.iid()] = category.name();
    }
    const perfetto::TrackEvent& event = packet.track_event();
    const uint64_t track = event.track_uuid();
    if (packet.has_track_event()) {
      ASSERT_GE(packet.timestamp(), last[track]);
      last[track] = packet.timestamp();
    }
    if (event.type() == perfetto::TrackEvent::TYPE_SLICE_BEGIN) {
      const std::string category = categories[event.category_iids(0)];
      ++slices[category];
      // An operation is in nothing but an interrupt, or the work that it interrupted.
      open[track].push_back(category);
      if (category != "task") of_cpus.insert(track);
    } else if (event.type() == perfetto::TrackEvent::TYPE_SLICE_END) {
      ASSERT_FALSE(open[track].empty());
      open[track].pop_back();
    } else if (event.type() == perfetto::TrackEvent::TYPE_COUNTER) {
      ++counters;
    }
  }
  for (const auto& [track, rest] : open) EXPECT_TRUE(rest.empty()) << track;
  EXPECT_EQ(slices["alloc"], result->totals().allocations());
  EXPECT_EQ(slices["free"], result->totals().frees());
  EXPECT_GT(slices["irq"], 0u);
  EXPECT_GT(counters, 100u);
  EXPECT_LE(of_cpus.size(), 4u);
  EXPECT_GT(slices["task"], 0u);
}

TEST_F(CompareTest, TimelineWantsAFile) {
  ExpectRefusal(absl::StrCat("timeline ", small_), "-o FILE");
  ExpectRefusal("timeline -o x more", "more: there is no such file");
  ExpectRefusal(absl::StrCat("timeline -o x ", small_, " --allocator=percpu"),
                "nothing to replay for percpu");
  ExpectRefusal(absl::StrCat("timeline -o x --allocator=percpu ",
                             Runfile("traces/samples/linux-6.1-percpu-c8n2.slt")),
                "there is no timeline of percpu");
}

}  // namespace
}  // namespace slablab
