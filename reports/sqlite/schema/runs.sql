-- Copyright 2026 The slablab Authors.
-- SPDX-License-Identifier: Apache-2.0
--
-- The schema of --format=sqlite, in four files, executed as it stands and read by those who list
-- it: a column a line, behind it its unit in brackets (none: a plain count or a text) and what it
-- is; behind a table's name what a row of it is. Times of a run are its simulated machine's.
--
-- A later version adds tables, and columns at the ends of tables. Whatever else is changed raises
-- the number of the schema (kSchemaVersion in sqlite_file.h).

CREATE TABLE about(  -- A fact about the file.
  name TEXT PRIMARY KEY,
  value TEXT
);

CREATE TABLE runs(  -- A run, the base of a comparison first.
  run INTEGER PRIMARY KEY,  -- from 1; what other tables call it
  label TEXT,  -- what reports call it; runs that differ in their seed alone share it
  repeat INTEGER,  -- from 0, over the seeds of one label
  slablab_version TEXT,
  allocator TEXT,
  machine TEXT,
  trace TEXT,  -- empty: a workload
  workload TEXT,  -- empty: a trace
  scenario TEXT,  -- empty: none
  "order" TEXT,  -- "recorded", "closed"
  placement TEXT,  -- "recorded", "spread", "pack", "stated"
  start TEXT,  -- "cold", "warm"
  seed INTEGER,
  cpus INTEGER,
  nodes INTEGER,
  clock_mhz INTEGER,  -- [MHz]
  scale INTEGER,  -- copies at once; 0 and 1: one
  trace_digest TEXT,  -- of the trace's events
  config_digest TEXT,  -- of what was asked
  end_state_digest TEXT  -- of everything that came of it
);

CREATE TABLE settings(  -- A line of the run's head, as in the table run of --format=csv.
  run INTEGER NOT NULL REFERENCES runs,
  name TEXT,  -- some, as "assumption", several times
  value TEXT
);

CREATE TABLE switches(  -- A switch of the run; none where a result does not hold them.
  run INTEGER NOT NULL REFERENCES runs,
  name TEXT,  -- the flag, with underscores
  value TEXT,
  is_default INTEGER  -- [0/1] the value is the one that it has if not given
);

CREATE TABLE machine(  -- A run: what its head says of the machine.
  run INTEGER NOT NULL REFERENCES runs,
  llc_bytes INTEGER,  -- [bytes] 0: it has none
  memory_bytes_least INTEGER,  -- [bytes] of a node; 0: some node has none
  memory_bytes_most INTEGER,  -- [bytes] of a node
  topology_source TEXT,  -- "measured", "assumed", ..., as the next ones
  caches_source TEXT,
  clock_source TEXT,
  memory_source TEXT,
  latencies_source TEXT
);

CREATE TABLE kernels(  -- A run: the recorded kernel and the simulated one.
  run INTEGER NOT NULL REFERENCES runs,
  recorded TEXT,  -- its release; empty: unknown
  recorded_allocator TEXT,  -- "SLUB", "SLAB"; empty: unknown
  model TEXT,  -- "Linux 6.1"
  same_series INTEGER,  -- [0/1] both are of one x.y
  kmallocs INTEGER,  -- whose size the recording has
  rounded_otherwise INTEGER,  -- of these: to another size here
  asked TEXT,  -- "slub", where the kernel has chosen the model
  chosen_as TEXT,  -- then: "series", "nearest below", "oldest", "newest"
  cache_cycles INTEGER  -- [cycles] of the operations on all caches
);

CREATE TABLE places(  -- A run: where recorded CPUs and nodes were found places.
  run INTEGER NOT NULL REFERENCES runs,
  cpus INTEGER,  -- recorded
  nodes INTEGER,  -- 0: the recording names none
  cpus_folded INTEGER,  -- that share what stands for them with one before
  nodes_folded INTEGER,
  allocations_folded INTEGER  -- that asked for a node which another stands for
);

CREATE TABLE points(  -- A point of a sweep.
  point TEXT PRIMARY KEY,  -- its name, 16 hex digits
  run INTEGER REFERENCES runs,  -- NULL: it was refused
  refused TEXT  -- why it cannot be
);

CREATE TABLE point_values(  -- A point's value on an axis of the sweep.
  point TEXT NOT NULL REFERENCES points,
  axis TEXT,  -- "allocator", "cpus", ...
  value TEXT
);

CREATE TABLE metrics(  -- A metric of a run, of `slablab list metrics`.
  run INTEGER NOT NULL REFERENCES runs,
  metric TEXT,
  unit TEXT,  -- "cycles", "bytes", "%"; empty: a plain count
  value REAL  -- [of unit] NULL: the run cannot say
);

CREATE TABLE delta(  -- A metric of a run against the base, of a comparison; first seeds.
  run INTEGER NOT NULL REFERENCES runs,
  metric TEXT,
  unit TEXT,
  base REAL,  -- [of unit]
  candidate REAL,  -- [of unit]
  change_percent REAL,  -- [%] NULL: there is none
  mark TEXT  -- whether that is better
);

CREATE TABLE spread(  -- The same over several seeds.
  run INTEGER NOT NULL REFERENCES runs,
  metric TEXT,
  unit TEXT,
  seeds INTEGER,
  base_median REAL,  -- [of unit]
  median REAL,  -- [of unit]
  change_hundredths INTEGER,  -- [% / 100] the median change; of a metric in %, points / 100
  low_hundredths INTEGER,  -- [% / 100] where its interval begins
  high_hundredths INTEGER,  -- [% / 100] and ends
  confidence_per_mille INTEGER  -- [1/1000] of the interval
);

CREATE TABLE callers_delta(  -- A caller and cache of a run against the base; first seeds.
  run INTEGER NOT NULL REFERENCES runs,
  caller TEXT,
  cache TEXT,
  base_operations INTEGER,
  candidate_operations INTEGER,
  base_cycles INTEGER,  -- [cycles]
  candidate_cycles INTEGER,  -- [cycles]
  base_slow_operations INTEGER,
  candidate_slow_operations INTEGER,
  base_remote_operations INTEGER,
  candidate_remote_operations INTEGER,
  base_live_bytes INTEGER,  -- [bytes] at the end
  candidate_live_bytes INTEGER,  -- [bytes]
  base_peak_bytes INTEGER,  -- [bytes] when most bytes were live
  candidate_peak_bytes INTEGER,  -- [bytes]
  base_pinned_bytes INTEGER,  -- [bytes] shared out, as callers_memory.pinned_share_bytes
  candidate_pinned_bytes INTEGER  -- [bytes]
);
