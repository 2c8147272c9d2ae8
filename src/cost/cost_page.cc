#include "cost/cost_page.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <fstream>

#include "base/check.h"
#include "base/html.h"
#include "cost/cost_json.h"
#include "cost/money_text.h"
#include "cost/page_assets.h"

namespace fathom {
namespace {

using Json = nlohmann::ordered_json;

/// JSON for a script element: no '<' can end the element or open a comment in it. Bytes that are no
/// UTF-8 become U+FFFD.
std::string script_json(const Json& j) {
  std::string out;
  for (const char c : j.dump(-1, ' ', false, Json::error_handler_t::replace))
    out += c == '<' ? "\\u003c" : std::string(1, c);
  return out;
}

/// The hash by which the page's policy lets this one script run, and no other.
std::string script_hash(std::string_view script) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(script.data()), script.size(), digest.data());
  std::array<unsigned char, 64> base64;
  const int n = EVP_EncodeBlock(base64.data(), digest.data(), digest.size());
  return fmt::format("'sha256-{}'",
                     std::string_view(reinterpret_cast<const char*>(base64.data()), n));
}

Json plot_json(const BarsPlot& plot) {
  Json items = Json::array();
  for (const BarItem& item : plot.items) {
    Json j = {{"label", item.label},
              {"basis", item.basis},
              {"beside", item.beside},
              {"value", nullptr},
              {"text", "unknown"}};
    if (item.value) {
      j["value"] = range_json(*item.value);
      j["text"] = plot.unit == PlotUnit::kUsd ? usd_range_text(*item.value)
                                              : percent_range_text(*item.value);
    }
    items.push_back(std::move(j));
  }
  return {{"kind", "bars"},
          {"unit", plot.unit == PlotUnit::kUsd ? "usd" : "fraction"},
          {"items", std::move(items)}};
}

Json plot_json(const TrendPlot& plot) {
  Json lines = Json::array(), models = Json::array();
  for (const TrendLine& line : plot.lines) {
    Json points = Json::array();
    for (const auto& [month, value] : line.points)
      points.push_back({{"month", to_string(month)}, {"value", range_json(value)}});
    lines.push_back({{"name", line.name}, {"rising", line.rising}, {"points", std::move(points)}});
  }
  for (const TrendPoint& m : plot.models) {
    models.push_back({{"name", m.name},
                      {"month", to_string(m.month)},
                      {"value", range_json(m.usd)},
                      {"text", usd_spread_text(m.usd)}});
  }
  return {{"kind", "trend"},
          {"lines", std::move(lines)},
          {"models", std::move(models)},
          {"budget", plot.budget_usd ? Json(*plot.budget_usd) : Json(nullptr)}};
}

std::string legend(const TrendPlot& plot) {
  std::string out = "<ul class=\"legend\">";
  const auto add = [&out](const char* kind, std::string_view name) {
    out += fmt::format("<li class=\"{}\"><i></i>{}</li>", kind, html_escaped(name));
  };
  for (const TrendLine& line : plot.lines) add(line.rising ? "rise" : "fall", line.name);
  if (!plot.models.empty()) add("model", "a model, with its range");
  if (plot.budget_usd) add("budget", "the budget");
  return out + "</ul>\n";
}

std::string figure(const PageSection& section) {
  const auto whole = [&](const Json& plot, const std::string& above) {
    return fmt::format(
        "{}<figure class=\"plot\" data-title=\"{}\"><script "
        "type=\"application/json\">{}</script>\n<figcaption>{}</figcaption></figure>\n",
        above, html_escaped(section.title), script_json(plot), html_escaped(section.plot_caption));
  };
  if (const auto* bars = std::get_if<BarsPlot>(&section.plot)) return whole(plot_json(*bars), "");
  if (const auto* trend = std::get_if<TrendPlot>(&section.plot))
    return whole(plot_json(*trend), legend(*trend));
  if (const auto* drawn = std::get_if<DrawnPlot>(&section.plot))
    return fmt::format(
        "<figure><div class=\"wide\">{}</div><div class=\"narrow\">{}</div>\n"
        "<figcaption>{}</figcaption></figure>\n",
        drawn->wide, drawn->narrow, html_escaped(section.plot_caption));
  return "";
}

std::string table(const PageTable& t) {
  std::string out = "<table><thead><tr>";
  for (const PageColumn& c : t.columns)
    out += fmt::format("<th scope=\"col\"{}>{}</th>", c.numeric ? " class=\"number\"" : "",
                       html_escaped(c.title));
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : t.rows) {
    FATHOM_CHECK(row.size() == t.columns.size());
    out += fmt::format("<tr><th scope=\"row\">{}</th>", html_escaped(row.empty() ? "" : row[0]));
    for (size_t i = 1; i < row.size(); ++i) {
      out += fmt::format("<td data-name=\"{}\"{}>{}</td>", html_escaped(t.columns[i].title),
                         t.columns[i].numeric ? " class=\"number\"" : "", html_escaped(row[i]));
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table>\n";
}

std::string section_html(const PageSection& section) {
  std::string out = fmt::format("<section>\n<h2>{}</h2>\n", html_escaped(section.title));
  for (const std::string& p : section.paragraphs)
    out += fmt::format("<p>{}</p>\n", html_escaped(p));
  out += figure(section);
  if (!section.code.empty())
    out += fmt::format("<pre class=\"code\"><code>{}</code></pre>\n", html_escaped(section.code));
  for (const PageTable& t : section.tables) out += table(t);
  if (!section.notes.empty()) {
    out += "<ul class=\"notes\">\n";
    for (const std::string& n : section.notes) out += fmt::format("<li>{}</li>\n", html_escaped(n));
    out += "</ul>\n";
  }
  return out + "</section>\n";
}

/// Plots that a script draws from their data.
bool needs_scripts(const CostPage& page) {
  for (const PageSection& s : page.sections)
    if (std::holds_alternative<BarsPlot>(s.plot) || std::holds_alternative<TrendPlot>(s.plot))
      return true;
  return false;
}

std::string head(const CostPage& page) {
  // Nothing may be loaded, and only the page's own two scripts run.
  std::string policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
  if (needs_scripts(page))
    policy += fmt::format("; script-src {} {}", script_hash(d3_script()),
                          script_hash(cost_page_script()));
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
      "http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<title>{}</title>\n<link rel=\"icon\" href=\"data:,\">\n"
      "<style>\n{}</style>\n</head>\n",
      policy, html_escaped(page.title), cost_page_style());
}

}  // namespace

std::string render_page(const CostPage& page) {
  std::string out = head(page);
  const bool scripts = needs_scripts(page);
  out += fmt::format("<body>\n<header><h1>{}</h1>\n<p class=\"lead\">{}</p>\n", html_escaped(page.title),
                     html_escaped(page.lead));
  if (scripts)
    out +=
        "<noscript><p>The plots need scripts; the tables hold the same numbers.</p></noscript>\n";
  out += "</header>\n<main>\n";
  for (const PageSection& s : page.sections) out += section_html(s);
  if (!scripts)
    return out + fmt::format("</main>\n<footer><p>{}</p></footer>\n</body>\n</html>\n",
                             html_escaped(page.made_by));
  out += fmt::format(
      "</main>\n<footer><p>{}</p>\n<details><summary>Licence of the plotting "
      "library</summary><pre>{}</pre></details></footer>\n",
      html_escaped(page.made_by), html_escaped(d3_licence()));
  out += fmt::format("<script>{}</script>\n<script>{}</script>\n</body>\n</html>\n", d3_script(),
                     cost_page_script());
  return out;
}

Status write_page(const std::filesystem::path& path, const CostPage& page) {
  std::ofstream file(path, std::ios::binary);
  if (!file)
    return Status::error(
        fmt::format("{}: cannot be written (does its folder exist?)", path.string()));
  file << render_page(page);
  file.close();
  return file ? Status()
              : Status::error(fmt::format("{}: could not be written whole", path.string()));
}

}  // namespace fathom
