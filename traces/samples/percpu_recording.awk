# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Turns a percpu reference run into the text of a recording of the same events, as tracefs has it.
# A reference run knows neither times nor CPUs: events are 5 microseconds apart, all on CPU 0. Work
# that the allocator does of its own accord (populating, balancing) has no tracepoints.
#
#   zcat percpu-c8n2-s4.ref.gz | awk -f percpu_recording.awk >recording.txt

function event(text) {
  microseconds += 5
  printf "          percpu-1       [000] ..... %5d.%06d: %s\n", microseconds / 1000000,
      microseconds % 1000000, text
}
function base(chunk) { return sprintf("ff1100%02x00000000", chunk + 1) }
function request(reserved, atomic, bytes, align) {
  return sprintf("reserved=%d is_atomic=%d size=%d align=%d", reserved, atomic, bytes, align)
}

BEGIN { print "# tracer: nop\n#" }
$1 == "machine" { split($2, cpus, "=") }
$1 == "a" {
  event(sprintf("percpu_alloc_percpu: call_site=0x0 %s base_addr=%s off=%d ptr=%016x " \
                "bytes_alloc=%d gfp_flags=%s", request($5, $6, $3, $4), base($2), $7, $7,
                $3 * cpus[2], $6 ? "GFP_NOWAIT" : "GFP_KERNEL"))
}
$1 == "f" {
  event(sprintf("percpu_free_percpu: base_addr=%s off=%d ptr=%016x", base($2), $3, $3))
}
$1 == "x" { event("percpu_alloc_percpu_fail: " request($4, $5, $2, $3)) }
$1 == "C" { event("percpu_create_chunk: base_addr=" base($2)) }
$1 == "D" { event("percpu_destroy_chunk: base_addr=" base($2)) }
