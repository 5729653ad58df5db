// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/commands/commands.h"

namespace slablab {

// Each stands at the end of its own file, cli/commands/*.cc.
extern const Command kBisectCommand;
extern const Command kCaptureCommand;
extern const Command kCheckCommand;
extern const Command kCompareCommand;
extern const Command kCompletionCommand;
extern const Command kDemoCommand;
extern const Command kDiffCommand;
extern const Command kExplainCommand;
extern const Command kFootprintCommand;
extern const Command kHelpCommand;
extern const Command kImportCommand;
extern const Command kListCommand;
extern const Command kManCommand;
extern const Command kReportCommand;
extern const Command kRunCommand;
extern const Command kSlowestCommand;
extern const Command kSweepCancelCommand;
extern const Command kSweepMergeCommand;
extern const Command kSweepPlanCommand;
extern const Command kSweepRunCommand;
extern const Command kSweepStatusCommand;
extern const Command kSweepSubmitCommand;
extern const Command kTimelineCommand;
extern const Command kTraceDumpCommand;
extern const Command kTraceInfoCommand;
extern const Command kTraceSliceCommand;
extern const Command kTraceStatCommand;
extern const Command kTraceValidateCommand;
extern const Command kVerifyCommand;
extern const Command kVersionCommand;
extern const Command kWhyCommand;
extern const Command kWorkloadShowCommand;
extern const Command kWorkloadWriteCommand;

absl::Span<const Command> Commands() {
  static const Command commands[] = {
      kHelpCommand,          kBisectCommand,       kCaptureCommand,      kDiffCommand,
      kImportCommand,        kCheckCommand,        kCompareCommand,      kCompletionCommand,
      kDemoCommand,          kExplainCommand,      kFootprintCommand,    kListCommand,
      kManCommand,           kReportCommand,       kRunCommand,          kSlowestCommand,
      kSweepCancelCommand,   kSweepMergeCommand,   kSweepPlanCommand,    kSweepRunCommand,
      kSweepStatusCommand,   kSweepSubmitCommand,  kTimelineCommand,     kTraceDumpCommand,
      kTraceInfoCommand,     kTraceSliceCommand,   kTraceStatCommand,    kTraceValidateCommand,
      kVerifyCommand,        kVersionCommand,      kWhyCommand,          kWorkloadShowCommand,
      kWorkloadWriteCommand,
  };
  return commands;
}

}  // namespace slablab
