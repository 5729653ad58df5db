// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_CALL_SITE_TABLES_H_
#define SLABLAB_REPORTS_CALL_SITE_TABLES_H_

#include <vector>

#include "reports/attribution.pb.h"
#include "reports/tables.h"

namespace slablab {

// call_sites, call_site_cycles, callers_memory, pinned_by_age and false_sharing, with names for
// what the message numbers.
std::vector<DataTable> CallSiteTables(const Attribution& told);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_CALL_SITE_TABLES_H_
