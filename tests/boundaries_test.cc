// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The rules that ARCHITECTURE.md states for the source tree as a whole: which room may include
// which, what simulation code may not use, and the form of a source file. Each rule is a function
// from a file's path and text to complaints; it is tried on bad examples first, then on the tree.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Complaints = std::vector<std::string>;

struct Room {
  std::set<std::string> rooms;    // may include anything of these, and of itself
  std::set<std::string> headers;  // and these besides
};

const std::map<std::string, Room>& Rooms() {
  static const auto& rooms = *new std::map<std::string, Room>{
      {"base", {{}, {}}},
      {"sim", {{"base"}, {}}},
      {"allocators", {{"base", "sim"}, {}}},
      {"traces", {{"base"}, {}}},
      {"workloads", {{"base", "allocators", "traces", "sim"}, {}}},
      {"reports",
       {{"base"},
        {"sim/cache/ledger.h", "runs/run_spec.pb.h", "runs/run_spec.proto", "runs/switches.h"}}},
      {"runs", {{"base", "sim", "allocators", "traces", "workloads", "reports"}, {}}},
      {"cli", {{"base", "sim", "allocators", "traces", "workloads", "reports", "runs"}, {}}},
      {"tests",
       {{"base", "sim", "allocators", "traces", "workloads", "reports", "runs", "cli"}, {}}},
  };
  return rooms;
}

// "sim" of "sim/machine.h"; "" of a file at the root.
std::string FirstFolder(const std::string& path) {
  const size_t slash = path.find('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

bool IsCpp(const std::string& path) {
  return absl::EndsWith(path, ".h") || absl::EndsWith(path, ".cc") || absl::EndsWith(path, ".c");
}

// `check(number, line)` for each line of `text`, counted from 1.
template <typename Check>
void ForEachLine(const std::string& text, Check check) {
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    check(++number, std::string(line));
  }
}

// The included or imported path of a line, when it is in double quotes.
std::string QuotedInclude(const std::string& line) {
  static const std::regex& pattern =
      *new std::regex(R"re(^\s*(?:#\s*include|import(?:\s+public)?)\s+"([^"]+)".*)re");
  std::smatch match;
  return std::regex_match(line, match, pattern) ? match[1].str() : "";
}

Complaints IncludeComplaints(const std::string& path, const std::string& text) {
  Complaints complaints;
  const auto room = Rooms().find(FirstFolder(path));
  if (room == Rooms().end()) return complaints;
  ForEachLine(text, [&](int number, const std::string& line) {
    const std::string included = QuotedInclude(line);
    if (included.empty()) return;
    const std::string from = FirstFolder(included);
    if (from.empty() || from == "." || from == "..") {
      // trace-cmd.h and its like have no folder: theirs are in angle brackets here.
      complaints.push_back(absl::StrCat(path, ":", number, ": write \"", included,
                                        "\" from the root, or in angle brackets if not ours"));
    } else if (Rooms().count(from) > 0 && from != room->first &&
               room->second.rooms.count(from) == 0 && room->second.headers.count(included) == 0) {
      complaints.push_back(
          absl::StrCat(path, ":", number, ": ", room->first, " may not include ", included));
    }
  });
  return complaints;
}

// The labels of every `visibility` and `default_visibility` in a BUILD file must be of rooms that
// may include this one.
Complaints VisibilityComplaints(const std::string& path, const std::string& text) {
  Complaints complaints;
  const std::string room = FirstFolder(path);
  if (Rooms().count(room) == 0) return complaints;
  static const std::regex& list = *new std::regex(R"re(visibility\s*=\s*\[([^\]]*)\])re");
  static const std::regex& label = *new std::regex(R"re("([^"]*)")re");
  for (std::sregex_iterator i(text.begin(), text.end(), list), end; i != end; ++i) {
    const std::string labels = (*i)[1];
    for (std::sregex_iterator j(labels.begin(), labels.end(), label); j != end; ++j) {
      const std::string name = (*j)[1];
      if (name == "//visibility:private") continue;
      const std::string visitor =
          absl::StartsWith(name, "//")
              ? name.substr(2, std::min(name.find('/', 2), name.find(':', 2)) - 2)
              : "";
      const auto known = Rooms().find(visitor);
      const bool admitted =
          known != Rooms().end() &&
          (visitor == room || known->second.rooms.count(room) > 0 ||
           // The ledger and the run's description alone; see above.
           (visitor == "reports" && (path == "sim/cache/BUILD" || path == "runs/BUILD")));
      if (!admitted) complaints.push_back(absl::StrCat(path, ": ", name, " may not see ", room));
    }
  }
  return complaints;
}

// What would make results differ from one machine, run or compiler to another.
Complaints DeterminismComplaints(const std::string& path, const std::string& text) {
  Complaints complaints;
  static const std::set<std::string>& rooms =
      *new std::set<std::string>{"sim", "allocators", "traces", "workloads"};
  if (!IsCpp(path) || rooms.count(FirstFolder(path)) == 0) return complaints;
  static const std::regex& forbidden = *new std::regex(
      R"re(#include [<"](chrono|ctime|(sys/)?time\.h|random|unordered_(map|set))[>"]|)re"
      R"re(#include "absl/(random|time|hash)/|)re"
      R"re(\b(std::(unordered_|chrono|random_device|\w+_distribution))|)re"
      R"re(\babsl::(BitGen|Hash|Now)\b|\b(gettimeofday|clock_gettime)\b|)re"
      R"re((^|[^.>\w])(s?rand(om)?\(\s*\)|time\((nullptr|NULL|0)\)))re");
  ForEachLine(text, [&](int number, const std::string& line) {
    const std::string code = line.substr(0, line.find("//"));
    std::smatch match;
    if (std::regex_search(code, match, forbidden)) {
      complaints.push_back(
          absl::StrCat(path, ":", number, ": not in simulation code: ", match[0].str()));
    }
  });
  return complaints;
}

// What a run is, is not told by the flags of the program that starts it.
Complaints FlagComplaints(const std::string& path, const std::string& text) {
  Complaints complaints;
  if (!IsCpp(path) || FirstFolder(path) == "cli" || FirstFolder(path) == "tests") return complaints;
  ForEachLine(text, [&](int number, const std::string& line) {
    if (absl::StrContains(line, "absl/flags/")) {
      complaints.push_back(absl::StrCat(path, ":", number, ": flags are the program's: cli"));
    }
  });
  return complaints;
}

// A folder is read at one glance. `paths` are the files of a tree; samples and recordings, of which
// there may be any number, are not counted.
Complaints FolderComplaints(const std::vector<std::string>& paths) {
  constexpr int kFilesMax = 35;
  std::map<std::string, int> files;
  for (const std::string& path : paths) {
    if (IsCpp(path) || absl::EndsWith(path, ".proto")) ++files[fs::path(path).parent_path()];
  }
  Complaints complaints;
  for (const auto& [folder, count] : files) {
    if (count > kFilesMax) {
      complaints.push_back(absl::StrCat(folder, ": ", count, " sources, at most ", kFilesMax));
    }
  }
  return complaints;
}

// What a folder includes of another is not included back, by way of any others. `tree` is texts by
// path. A room's root holds what is below its folders and what is above them, and is left out.
Complaints CircleComplaints(const std::map<std::string, std::string>& tree) {
  std::map<std::string, std::set<std::string>> below;
  for (const auto& [path, text] : tree) {
    const std::string folder = fs::path(path).parent_path();
    const bool in_a_folder = Rooms().count(FirstFolder(path)) > 0 && Rooms().count(folder) == 0;
    if (!IsCpp(path) || !in_a_folder) continue;
    ForEachLine(text, [&, &folder = folder](int, const std::string& line) {
      const std::string included = fs::path(QuotedInclude(line)).parent_path();
      if (Rooms().count(FirstFolder(included)) > 0 && Rooms().count(included) == 0 &&
          included != folder) {
        below[folder].insert(included);
      }
    });
  }
  // What remains once folders that have nothing below them are taken away, again and again.
  for (bool taken = true; taken;) {
    taken = false;
    for (auto i = below.begin(); i != below.end(); ++i) {
      std::erase_if(i->second, [&](const std::string& folder) { return below.count(folder) == 0; });
    }
    taken = std::erase_if(below, [](const auto& folder) { return folder.second.empty(); }) > 0;
  }
  Complaints complaints;
  for (const auto& [folder, others] : below) {
    complaints.push_back(
        absl::StrCat(folder, " is in a circle with ", absl::StrJoin(others, ", ")));
  }
  return complaints;
}

// Characters, not bytes: a continuation byte of UTF-8 takes no column.
size_t Columns(const std::string& line) {
  return static_cast<size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

Complaints FormComplaints(const std::string& path, const std::string& text) {
  constexpr int kLinesMax = 500;
  constexpr size_t kColumnsMax = 100;
  Complaints complaints;
  const bool shell = absl::StartsWith(text, "#!") || absl::EndsWith(path, ".sh");
  const bool slashes =
      IsCpp(path) || absl::EndsWith(path, ".proto") || absl::EndsWith(path, ".mjs");
  if (!slashes && !shell) return complaints;
  const std::string comment = shell ? "# " : "// ";
  const std::string licence = absl::StrCat(comment, "Copyright 2026 The slablab Authors.\n",
                                           comment, "SPDX-License-Identifier: Apache-2.0\n");
  const size_t start = absl::StartsWith(text, "#!") ? text.find('\n') + 1 : 0;
  if (text.compare(start, licence.size(), licence) != 0) {
    complaints.push_back(absl::StrCat(path, ":1: no licence header"));
  }
  int lines = 0;
  ForEachLine(text, [&](int number, const std::string& line) {
    lines = line.empty() ? lines : number;
    if (Columns(line) > kColumnsMax) {
      complaints.push_back(
          absl::StrCat(path, ":", number, ": line of ", Columns(line), " columns"));
    }
    if (!line.empty() && absl::ascii_isspace(static_cast<unsigned char>(line.back()))) {
      complaints.push_back(absl::StrCat(path, ":", number, ": space at the end of the line"));
    }
  });
  if (lines > kLinesMax) {
    complaints.push_back(absl::StrCat(path, ": ", lines, " lines, at most ", kLinesMax));
  }
  if (absl::EndsWith(path, ".h")) {
    const std::string guard = absl::StrCat(
        "SLABLAB_",
        absl::AsciiStrToUpper(absl::StrReplaceAll(path, {{"/", "_"}, {".", "_"}, {"-", "_"}})),
        "_");
    if (!absl::StrContains(text, absl::StrCat("#ifndef ", guard, "\n#define ", guard, "\n"))) {
      complaints.push_back(absl::StrCat(path, ": no include guard ", guard));
    }
  }
  return complaints;
}

// The standard library's questions about files throw where they are given no error code: a name too
// long, a folder that is gone. What users name must end in words.
Complaints ThrowingComplaints(const std::string& path, const std::string& text) {
  static const std::regex& call = *new std::regex(
      R"(\b(fs|filesystem)::(exists|is_\w+|file_size|status|canonical|absolute|relative|)"
      R"(create_\w+|remove|remove_all|rename|copy\w*|permissions|equivalent|last_write_time|)"
      R"(current_path|read_symlink|resize_file)\([^;]*)");
  Complaints complaints;
  if (!IsCpp(path) || FirstFolder(path) == "tests") return complaints;
  for (std::sregex_iterator i(text.begin(), text.end(), call), end; i != end; ++i) {
    if (absl::StrContains(i->str(), "error")) continue;
    const auto start = text.begin() + i->position();
    complaints.push_back(absl::StrCat(path, ":", 1 + std::count(text.begin(), start, '\n'), ": ",
                                      (*i)[2].str(), "() without an error code throws"));
  }
  return complaints;
}

// The source tree, which the data dependency on WORKSPACE leads to.
fs::path SourceRoot() {
  const char* runfiles = std::getenv("TEST_SRCDIR");
  if (runfiles == nullptr) return {};
  return fs::canonical(fs::path(runfiles) / "slablab" / "WORKSPACE").parent_path();
}

// Every file of ours: no hidden folders, Bazel's outputs or vendored files.
std::map<std::string, std::string> ReadTree() {
  std::map<std::string, std::string> texts;
  const fs::path root = SourceRoot();
  for (auto i = fs::recursive_directory_iterator(root); i != fs::recursive_directory_iterator();
       ++i) {
    const std::string name = i->path().filename();
    const bool hidden = absl::StartsWith(name, ".") && name != ".ci";
    if (i->is_symlink() || hidden) {
      i.disable_recursion_pending();
      continue;
    }
    if (!i->is_regular_file()) continue;
    std::ifstream file(i->path(), std::ios::binary);
    texts[fs::relative(i->path(), root)] = {std::istreambuf_iterator<char>(file), {}};
  }
  return texts;
}

template <typename Rule>
void ExpectNoComplaints(Rule rule, bool build_files_only = false) {
  const std::map<std::string, std::string> tree = ReadTree();
  ASSERT_EQ(tree.count("base/types.h"), 1u) << "the source tree was not found";
  for (const auto& [path, text] : tree) {
    if (build_files_only && fs::path(path).filename() != "BUILD") continue;
    EXPECT_THAT(rule(path, text), IsEmpty());
  }
}

TEST(IncludeTest, ForbiddenDirectionsAreFound) {
  EXPECT_THAT(IncludeComplaints("sim/a.h", "\n#include \"allocators/slub/slub.h\"\n"),
              ElementsAre("sim/a.h:2: sim may not include allocators/slub/slub.h"));
  EXPECT_THAT(IncludeComplaints("traces/a.cc", "#include \"sim/machine.h\""), SizeIs(1));
  EXPECT_THAT(IncludeComplaints("base/a.cc", "#include \"traces/slt/trace.h\""), SizeIs(1));
  EXPECT_THAT(IncludeComplaints("reports/a.cc", "#include \"workloads/a.h\""), SizeIs(1));
  EXPECT_THAT(IncludeComplaints("runs/a.cc", "#include \"cli/flags.h\""), SizeIs(1));
  EXPECT_THAT(IncludeComplaints("cli/a.cc", "#include \"tests/auditor.h\""), SizeIs(1));
  EXPECT_THAT(IncludeComplaints("allocators/a.proto", "import \"traces/t.proto\";"), SizeIs(1));
  EXPECT_THAT(IncludeComplaints("sim/a.cc", "#include \"types.h\""), SizeIs(1));
  EXPECT_THAT(IncludeComplaints("sim/a.cc", "#include \"../sim/types.h\""), SizeIs(1));
}

TEST(IncludeTest, AllowedDirectionsAreLeftAlone) {
  EXPECT_THAT(IncludeComplaints("traces/a.cc", "#include \"base/types.h\""), IsEmpty());
  EXPECT_THAT(IncludeComplaints("runs/a.cc", "#include \"reports/metrics.h\""), IsEmpty());
  EXPECT_THAT(IncludeComplaints("sim/a.cc", "#include \"base/whole_file.h\""), IsEmpty());
  EXPECT_THAT(IncludeComplaints("reports/a.cc", "#include \"sim/cache/ledger.h\""), IsEmpty());
  EXPECT_THAT(IncludeComplaints("reports/a.cc", "#include \"runs/switches.h\""), IsEmpty());
  EXPECT_THAT(IncludeComplaints("reports/a.proto", "import \"runs/run_spec.proto\";"), IsEmpty());
  EXPECT_THAT(IncludeComplaints("reports/a.cc", "#include \"runs/simulation/run_spec.h\""),
              SizeIs(1));
  EXPECT_THAT(IncludeComplaints("tests/sim/a.cc", "#include \"cli/flags.h\""), IsEmpty());
  EXPECT_THAT(IncludeComplaints("sim/a.cc", "#include <hwloc.h>\n#include \"absl/a.h\""),
              IsEmpty());
}

TEST(IncludeTest, EveryFileKeepsTheDirection) { ExpectNoComplaints(IncludeComplaints); }

TEST(VisibilityTest, RoomsThatMayNotIncludeAreFound) {
  EXPECT_THAT(
      VisibilityComplaints("allocators/BUILD",
                           "package(default_visibility = [\n    \"//cli:__subpackages__\",\n"
                           "    \"//traces:__subpackages__\",\n])\n"),
      ElementsAre("allocators/BUILD: //traces:__subpackages__ may not see allocators"));
  EXPECT_THAT(VisibilityComplaints("cli/BUILD", "visibility = [\"//visibility:public\"]"),
              SizeIs(1));
  EXPECT_THAT(VisibilityComplaints("sim/core/BUILD", "visibility = [\"//reports:x\"]"), SizeIs(1));
  EXPECT_THAT(VisibilityComplaints("sim/core/BUILD", "visibility = [\"//runs:__subpackages__\"]"),
              IsEmpty());
}

TEST(VisibilityTest, EveryPackageAdmitsOnlyWhoMayIncludeIt) {
  ExpectNoComplaints(VisibilityComplaints, /*build_files_only=*/true);
}

TEST(DeterminismTest, SourcesOfChanceAreFound) {
  for (const std::string line :
       {"#include <chrono>", "#include <unordered_map>", "#include <random>",
        "#include \"absl/random/random.h\"", "std::unordered_set<int> s;", "int i = rand();",
        "auto t = time(nullptr);", "std::uniform_int_distribution<int> d;", "absl::BitGen gen;",
        "absl::Hash<int>()(1);", "auto now = std::chrono::system_clock::now();"}) {
    EXPECT_THAT(DeterminismComplaints("sim/a.cc", line), SizeIs(1)) << line;
    EXPECT_THAT(DeterminismComplaints("cli/a.cc", line), IsEmpty()) << line;
  }
  for (const std::string line :
       {"Cycles time() const;", "cpu.time(0);  // not std::chrono", "strand();", "operand(x);"}) {
    EXPECT_THAT(DeterminismComplaints("sim/a.cc", line), IsEmpty()) << line;
  }
}

TEST(DeterminismTest, NoFileOfTheSimulationUsesThem) { ExpectNoComplaints(DeterminismComplaints); }

TEST(FlagTest, FlagsOutsideTheProgramAreFound) {
  const std::string flag = "#include \"absl/flags/flag.h\"\n";
  EXPECT_THAT(FlagComplaints("runs/a.cc", flag), SizeIs(1));
  EXPECT_THAT(FlagComplaints("sim/a.cc", flag), SizeIs(1));
  EXPECT_THAT(FlagComplaints("cli/a.cc", flag), IsEmpty());
  EXPECT_THAT(FlagComplaints("tests/a.cc", flag), IsEmpty());
}

TEST(FlagTest, OnlyTheProgramHasFlags) { ExpectNoComplaints(FlagComplaints); }

TEST(FolderTest, LargeFoldersAreFound) {
  std::vector<std::string> paths;
  for (int i = 0; i < 35; ++i) paths.push_back(absl::StrCat("a/b/", i, ".cc"));
  paths.push_back("a/b/note.md");
  paths.push_back("a/one.h");
  EXPECT_THAT(FolderComplaints(paths), IsEmpty());
  paths.push_back("a/b/more.h");
  EXPECT_THAT(FolderComplaints(paths), ElementsAre("a/b: 36 sources, at most 35"));
}

TEST(FolderTest, EveryFolderCanBeReadAtAGlance) {
  std::vector<std::string> paths;
  for (const auto& [path, text] : ReadTree()) paths.push_back(path);
  ASSERT_THAT(paths, ::testing::Contains("base/types.h"));
  EXPECT_THAT(FolderComplaints(paths), IsEmpty());
}

TEST(CircleTest, FoldersThatIncludeEachOtherAreFound) {
  const std::map<std::string, std::string> circle = {{"sim/a/x.h", "#include \"sim/b/y.h\"\n"},
                                                     {"sim/b/y.h", "#include \"sim/c/z.h\"\n"},
                                                     {"sim/c/z.h", "#include \"sim/a/x.h\"\n"}};
  EXPECT_THAT(CircleComplaints(circle), SizeIs(3));
  std::map<std::string, std::string> line = circle;
  line["sim/c/z.h"] = "#include \"sim/root.h\"\n#include \"sim/c/w.h\"\n";
  line["sim/root.h"] = "#include \"sim/a/x.h\"\n";
  EXPECT_THAT(CircleComplaints(line), IsEmpty());
}

TEST(CircleTest, NoFoldersIncludeEachOther) {
  EXPECT_THAT(CircleComplaints(ReadTree()), IsEmpty());
}

TEST(ThrowingTest, QuestionsAboutFilesThatThrowAreFound) {
  for (const std::string line :
       {"if (fs::exists(path)) return;", "return std::filesystem::is_regular_file(a) &&\n b;",
        "fs::path way = fs::absolute(path);", "std::filesystem::remove_all(folder);"}) {
    EXPECT_THAT(ThrowingComplaints("cli/a.cc", line), SizeIs(1)) << line;
    EXPECT_THAT(ThrowingComplaints("tests/a.cc", line), IsEmpty()) << line;
  }
  for (const std::string line : {"if (fs::exists(path, error)) return;", "fs::path way = path;",
                                 "return filesystem::is_regular_file(\n    a, error) && b;"}) {
    EXPECT_THAT(ThrowingComplaints("cli/a.cc", line), IsEmpty()) << line;
  }
}

TEST(ThrowingTest, NoFileOfTheProgramAsksThem) { ExpectNoComplaints(ThrowingComplaints); }

TEST(FormTest, LicenceLengthAndGuardAreAskedFor) {
  const std::string licence =
      "// Copyright 2026 The slablab Authors.\n// SPDX-License-Identifier: Apache-2.0\n";
  EXPECT_THAT(FormComplaints("a/b.cc", licence + "int i;\n"), IsEmpty());
  EXPECT_THAT(FormComplaints("a/b.cc", "int i;\n"), SizeIs(1));
  EXPECT_THAT(FormComplaints("a/b.cc", licence + "//" + std::string(98, 'x')), IsEmpty());
  EXPECT_THAT(FormComplaints("a/b.cc", licence + "//" + std::string(99, 'x')), SizeIs(1));
  EXPECT_THAT(FormComplaints("a/b.cc", licence + "int i; \n"), SizeIs(1));
  std::string lines;
  for (int i = 0; i < 498; ++i) lines += "//\n";
  EXPECT_THAT(FormComplaints("a/b.cc", licence + lines), IsEmpty());
  EXPECT_THAT(FormComplaints("a/b.cc", licence + lines + "//\n"), SizeIs(1));
  EXPECT_THAT(FormComplaints("a/b.h", licence), SizeIs(1));
  EXPECT_THAT(FormComplaints("a/b.h", licence + "#ifndef SLABLAB_A_B_H_\n#define SLABLAB_A_B_H_\n"),
              IsEmpty());
  EXPECT_THAT(FormComplaints("run", "#!/bin/sh\nexit\n"), SizeIs(1));
  EXPECT_THAT(FormComplaints("a/b.txt", "anything \n"), IsEmpty());
}

TEST(FormTest, EveryFileHasIt) { ExpectNoComplaints(FormComplaints); }

}  // namespace
}  // namespace slablab
