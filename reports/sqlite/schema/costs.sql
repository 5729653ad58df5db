-- Copyright 2026 The slablab Authors.
-- SPDX-License-Identifier: Apache-2.0
--
-- What operations cost. The form of a line is told in runs.sql.

CREATE TABLE totals(  -- A run: what it did.
  run INTEGER NOT NULL REFERENCES runs,
  events INTEGER,  -- of the trace, replayed or not
  operations INTEGER,  -- allocator operations
  allocations INTEGER,
  frees INTEGER,
  failed_allocations INTEGER,
  remote_frees INTEGER,  -- on another node than the object's
  order_inversions INTEGER,  -- operations that waited for one before them
  order_inversion_wait_cycles INTEGER,  -- [cycles] that they waited
  operation_cycles INTEGER,  -- [cycles] in operations, waits included
  use_cycles INTEGER,  -- [cycles] touching objects
  end_time_cycles INTEGER,  -- [cycles] when the run was over
  trace_duration_ns INTEGER,  -- [ns] of the recording
  writebacks INTEGER,  -- lines written back to memory
  start_time_cycles INTEGER,  -- [cycles] when the trace or workload began, after boot
  tasks INTEGER,  -- of a run in closed order, as the next ones
  work INTEGER,  -- what the workload counts as done, in its own unit
  work_unit TEXT,  -- empty: it counts nothing
  switches INTEGER,  -- from one task to another on a CPU
  migrations INTEGER,  -- of tasks from one CPU to another
  free_waits INTEGER,  -- a free had to wait for its own allocation
  think_cycles INTEGER,  -- [cycles] what tasks did on CPUs besides
  run_queue_wait_cycles INTEGER,  -- [cycles] of tasks that could run
  trace_lost_events INTEGER,  -- lost in recording
  trace_lost_unknown INTEGER  -- places where an unknown number was lost
);

CREATE TABLE skipped(  -- A reason why events were not replayed.
  run INTEGER NOT NULL REFERENCES runs,
  name TEXT,  -- why not replayed
  count INTEGER  -- events
);

CREATE TABLE paths(  -- A path that operations took.
  run INTEGER NOT NULL REFERENCES runs,
  name TEXT,  -- "alloc fast", "free slab"
  is_free INTEGER,  -- [0/1] else an allocation
  operations INTEGER,  -- allocator operations
  cycles_total INTEGER,  -- [cycles] of all
  cycles_p50 INTEGER,  -- [cycles] the median
  cycles_p99 INTEGER,  -- [cycles] 99 of 100 took no longer
  cycles_max INTEGER,  -- [cycles] of the slowest
  cycles_min INTEGER,  -- [cycles] of the fastest
  put_off INTEGER,  -- [0/1] work that an operation left for later
  by_rcu INTEGER  -- [0/1] a free by kvfree_rcu
);

CREATE TABLE latencies(  -- A bucket of the distribution of a path.
  run INTEGER NOT NULL REFERENCES runs,
  path TEXT,  -- or "all allocations", "all frees"
  cycles_max INTEGER,  -- [cycles] none of the bucket took longer
  operations INTEGER  -- of the bucket
);

CREATE TABLE touches(  -- Touches of memory: a site, structure and outcome.
  run INTEGER NOT NULL REFERENCES runs,
  site TEXT,  -- where in the code of the model or machine
  structure TEXT,  -- what was touched
  outcome TEXT,  -- what answered it
  count INTEGER,  -- touches
  cycles INTEGER  -- [cycles] their cycles
);

CREATE TABLE causes(  -- Cycles that are not touches: a site and cause.
  run INTEGER NOT NULL REFERENCES runs,
  site TEXT,  -- where in the code of the model or machine
  cause TEXT,  -- what was not a touch
  cycles INTEGER  -- [cycles] their cycles
);

CREATE TABLE parts(  -- A partition of all cycles.
  run INTEGER NOT NULL REFERENCES runs,
  part TEXT,  -- "in operations" first
  cycles INTEGER  -- [cycles] their cycles
);

CREATE TABLE locks(  -- A class of locks, as /proc/lock_stat has it.
  run INTEGER NOT NULL REFERENCES runs,
  name TEXT,  -- its class
  contention_bounces INTEGER,  -- contentions on another CPU than the last
  contentions INTEGER,  -- acquisitions that waited
  wait_min_cycles INTEGER,  -- [cycles]
  wait_max_cycles INTEGER,  -- [cycles]
  wait_total_cycles INTEGER,  -- [cycles]
  acquisition_bounces INTEGER,  -- acquisitions on another CPU than the last
  acquisitions INTEGER,
  hold_min_cycles INTEGER,  -- [cycles]
  hold_max_cycles INTEGER,  -- [cycles]
  hold_total_cycles INTEGER  -- [cycles]
);

CREATE TABLE cpus(  -- A CPU.
  run INTEGER NOT NULL REFERENCES runs,
  cpu INTEGER,  -- number
  node INTEGER,  -- number
  operations INTEGER,  -- allocator operations
  operation_cycles INTEGER,  -- [cycles] in operations
  irq_off_windows INTEGER,  -- times that interrupts were off
  irq_off_cycles INTEGER,  -- [cycles] with interrupts off
  irq_off_longest_cycles INTEGER,  -- [cycles] the longest of them
  irq_off_longest_site TEXT,  -- where
  irq_deferral_longest_cycles INTEGER  -- [cycles] that an interrupt waited
);

CREATE TABLE slowest(  -- An operation that took longest.
  run INTEGER NOT NULL REFERENCES runs,
  rank INTEGER,  -- from 1
  time_ns INTEGER,  -- [ns] when it began
  cpu INTEGER,  -- number
  node INTEGER,  -- the CPU's
  task INTEGER,  -- its pid, or the workload's number of it
  comm TEXT,  -- the task's name
  context TEXT,  -- "task", "softirq", "hardirq"
  caller TEXT,  -- call site, or step of a workload
  kind TEXT,  -- "alloc", "free"
  path TEXT,  -- how it was served
  cache TEXT,  -- empty: none, or not known
  object TEXT,  -- in simulated memory; 0: it failed
  bytes INTEGER,  -- [bytes] asked for
  event INTEGER,  -- its number in the trace or of the workload, from 0
  cycles INTEGER,  -- [cycles] without interrupts in between
  wait_lock TEXT,  -- its class
  wait_holder_cpu INTEGER,  -- who had it when the wait began
  wait_holder_site TEXT,  -- and in what code
  wait_cycles INTEGER,  -- [cycles] of this wait
  wait_waits INTEGER,  -- for locks, in the whole operation
  wait_cycles_total INTEGER  -- [cycles] likewise
);

CREATE TABLE slowest_causes(  -- What the cycles of one of the slowest went to.
  run INTEGER NOT NULL REFERENCES runs,
  rank INTEGER,  -- of the operation
  structure TEXT,  -- empty: no touch
  outcome TEXT,  -- what answered the touch
  cause TEXT,  -- empty: a touch
  cycles INTEGER  -- [cycles] their cycles
);

CREATE TABLE call_sites(  -- A caller, cache and path: the operations.
  run INTEGER NOT NULL REFERENCES runs,
  caller TEXT,  -- call site, or step of a workload
  cache TEXT,  -- its name
  path TEXT,  -- how it was served
  is_free INTEGER,  -- [0/1] else an allocation
  is_slow INTEGER,  -- [0/1] took no fast path
  operations INTEGER,  -- allocator operations
  remote_operations INTEGER,  -- on memory of another node
  cycles INTEGER,  -- [cycles] of these operations
  cycles_max INTEGER,  -- [cycles] of the slowest
  source TEXT  -- file and line, where known
);

CREATE TABLE call_site_cycles(  -- A part of the cycles of these; locks are parts of "lock wait".
  run INTEGER NOT NULL REFERENCES runs,
  caller TEXT,  -- call site, or step of a workload
  cache TEXT,  -- its name
  path TEXT,  -- how it was served
  kind TEXT,  -- "touch", "cause", "lock"
  of TEXT,  -- the structure, cause or lock
  outcome TEXT,  -- of a touch
  count INTEGER,  -- touches or waits
  cycles INTEGER  -- [cycles] of them
);

CREATE TABLE tasks(  -- A task.
  run INTEGER NOT NULL REFERENCES runs,
  pid INTEGER,  -- of a workload: the number of its task
  comm TEXT,  -- empty: the recording does not have it
  operations INTEGER,  -- allocator operations
  allocations INTEGER,
  cycles INTEGER,  -- [cycles] their cycles
  slow_operations INTEGER,  -- took no fast path
  remote_operations INTEGER,  -- on memory of another node
  bytes INTEGER,  -- [bytes] asked for
  in_interrupts INTEGER  -- of the operations: of interrupts that came while it ran
);

CREATE TABLE cpu_shares(  -- A CPU: operations begun on it.
  run INTEGER NOT NULL REFERENCES runs,
  cpu INTEGER,  -- number
  operations INTEGER,  -- allocator operations
  cycles INTEGER,  -- [cycles] their cycles
  slow_operations INTEGER,  -- took no fast path
  remote_operations INTEGER,  -- on memory of another node
  bytes INTEGER  -- [bytes] asked for
);

CREATE TABLE node_shares(  -- A node: operations by its CPUs.
  run INTEGER NOT NULL REFERENCES runs,
  node INTEGER,  -- number
  operations INTEGER,  -- allocator operations
  cycles INTEGER,  -- [cycles] their cycles
  slow_operations INTEGER,  -- took no fast path
  remote_operations INTEGER,  -- on memory of another node
  bytes INTEGER,  -- [bytes] asked for
  remote_bytes INTEGER  -- [bytes] given from other nodes
);

CREATE TABLE false_sharing(  -- A use of a line that CPUs took from each other.
  run INTEGER NOT NULL REFERENCES runs,
  address TEXT,  -- of the line, 16 hex digits
  structure TEXT,  -- what was touched
  is_write INTEGER,  -- [0/1] taken to be written
  offset INTEGER,  -- [bytes] in the line
  caller TEXT,  -- call site, or step of a workload
  bounces INTEGER,  -- by this use
  cycles INTEGER,  -- [cycles] of these
  cache TEXT,  -- of the slab; empty: none
  slab_offset INTEGER,  -- [bytes] of the line in its slab
  object_size INTEGER,  -- [bytes] from one object to the next
  cpus TEXT,  -- that took it, blanks between
  line_bounces INTEGER,  -- by all uses
  line_transfers INTEGER,  -- of these: another had it modified
  line_remote INTEGER,  -- of these: across domains or nodes
  line_writes INTEGER,  -- of these: to write
  line_false_bounces INTEGER,  -- of these: other bytes than before
  line_cycles INTEGER  -- [cycles] of all uses
);
