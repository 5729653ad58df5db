// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_READERS_TEXT_PREFIX_H_
#define SLABLAB_TRACES_IMPORT_READERS_TEXT_PREFIX_H_

#include <string_view>

#include "traces/import/readers/text_line.h"

// What stands before an entry of recorded text: who, where and when. The texts differ in it:
//
//   trace-cmd        bash-7340  [001]          668.063789: kmalloc:   (site) call_site=… ptr=…
//   tracefs          bash-7340  [001] d..1.    668.063789: kmalloc: call_site=… ptr=…
//   record-tgid      bash-7340  ( 7300) [001] d..1.  668.063789: kmalloc: …
//   latency-format   bash-7340    1d..1. 668063789us+: kmalloc: …      (also trace-cmd report -l)
//   … and verbose    bash 7340 1 1 00000001 0000002a [0000000027d1b6ed] 668063.789ms (+0.003ms): …
//   on a console     [   12.345678] bash-7340    1d..1. 668063789us : kmalloc: …
//   perf script      bash 7340  [001]     668.063789123:   kmem:kmalloc: call_site=… ptr=…

namespace slablab::internal {

struct EntryPrefix {
  TextTask task;
  std::string_view flags;  // "d..1.", empty if the text has none
  TextTime time;
  std::string_view entry;  // what follows: "kmalloc: call_site=…"
};

enum class PrefixKind {
  kNone,     // the line does not begin with a task and a CPU
  kBadTime,  // it does, but no time follows; `entry` is what was found there
  kWhole,
};

PrefixKind ParsePrefix(std::string_view line, EntryPrefix* prefix);

}  // namespace slablab::internal

#endif  // SLABLAB_TRACES_IMPORT_READERS_TEXT_PREFIX_H_
