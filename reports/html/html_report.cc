// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/html/html_report.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "fmt/format.h"
#include "google/protobuf/util/json_util.h"
#include "reports/html/figures.h"
#include "reports/html/packed.h"
#include "reports/html/page_data.h"
#include "reports/html/web_assets.h"
#include "reports/text/text.h"

namespace slablab {
namespace {

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        // Control characters have no place in HTML.
        escaped += c >= 0 && c < ' ' && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return escaped;
}

std::string PageJson(const HtmlPage& page) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  CHECK(google::protobuf::util::MessageToJsonString(page, &json, options).ok());
  return json;
}

// Tables of --format=csv whose numbers a view of the page has.
bool HasView(std::string_view table) {
  static constexpr std::string_view kNames[] = {
      "metrics",       "delta",         "call_sites",    "call_site_cycles", "callers_memory",
      "callers_delta", "pinned_by_age", "false_sharing", "slowest",          "slowest_causes"};
  return std::find(std::begin(kNames), std::end(kNames), table) != std::end(kNames);
}

// All else that the results hold. Of single CPUs what is zero is left out.
void AddTables(ResultSet set, PageData& page) {
  for (DataTable& table : ComparisonTables(set)) {
    if (HasView(table.name)) continue;
    if (table.name == "counters" || table.name == "states") {
      const auto is_nothing = [](const std::vector<std::string>& row) {
        return row[3] != "all" && row[4] == "0" && row[5] == "0";
      };
      table.rows.erase(std::remove_if(table.rows.begin(), table.rows.end(), is_nothing),
                       table.rows.end());
    }
    page.AddTable(table);
  }
}

HtmlPage Figures(ResultSet set, const ExplainReport* explain) {
  PageData page(set);
  AppendWords(set, page);
  if (explain == nullptr) AppendExplainCommand(set, page);
  if (set.size() <= kRunsShownAlone) AddTables(set, page);
  AppendCyclesFigure(set, page);
  if (explain != nullptr) {
    AppendSinceFigure(*explain, set[0].result.totals().operations(), page);
  }
  AppendRunsFigure(set, page);
  AppendScalingFigures(set, page);
  AppendDeltaFigure(set, page);
  if (set.size() <= kRunsShownAlone) {
    AppendIcicleFigure(set, page);
    AppendCallersFigure(set, page);
    AppendSharingFigure(set, page);
    AppendMissesFigure(set, page);
    AppendLocksFigure(set, page);
    AppendLatencyFigure(set, page);
    AppendFootprintFigure(set, page);
    AppendContentionFigure(set, page);
    AppendLayersOverTimeFigure(set, page);
    AppendWaitingFigure(set, page);
    AppendSlowestFigure(set, page);
    AppendPeakFigure(set, page);
    AppendEndFigure(set, page);
    AppendPinnedFigure(set, page);
    AppendOccupancyFigure(set, page);
    AppendLayersFigure(set, page);
    AppendCachesFigure(set, page);
    AppendPathsFigure(set, page);
    AppendSitesFigure(set, page);
    AppendSectionFigures(set, page);
  }
  AppendInputsFigure(set, page);
  return page.Finish();
}

// What any run assumed, each once, and of which runs where it is not all of them.
std::string AssumptionItems(ResultSet set) {
  std::vector<std::string> sentences;
  std::map<std::string, std::vector<std::string>> runs_of;
  for (const LabelledResult& run : set) {
    for (const std::string& assumption : run.result.assumptions()) {
      std::vector<std::string>& runs = runs_of[assumption];
      if (runs.empty()) sentences.push_back(assumption);
      if (runs.empty() || runs.back() != run.label) runs.push_back(run.label);
    }
  }
  std::string items;
  for (const std::string& sentence : sentences) {
    const std::vector<std::string>& runs = runs_of[sentence];
    std::string of;
    if (runs.size() < set.size()) {
      for (size_t i = 0; i < runs.size() && i < kRunsShownAlone; ++i) {
        of += fmt::format("{}{}", i == 0 ? "" : ", ", runs[i]);
      }
      if (runs.size() > kRunsShownAlone)
        of += fmt::format(" and {} more", runs.size() - kRunsShownAlone);
      of = fmt::format("<b>{}:</b> ", Escaped(of));
    }
    items += fmt::format("<li>{}{}</li>\n", of, Escaped(sentence));
  }
  return items;
}

std::string Version(ResultSet set) {
  if (set.empty() || set[0].result.config().slablab_version().empty()) return "slablab";
  return "slablab " + set[0].result.config().slablab_version();
}

// The script draws it again with another base.
std::string WordsSection(const HtmlWords& words, size_t runs) {
  const auto items = [](const auto& sentences) {
    std::string list;
    for (const std::string& sentence : sentences) {
      list += fmt::format("<li>{}</li>\n", Escaped(sentence));
    }
    return list;
  };
  return fmt::format(
      "<section id=\"words\">\n<h2>{}, and why</h2>\n<ul id=\"headline\">\n{}</ul>\n"
      "<p id=\"explain\" hidden></p>\n<details{}>\n<summary>All of it in words</summary>\n"
      "<ul id=\"sentences\">\n{}</ul>\n</details>\n</section>\n",
      runs == 1 ? "What it cost" : "What differs", items(words.headline()), runs > 2 ? "" : " open",
      items(words.sentences()));
}

constexpr std::string_view kDataStart = "<script type=\"text/plain\" id=\"data\">";
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'";

}  // namespace

HtmlPage HtmlPageOf(const std::string& html) {
  const size_t start = html.find(kDataStart) + kDataStart.size();
  const std::string packed = html.substr(start, html.find('<', start) - start);
  HtmlPage page;
  CHECK(google::protobuf::util::JsonStringToMessage(Unpacked(packed), &page).ok());
  return page;
}

std::string HtmlReport(ResultSet set, const std::string& title, const ExplainReport* explain) {
  const HtmlPage page = Figures(set, explain);
  const std::string assumptions = AssumptionItems(set);
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += fmt::format("<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n", kPolicy);
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += "<meta name=\"color-scheme\" content=\"light dark\">\n";
  html += fmt::format("<title>{}</title>\n<style>\n", Escaped(title));
  html += WebAsset::kReportCss;
  html += fmt::format("</style>\n</head>\n<body>\n<header>\n<h1>{}</h1>\n", Escaped(title));
  html +=
      "<nav aria-label=\"Contents\"></nav>\n</header>\n"
      "<div id=\"controls\" role=\"region\" aria-label=\"What is shown\"></div>\n<main>\n";
  if (page.words_size() > 0) html += WordsSection(page.words(0), set.size());
  html += "<div id=\"first\"></div>\n";
  html +=
      "<noscript><p>The charts and tables of this page are drawn by a script in it. Without, "
      "<code>slablab report --format=text</code> has the same numbers.</p></noscript>\n";
  html += "<div id=\"figures\"></div>\n<p id=\"said\" class=\"unseen\" role=\"status\"></p>\n";
  if (!assumptions.empty()) {
    html += fmt::format(
        "<section id=\"assumed\">\n<h2>What was assumed, and repaired in the trace</h2>\n"
        "<ul>\n{}</ul>\n</section>\n",
        assumptions);
  }
  if (set.size() <= kRunsShownAlone) {
    const std::string text = set.size() == 1 ? TextReport(set[0].result, TextOptions())
                                             : ComparisonText(set, TextOptions());
    html += fmt::format(
        "<section id=\"text\">\n<h2>The same as text</h2>\n<details>\n<summary>For a mail, "
        "80 columns</summary>\n<pre tabindex=\"0\">{}</pre>\n</details>\n</section>\n",
        Escaped(text));
  }
  html += fmt::format(
      "</main>\n<footer><p>Made by {}: a simulation, in cycles of a modelled machine. Charts by "
      "Observable Plot and D3, whose licences are in this file.</p></footer>\n",
      Escaped(Version(set)));
  html += kDataStart;
  html += Packed(PageJson(page));
  html += "</script>\n<script>\n";
  html += WebAsset::kPlotJs;
  html += "</script>\n<script>\n";
  html += WebAsset::kReportJs;
  html += "</script>\n</body>\n</html>\n";
  return html;
}

}  // namespace slablab
