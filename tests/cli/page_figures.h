// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_CLI_PAGE_FIGURES_H_
#define SLABLAB_TESTS_CLI_PAGE_FIGURES_H_

#include "reports/result.pb.h"

namespace slablab {

// Expects that a run's page, its tables (--format=csv) and the result as it is stored tell one
// total of cycles, one state of memory and one sum of waits.
void ExpectPageAndTablesAgree(const RunResult& result);

}  // namespace slablab

#endif  // SLABLAB_TESTS_CLI_PAGE_FIGURES_H_
