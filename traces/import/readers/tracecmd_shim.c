// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/readers/tracecmd_shim.h"

#include <stddef.h>
#include <trace-cmd/trace-cmd.h>

/* Exported by libtracecmd 1.3 and used by trace-cmd itself, but not in its public header. Weak, so
 * that a library without them still links. */
const char* tracecmd_get_trace_clock(struct tracecmd_input* handle) __attribute__((weak));
const char* tracecmd_get_uname(struct tracecmd_input* handle) __attribute__((weak));
const char* tracecmd_get_cpustats(struct tracecmd_input* handle) __attribute__((weak));
int tracecmd_cpus(struct tracecmd_input* handle) __attribute__((weak));

struct tracecmd_input* slablab_tracecmd_open(const char* path) {
  tracecmd_set_loglevel(TEP_LOG_NONE);
  tep_set_loglevel(TEP_LOG_NONE);
  tracefs_set_loglevel(TEP_LOG_NONE);
  return tracecmd_open(path, TRACECMD_FL_LOAD_NO_PLUGINS);
}

void slablab_tracecmd_close(struct tracecmd_input* input) { tracecmd_close(input); }

struct tep_handle* slablab_tracecmd_tep(struct tracecmd_input* input) {
  return tracecmd_get_tep(input);
}

const char* slablab_tracecmd_clock(struct tracecmd_input* input) {
  return tracecmd_get_trace_clock ? tracecmd_get_trace_clock(input) : NULL;
}

const char* slablab_tracecmd_uname(struct tracecmd_input* input) {
  return tracecmd_get_uname ? tracecmd_get_uname(input) : NULL;
}

const char* slablab_tracecmd_cpustats(struct tracecmd_input* input) {
  return tracecmd_get_cpustats ? tracecmd_get_cpustats(input) : NULL;
}

int slablab_tracecmd_cpus(struct tracecmd_input* input) {
  return tracecmd_cpus ? tracecmd_cpus(input) : 0;
}

enum { kHandlesMax = 64 };

struct visitor {
  int (*visit)(struct tep_record* record, void* context);
  void* context;
};

static int visit_record(struct tracecmd_input* input, struct tep_record* record, int cpu,
                        void* context) {
  const struct visitor* visitor = context;
  (void)input;
  (void)cpu;
  return visitor->visit(record, visitor->context);
}

int slablab_tracecmd_iterate(struct tracecmd_input* input,
                             int (*visit)(struct tep_record* record, void* context),
                             void* context) {
  struct visitor visitor = {visit, context};
  struct tracecmd_input* handles[kHandlesMax] = {input};
  int count = 1;
  int result;
  int i;
  for (i = 0; i < tracecmd_buffer_instances(input) && count < kHandlesMax; ++i) {
    handles[count] = tracecmd_buffer_instance_handle(input, i);
    if (handles[count] != NULL) ++count;
  }
  if (count == 1) return tracecmd_iterate_events(input, NULL, 0, visit_record, &visitor);
  result = tracecmd_iterate_events_multi(handles, count, visit_record, &visitor);
  for (i = 1; i < count; ++i) tracecmd_close(handles[i]);
  return result;
}
