// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Which kernel a model is of: a field of its row, compared as numbers.

#include "allocators/model_kernel.h"

#include <string>
#include <utility>
#include <vector>

#include "allocators/percpu/registry.h"
#include "allocators/registry.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

TEST(ModelKernelTest, EveryModelHasOne) {
  for (const AllocatorInfo& info : ListAllocators()) {
    const absl::StatusOr<ModelKernel> kernel = KernelOf(info.name);
    ASSERT_TRUE(kernel.ok()) << info.name;
    EXPECT_GE(kernel->version, 2) << info.name;
  }
  for (const PercpuInfo& info : ListPercpuAllocators()) {
    EXPECT_TRUE(KernelOf(info.name).ok()) << info.name;
  }
  EXPECT_FALSE(KernelOf("slob").ok());
  EXPECT_EQ(KernelName(*KernelOf("slub-6.1")), "Linux 6.1");
  EXPECT_EQ(KernelName(*KernelOf("slab-2014")), "Linux 3.17");
  EXPECT_EQ(KernelName(*KernelOf("slub-2010")), "Linux 2.6.36");
  EXPECT_EQ(KernelName(*KernelOf("slubq")), "Linux 2.6.36 + SLUB+Q V3");
  EXPECT_EQ(KernelName(*KernelOf("percpu-2010")), "Linux 2.6.36");
}

TEST(ModelKernelTest, SlubIsTheNewestModelThatIsNotNewerThanTheRecordedKernel) {
  for (const auto& [release, model] :
       std::vector<std::pair<const char*, const char*>>{{"6.1.192", "slub-6.1"},
                                                        {"6.1.0-13-amd64", "slub-6.1"},
                                                        {"6.2", "slub-6.1"},
                                                        {"6.11.11", "slub-6.1"},
                                                        {"6.12.0", "slub-6.12"},
                                                        {"6.17.9", "slub-6.12"},
                                                        {"6.18.3-arm64", "slub-6.18"},
                                                        {"6.19", "slub-6.18"},
                                                        {"7.0.1", "slub-7.0"},
                                                        {"7.3.4", "slub-7.3"},
                                                        {"7.3.0-rc1+", "slub-7.3"},
                                                        {"9.0", "slub-7.3"},
                                                        {"5.15.0", "slub-2010"},
                                                        {"2.6.36", "slub-2010"},
                                                        {"2.6.32", "slub-2010"},
                                                        {"", "slub-7.3"},
                                                        {"next", "slub-7.3"},
                                                        {"7", "slub-7.3"}}) {
    EXPECT_EQ(SlubOfKernel(release), model) << release;
  }
  // Every model of SLUB is its own kernel's.
  for (const AllocatorInfo& info : ListAllocators()) {
    if (info.design != "slub") continue;
    EXPECT_EQ(SlubOfKernel(KernelName(info.kernel).substr(std::string("Linux ").size())),
              info.name);
  }
  EXPECT_FALSE(KernelOf(kSlubOfKernel).ok()) << "no model's name";
  EXPECT_EQ(AllocatorNames().front(), kSlubOfKernel);
}

TEST(ModelKernelTest, AReleaseIsOfASeriesByItsNumbers) {
  for (const char* release : {"6.1", "6.1.192", "6.1.0-13-amd64", "6.1-rc3", "6.1+"}) {
    EXPECT_TRUE(IsOfSeries(kLinux61, release)) << release;
  }
  for (const char* release :
       {"6.18.3", "6.10", "6.11.0", "6", "5.1.1", "61", "", "x6.1", "2.6.1"}) {
    EXPECT_FALSE(IsOfSeries(kLinux61, release)) << release;
  }
  EXPECT_TRUE(IsOfSeries(kLinux2636, "2.6.36.4"));
  EXPECT_TRUE(IsOfSeries(kLinux2636, "2.6.36-rc1"));
  EXPECT_FALSE(IsOfSeries(kLinux2636, "2.6.37"));
  EXPECT_FALSE(IsOfSeries(kLinux2636, "2.6"));
}

}  // namespace
}  // namespace slablab
