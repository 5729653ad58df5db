-- Copyright 2026 The slablab Authors.
-- SPDX-License-Identifier: Apache-2.0
--
-- What was held in memory. The form of a line is told in runs.sql.

CREATE TABLE footprint(  -- A sample of memory over time.
  run INTEGER NOT NULL REFERENCES runs,
  time_ns INTEGER,  -- [ns] since the start of the trace
  slabs INTEGER,
  slab_bytes INTEGER,  -- [bytes] in slabs
  objects INTEGER,  -- allocated
  object_bytes INTEGER,  -- [bytes] of these
  free_bytes INTEGER,  -- [bytes] of free slots
  padding_bytes INTEGER,  -- [bytes] of slots, not of objects
  tail_bytes INTEGER,  -- [bytes] at the ends of slabs
  metadata_bytes INTEGER,  -- [bytes] of slabs about themselves
  percpu_bytes INTEGER,  -- [bytes] per-CPU areas
  requested_bytes INTEGER,  -- [bytes] users asked for
  own_objects INTEGER,  -- the allocator's own
  own_object_bytes INTEGER,  -- [bytes] the allocator's own
  large_blocks INTEGER,  -- kmalloc's blocks of whole pages
  large_bytes INTEGER,  -- [bytes] of these
  large_requested_bytes INTEGER,  -- [bytes] asked for of these
  own_large_bytes INTEGER,  -- [bytes] the allocator's own
  own_large_blocks INTEGER  -- the allocator's own
);

CREATE TABLE footprint_peak(  -- A run: when most was in slabs; columns as in footprint.
  run INTEGER NOT NULL REFERENCES runs,
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

CREATE TABLE footprint_end(  -- A run: at its end; columns as in footprint.
  run INTEGER NOT NULL REFERENCES runs,
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

CREATE TABLE callers_memory(  -- A caller and cache: the objects it allocated.
  run INTEGER NOT NULL REFERENCES runs,
  caller TEXT,  -- call site, or step of a workload
  cache TEXT,  -- its name
  objects INTEGER,  -- allocated, ever
  bytes INTEGER,  -- [bytes] of these
  requested_bytes INTEGER,  -- [bytes] asked for
  live_objects INTEGER,  -- at the end
  live_bytes INTEGER,  -- [bytes] at the end
  peak_objects INTEGER,  -- when most bytes were live
  peak_bytes INTEGER,  -- [bytes] then
  remote_frees INTEGER,  -- freed on another node than they lie on
  other_cpu_frees INTEGER,  -- freed on another CPU than allocated
  pinned_slabs INTEGER,  -- partly empty ones with an object of it
  pinned_free_bytes INTEGER,  -- [bytes] free slots of these
  pinned_share_bytes INTEGER  -- [bytes] the same shared out over callers
);

CREATE TABLE pinned_by_age(  -- A class of age of what a caller pins.
  run INTEGER NOT NULL REFERENCES runs,
  caller TEXT,  -- call site, or step of a workload
  cache TEXT,  -- its name
  age_ns_max INTEGER,  -- [ns] of its oldest object; 0: older
  slabs INTEGER,
  free_bytes INTEGER  -- [bytes] shared out
);

CREATE TABLE layers(  -- A layer of free objects, of all caches.
  run INTEGER NOT NULL REFERENCES runs,
  layer TEXT,  -- "main sheaves", "CPU slabs"
  holders TEXT,  -- what it consists of
  full INTEGER,  -- holders
  partial INTEGER,  -- holders
  empty INTEGER,  -- holders
  objects INTEGER,  -- free, kept at hand
  object_bytes INTEGER,  -- [bytes] of their slots
  own_bytes INTEGER,  -- [bytes] memory of the holders themselves
  objects_mean INTEGER,  -- of the samples over time
  objects_peak INTEGER  -- likewise
);

CREATE TABLE cache_layers(  -- A layer of a cache.
  run INTEGER NOT NULL REFERENCES runs,
  cache TEXT,  -- its name
  layer TEXT,  -- "main sheaves", "CPU slabs"
  holders TEXT,  -- what it consists of
  full INTEGER,  -- holders
  partial INTEGER,  -- holders
  empty INTEGER,  -- holders
  objects INTEGER,  -- free, kept at hand
  object_bytes INTEGER,  -- [bytes] of their slots
  own_bytes INTEGER,  -- [bytes] memory of the holders themselves
  objects_mean INTEGER,  -- of the samples over time
  objects_peak INTEGER  -- likewise
);

CREATE TABLE layer_nodes(  -- A layer on a node.
  run INTEGER NOT NULL REFERENCES runs,
  cache TEXT,  -- its name, or "all"
  layer TEXT,  -- "main sheaves", "CPU slabs"
  node INTEGER,  -- number
  holders INTEGER,
  objects INTEGER  -- free, kept at hand
);

CREATE TABLE layers_over_time(  -- A layer over time, all caches together.
  run INTEGER NOT NULL REFERENCES runs,
  time_ns INTEGER,  -- [ns] since the start of the run
  layer TEXT,  -- "main sheaves", "CPU slabs"
  holders INTEGER,
  objects INTEGER,  -- free, kept at hand
  object_bytes INTEGER,  -- [bytes]
  own_bytes INTEGER  -- [bytes]
);

CREATE TABLE waits_over_time(  -- A class of locks over time, what was waited for it until then.
  run INTEGER NOT NULL REFERENCES runs,
  time_ns INTEGER,  -- [ns] since the start of the trace
  lock TEXT,  -- its class
  contentions INTEGER,  -- waits since the start of the run
  wait_cycles INTEGER  -- [cycles] since the start of the run
);

CREATE TABLE page_allocator(  -- A figure of the page allocator.
  run INTEGER NOT NULL REFERENCES runs,
  name TEXT,  -- what
  count INTEGER
);

CREATE TABLE reclaim(  -- A run that asked for memory back.
  run INTEGER NOT NULL REFERENCES runs,
  calls INTEGER,  -- by the workload's knob
  bytes INTEGER,  -- [bytes] given back
  direct_calls INTEGER,  -- by allocations that found no page
  direct_bytes INTEGER  -- [bytes] given back
);

CREATE TABLE rcu(  -- A run that freed by kvfree_rcu.
  run INTEGER NOT NULL REFERENCES runs,
  to_sheaves INTEGER,  -- objects that went into rcu_free sheaves
  to_batches INTEGER,  -- into blocks of pointers or lists
  drains INTEGER,  -- blocks and lists handed over
  grace_periods INTEGER,  -- that ended
  barriers INTEGER,
  peak_objects INTEGER,  -- waiting when most bytes did
  peak_bytes INTEGER,  -- [bytes] the slots and pages of these
  peak_time_ns INTEGER,  -- [ns] since the start of the run
  end_objects INTEGER,  -- waiting when the run was over
  end_bytes INTEGER  -- [bytes] of these
);

CREATE TABLE rcu_waiting(  -- Memory that waits for a grace period, at times of footprint.
  run INTEGER NOT NULL REFERENCES runs,
  time_ns INTEGER,  -- [ns] since the start of the run
  objects INTEGER,
  object_bytes INTEGER,  -- [bytes] of object_bytes
  padding_bytes INTEGER,  -- [bytes] of padding_bytes
  free_bytes INTEGER,  -- [bytes] of free_bytes
  large_bytes INTEGER,  -- [bytes] of large_bytes
  slab_objects INTEGER  -- of objects
);

CREATE TABLE percpu(  -- A run: the percpu allocator, as percpu_stats names it.
  run INTEGER NOT NULL REFERENCES runs,
  allocator TEXT,  -- the model
  nr_alloc INTEGER,
  nr_dealloc INTEGER,
  nr_cur_alloc INTEGER,
  nr_max_alloc INTEGER,
  nr_chunks INTEGER,
  nr_max_chunks INTEGER,
  min_alloc_size INTEGER,  -- [bytes]
  max_alloc_size INTEGER,  -- [bytes]
  empty_pop_pages INTEGER,
  peak_time_ns INTEGER,  -- [ns] since the start of the trace
  balances INTEGER,  -- runs of the balancing work
  address_failures INTEGER,  -- chunks not made for want of address space
  page_failures INTEGER,  -- chunks not made, or not populated, for want of pages
  uncleared_areas INTEGER,  -- handed out with whatever was in them
  km_wasted_pages INTEGER,  -- of each chunk, by rounding
  layout_unit_size INTEGER,  -- [bytes]
  layout_static_size INTEGER,  -- [bytes]
  layout_reserved_size INTEGER,  -- [bytes]
  layout_dyn_size INTEGER,  -- [bytes]
  layout_atom_size INTEGER,  -- [bytes]
  layout_alloc_size INTEGER,  -- [bytes]
  layout_cpus INTEGER,  -- possible ones
  layout_units INTEGER,  -- more, if units are unused
  layout_groups INTEGER,  -- one a node
  layout_embedded INTEGER,  -- [0/1]
  bytes_first INTEGER,  -- [bytes] the first chunk
  bytes_populated INTEGER,  -- [bytes] pages of further chunks
  bytes_rounding INTEGER,  -- [bytes] what blocks of 2^n pages have too many
  bytes_metadata INTEGER,  -- [bytes]
  bytes_areas INTEGER,  -- [bytes] allocated, of the above
  bytes_address INTEGER,  -- [bytes] address space of further chunks
  peak_bytes_first INTEGER,  -- [bytes] the first chunk
  peak_bytes_populated INTEGER,  -- [bytes] pages of further chunks
  peak_bytes_rounding INTEGER,  -- [bytes] what blocks of 2^n pages have too many
  peak_bytes_metadata INTEGER,  -- [bytes]
  peak_bytes_areas INTEGER,  -- [bytes] allocated, of the above
  peak_bytes_address INTEGER  -- [bytes] address space of further chunks
);

CREATE TABLE percpu_chunks(  -- A chunk of it at the end.
  run INTEGER NOT NULL REFERENCES runs,
  chunk INTEGER,  -- its place, from 0
  kind TEXT,  -- "", "first", "reserved", ...
  pages INTEGER,
  populated_pages INTEGER,
  nr_alloc INTEGER,
  max_alloc_size INTEGER,  -- [bytes]
  empty_pop_pages INTEGER,
  first_bit INTEGER,
  free_bytes INTEGER,  -- [bytes]
  contig_bytes INTEGER,  -- [bytes]
  sum_frag INTEGER,  -- [bytes]
  max_frag INTEGER,  -- [bytes]
  cur_min_alloc INTEGER,  -- [bytes]
  cur_med_alloc INTEGER,  -- [bytes]
  cur_max_alloc INTEGER  -- [bytes]
);

CREATE TABLE percpu_projections(  -- What its areas would take on another machine.
  run INTEGER NOT NULL REFERENCES runs,
  cpus INTEGER,  -- of such a machine
  nodes INTEGER,  -- of such a machine
  areas INTEGER,  -- [bytes] allocated
  vm_held INTEGER,  -- [bytes] first chunk, and populated pages
  vm_address INTEGER,  -- [bytes] address space of further chunks
  km_held INTEGER,  -- [bytes] first chunk, and blocks; 0: it cannot serve several nodes
  km_wasted INTEGER,  -- [bytes] of this, pages that no unit uses
  km_too_large INTEGER,  -- [0/1] a block of a chunk is larger than the page allocator has
  vm32_address INTEGER,  -- [bytes] as vm_address, on 32 bits
  vm32_exhausted INTEGER  -- [0/1] that is more than there is
);
