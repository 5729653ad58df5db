// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Which kernel a model is of: a field of its row, compared as numbers.

#include "allocators/model_kernel.h"

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
  EXPECT_EQ(KernelName(*KernelOf("slub")), "Linux 6.1");
  EXPECT_EQ(KernelName(*KernelOf("slab-2014")), "Linux 3.17");
  EXPECT_EQ(KernelName(*KernelOf("slub-2010")), "Linux 2.6.36");
  EXPECT_EQ(KernelName(*KernelOf("slubq")), "Linux 2.6.36 + SLUB+Q V3");
  EXPECT_EQ(KernelName(*KernelOf("percpu-2010")), "Linux 2.6.36");
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
