// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/shell/man_page.h"

#include <string_view>

#include "absl/strings/str_split.h"
#include "cli/help.h"
#include "fmt/format.h"
#include "runs/simulation/version.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

// Text as it is: groff(7) would read a backslash, a dash, and a dot or quote that begins a line.
std::string Roff(std::string_view text) {
  std::string roff;
  bool line_begins = true;
  for (const char c : text) {
    if (c == '\\') {
      roff += "\\e";
    } else if (c == '-') {
      roff += "\\-";
    } else if (line_begins && (c == '.' || c == '\'')) {
      roff += "\\&";
      roff += c;
    } else if (c == '\'') {
      roff += "\\(aq";
    } else if (c == '`') {
      roff += "\\(ga";
    } else {
      roff += c;
    }
    line_begins = c == '\n';
  }
  return roff;
}

// One argument of a macro.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : Roff(text)) quoted += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return quoted + '"';
}

void AppendCommand(const Command& command, std::string* page) {
  *page += fmt::format(".SS {}\n.B {}\n", Quoted(command.name),
                       Quoted(fmt::format("slablab {}", command.name)));
  if (!command.flags.empty()) *page += ".RI [ FLAGS ]\n";
  if (!command.synopsis.empty()) *page += Roff(command.synopsis) + "\n";
  *page += ".PP\n" + Roff(command.summary) + "\n";
  for (const FlagHelp& flag : FlagsOf(command)) {
    *page += fmt::format(".TP\n.B {}\n{}\n", Quoted(flag.written), Roff(flag.text));
  }
  if (command.example.empty()) return;
  *page += ".PP\nFor example:\n.PP\n.in +4n\n.EX\n";
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(command.example.data(), command.example.size()), '\n')) {
    *page += Roff({line.data(), line.size()}) + "\n";
  }
  *page += ".EE\n.in\n";
}

// The synthetic workloads, with what --set takes.
void AppendWorkloads(std::string* page) {
  *page +=
      ".SH WORKLOADS\nWhat\n.B \\-\\-workload\nnames, with the parameters that\n.B "
      "\\-\\-set\ntakes and "
      "the values they have otherwise. A file of one\'s own ends in .textproto.\n";
  for (const WorkloadInfo& workload : ListWorkloads()) {
    *page += fmt::format(".TP\n.B {}\n{}\n", Quoted(workload.name), Roff(workload.description));
    for (const WorkloadParameterSpec& parameter : workload.spec.parameters()) {
      *page += fmt::format(".br\n.BR {} : \" {}.\"\n",
                           Quoted(fmt::format("{}={}", parameter.name(), parameter.value())),
                           Roff(parameter.description()));
    }
  }
}

constexpr std::string_view kScenarios = R"(.SH SCENARIOS
What
.B \-\-scenario
names is a .textproto of events in closed order, each at a time in microseconds, once or again and
again:
.B cpu_offline
and
.B cpu_online
(a CPU),
.B node_offline
and
.B node_online
(a memory node),
.B pressure
(memory of a node is short),
.B tune
(a tunable is written),
.B interrupts
(a storm of them).
.PP
.in +4n
.EX
events { at_us: 500 cpu_offline { cpu: 3 } }
events { at_us: 100 every_us: 1000 jitter_us: 50 pressure { node: \-1 } }
.EE
.in
)";

constexpr std::string_view kDescription = R"(.SH DESCRIPTION
.B slablab
simulates the memory allocators of the Linux kernel: a virtual machine of CPUs, NUMA nodes,
coherent caches, page frames, locks and interrupts runs a model of an allocator over a workload,
captured on a real kernel or synthetic, and shows where every cycle and every byte went.
The same inputs give the same bytes out, on any machine.
.PP
Data go to standard output; messages go to standard error, and so does progress, on a terminal.
Flags are written \-\-name=value or \-\-name value; those that are on or off, \-\-name and
\-\-no\-name.
.SH COMMANDS
)";

constexpr std::string_view kRest = R"(.SH "EXIT STATUS"
.TP
.B 0
Success.
.TP
.B 1
A difference or regression was found.
.TP
.B 2
The input is at fault; the message says which file and where.
.TP
.B 3
slablab is at fault.
.TP
.B 130
Interrupted.
.SH FILES
Machines, workloads, scenarios, sweeps and suites are written as protocol buffers in text form
(.textproto). Traces (.slt) are what
.B "slablab import"
makes of recordings.
.SH ENVIRONMENT
.TP
.B NO_COLOR
If set, nothing is coloured.
.SH "SEE ALSO"
.BR trace\-cmd (1),
.BR perf\-kmem (1),
.BR lstopo (1),
.BR slabinfo (5)
)";

}  // namespace

std::string ManPage(absl::Span<const Command> commands) {
  std::string page = fmt::format(
      ".\\\" Made by `slablab man` from its table of commands.\n"
      ".TH SLABLAB 1 \"\" \"slablab {}\" \"User Commands\"\n"
      ".SH NAME\nslablab \\- simulator of kernel memory allocators\n"
      ".SH SYNOPSIS\n.B slablab\n.I COMMAND\n.RI [ FLAGS ]\n.RI [ ARGUMENTS ]\n",
      Roff(kVersion));
  page += kDescription;
  for (const Command& command : commands) AppendCommand(command, &page);
  AppendWorkloads(&page);
  return page + std::string(kScenarios) + std::string(kRest);
}

}  // namespace slablab
