# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0

"""slablab from Python: runs, comparisons and sweeps as pandas data frames.

    import slablab
    results = slablab.compare("linux-7.3-slub-c4n2-hackbench", allocators=["slub-6.12", "slub-7.3"])
    results.metrics["cycles_per_operation"]
    results["locks"].nlargest(5, "wait_total_cycles")

The program `slablab` does the work and writes an SQLite file (docs/sqlite.md); this package starts
it and reads the file. It finds the program by the variable SLABLAB, on PATH, or as ./slablab of the
clone that the package is in.
"""

from slablab.program import (
    InputError,
    InternalError,
    Progress,
    SlablabError,
    Switch,
    compare,
    program,
    run,
    sweep,
    open_results,
)
from slablab.results import SCHEMA_VERSION, Results, SchemaError

__all__ = [
    "SCHEMA_VERSION",
    "InputError",
    "InternalError",
    "Progress",
    "Results",
    "SchemaError",
    "SlablabError",
    "Switch",
    "compare",
    "open_results",
    "program",
    "run",
    "sweep",
]
