-- Copyright 2026 The slablab Authors.
-- SPDX-License-Identifier: Apache-2.0
--
-- Caches, their counters, and the recorded kernel. The form of a line is told in runs.sql.

CREATE TABLE caches(  -- A cache.
  run INTEGER NOT NULL REFERENCES runs,
  name TEXT,  -- its name
  object_size INTEGER,  -- [bytes]
  slab_size INTEGER,  -- [bytes] of a slot
  align INTEGER,  -- [bytes]
  "order" INTEGER,  -- pages of a slab, as power of 2
  objects_per_slab INTEGER,
  operations INTEGER,  -- allocator operations
  operation_cycles INTEGER  -- [cycles] in operations
);

CREATE TABLE slabinfo(  -- A cache at the end, as /proc/slabinfo has it.
  run INTEGER NOT NULL REFERENCES runs,
  cache TEXT,  -- its name
  active_objects INTEGER,
  objects INTEGER,
  object_size INTEGER,  -- [bytes] of a slot
  objects_per_slab INTEGER,
  pages_per_slab INTEGER,
  "limit" INTEGER,  -- tunable
  batch_count INTEGER,  -- tunable
  shared_factor INTEGER,  -- tunable
  active_slabs INTEGER,
  slabs INTEGER,
  shared_available INTEGER
);

CREATE TABLE cache_footprint(  -- A cache at the end; columns as in footprint.
  run INTEGER NOT NULL REFERENCES runs,
  cache TEXT,  -- its name
  time_ns INTEGER,  -- [ns] since the start of the trace
  slabs INTEGER,
  slab_bytes INTEGER,  -- [bytes]
  objects INTEGER,
  object_bytes INTEGER,  -- [bytes]
  free_bytes INTEGER,  -- [bytes]
  padding_bytes INTEGER,  -- [bytes]
  tail_bytes INTEGER,  -- [bytes]
  metadata_bytes INTEGER,  -- [bytes]
  percpu_bytes INTEGER,  -- [bytes]
  requested_bytes INTEGER,  -- [bytes]
  own_objects INTEGER,
  own_object_bytes INTEGER,  -- [bytes]
  large_blocks INTEGER,
  large_bytes INTEGER,  -- [bytes]
  large_requested_bytes INTEGER,  -- [bytes]
  own_large_bytes INTEGER,  -- [bytes]
  own_large_blocks INTEGER
);

CREATE TABLE occupancy(  -- Slabs of a cache and node with equally many objects.
  run INTEGER NOT NULL REFERENCES runs,
  cache TEXT,  -- its name
  node INTEGER,  -- number
  objects INTEGER,
  slabs INTEGER  -- so many
);

CREATE TABLE counters(  -- A counter of a cache, or a CPU's or node's part of it.
  run INTEGER NOT NULL REFERENCES runs,
  cache TEXT,  -- its name
  name TEXT,  -- as the kernel has it
  "index" TEXT,  -- "all", "C3" of CPU 3, "N1" of node 1
  value INTEGER,  -- at the end, since boot
  in_parentheses INTEGER  -- its second number
);

CREATE TABLE states(  -- A state of a cache at the end, likewise.
  run INTEGER NOT NULL REFERENCES runs,
  cache TEXT,  -- its name
  name TEXT,  -- as the kernel has it
  "index" TEXT,  -- "all", "C3" of CPU 3, "N1" of node 1
  value INTEGER,  -- at the end, since boot
  in_parentheses INTEGER  -- its second number
);

CREATE TABLE kernel(  -- A counter of the recorded kernel beside the simulated one.
  run INTEGER NOT NULL REFERENCES runs,
  cache TEXT,  -- its name, or "all"
  counter TEXT,
  kernel INTEGER,  -- change over the recording
  simulated INTEGER  -- the same here
);

CREATE TABLE rounding(  -- Sizes that kmalloc rounds otherwise than when recorded, most first.
  run INTEGER NOT NULL REFERENCES runs,
  asked_least INTEGER,  -- [bytes] asked for, from
  asked_most INTEGER,  -- [bytes] to
  recorded INTEGER,  -- [bytes] size when recorded
  simulated INTEGER,  -- [bytes] size here
  kmallocs INTEGER  -- so many
);

CREATE TABLE otherwise(  -- Caches that worked otherwise when recorded.
  run INTEGER NOT NULL REFERENCES runs,
  recorded TEXT,  -- "sheaves", "CPU slabs", "CPU arrays"
  simulated TEXT,  -- the same here
  caches INTEGER,  -- that have operations
  cycles INTEGER  -- [cycles] their cycles
);
