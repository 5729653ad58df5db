// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_SETTING_H_
#define SLABLAB_REPORTS_SETTING_H_

#include <string>
#include <vector>

#include "reports/result.pb.h"

// What runs are made on and of, in words, for every report's head.

namespace slablab {

// "xeon-8380: 160 CPUs on 2 nodes, 3,000 MHz; LLC 60.0M; 128G a node"
std::string MachineSentence(const RunResult& result);
// "latencies: measured": where parts come from, but for those that the machine's own preset has.
// Empty if that is not known.
std::string SourcesSentence(const RunResult& result);
// Both on a line: "recorded: 4 CPUs, 2 nodes of 512M, LLC 32M; latencies assumed"
std::string MachineInShort(const RunResult& result);
// The recorded kernel beside the model's; empty if neither is known.
std::string KernelsSentence(const RunResult& result);
// Its first part: "recorded on Linux 6.1.192 with SLUB", "nothing was recorded".
std::string RecordedPhrase(const RunResult& result);
// "slub: the model of the recorded kernel 7.3.4 -> slub-7.3"; empty if the model was named.
std::string ChoiceSentence(const RunResult& result);
// Which caches worked otherwise when recorded; empty if none did.
std::vector<std::string> OtherwiseSentences(const RunResult& result);
// The same without their names and shares, for many runs.
std::string OtherwiseInShort(const RunResult& result);
// What was rounded otherwise when recorded; empty if nothing was.
std::vector<std::string> RoundingSentences(const RunResult& result);
// How near shares of fast paths are to those that the recorded kernel counted itself: "shares of
// fast paths are within 1.02 points of the recorded kernel's". Empty if that is not known, or the
// model is of another kernel.
std::string AgreementSentence(const RunResult& result);
// What shares a place with another; empty if nothing does.
std::string FoldedSentence(const RunResult& result);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_SETTING_H_
