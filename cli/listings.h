// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_LISTINGS_H_
#define SLABLAB_CLI_LISTINGS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reports/tables.h"

// What `slablab list` lists. Each is made from the very table that is asked when a user names one
// of these things, so that nothing is listed that there is not, and nothing left out.

namespace slablab {

struct Listing {
  struct Paragraph {
    std::string left;  // a name, or with is_heading a heading
    std::string right;
    bool is_heading = false;
    size_t further = 0;  // columns that it is further in
  };
  std::vector<Paragraph> text;  // for people, in 80 columns
  size_t indent = 20;           // of the paragraphs' right
  DataTable data;               // for programs
};

Listing ListOfAllocators();
Listing ListOfMachines();
Listing ListOfMetrics();
Listing ListOfPolicies();  // of each allocator, with their values
Listing ListOfQuirks();    // of each allocator
Listing ListOfSchema();    // of --format=sqlite: tables, and their columns with units
Listing ListOfTables();    // of --table, with their columns
Listing ListOfTunables();  // of each allocator, with ranges
Listing ListOfWorkloads();
// Fails where one of the bundled traces cannot be read.
absl::StatusOr<Listing> ListOfTraces();

}  // namespace slablab

#endif  // SLABLAB_CLI_LISTINGS_H_
