// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_READERS_TRACECMD_SHIM_H_
#define SLABLAB_TRACES_IMPORT_READERS_TRACECMD_SHIM_H_

/* The part of libtracecmd that the trace.dat importer uses, without trace-cmd.h, which includes
 * tracefs.h, which is not C++. What libtraceevent offers is used directly (event-parse.h is). */

#ifdef __cplusplus
extern "C" {
#endif

struct tep_handle;
struct tep_record;
struct tracecmd_input;

/* Opens a trace.dat without loading any plugin and without a word on stderr; NULL if it cannot. */
struct tracecmd_input* slablab_tracecmd_open(const char* path);
void slablab_tracecmd_close(struct tracecmd_input* input);

struct tep_handle* slablab_tracecmd_tep(struct tracecmd_input* input);
/* The clock's name, the kernel release (uname -r's words) and the per-CPU loss counts ("overrun:
 * 0" lines) as the recorder stored them; NULL where it did not. */
const char* slablab_tracecmd_clock(struct tracecmd_input* input);
const char* slablab_tracecmd_uname(struct tracecmd_input* input);
const char* slablab_tracecmd_cpustats(struct tracecmd_input* input);
int slablab_tracecmd_cpus(struct tracecmd_input* input);

/* Calls `visit` for each record of all CPUs and buffer instances (trace-cmd record -B) in order of
 * time until it answers other than 0. Answers 0 at the end, what visit answered, or -1 if the data
 * cannot be read. */
int slablab_tracecmd_iterate(struct tracecmd_input* input,
                             int (*visit)(struct tep_record* record, void* context), void* context);

#ifdef __cplusplus
}
#endif

#endif /* SLABLAB_TRACES_IMPORT_READERS_TRACECMD_SHIM_H_ */
