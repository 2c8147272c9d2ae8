// See report.h. The numbers go into the page as JSON, thinned to what a screen can show; the page
// itself is report_page.cc.
#include "train/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/file.h"
#include "base/html.h"
#include "base/human.h"
#include "train/report_impl.h"

namespace fathom {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostPoints = 800;

// The fields of a step that are drawn, by their names in log.jsonl.
constexpr const char* kFields[] = {"step", "tokens", "seconds", "loss_ce", "loss_mtp", "grad_norm",
                                   "lr", "batch_size", "tokens_per_s", "mfu", "balance",
                                   "maxvio_mean", "dead_experts", "router_entropy", "bias_mean",
                                   "bias_max",
                                   // reinforcement learning's
                                   "reward_mean", "correct", "pass_k", "length_mean", "entropy",
                                   "kl", "teacher_kl", "logp_mismatch_max", "rollout_tokens_per_s"};

struct Columns {
  std::vector<std::vector<double>> fields{std::size(kFields)};  // NaN where a line has none
  std::vector<std::vector<double>> layer_maxvio;                // of each layer
  std::vector<int> layers;
  Json validation = Json::array();  // [step, tokens, seconds, bpb, loss]
  Json last;
  size_t size() const { return fields[0].size(); }
  const std::vector<double>& of(std::string_view field) const {
    return fields[std::find(std::begin(kFields), std::end(kFields), field) - std::begin(kFields)];
  }
};

double number(const Json& line, const char* key) {
  const auto it = line.find(key);
  return it != line.end() && it->is_number() ? it->get<double>() : NAN;
}

void add_line(Columns& c, const Json& line) {
  for (size_t f = 0; f < std::size(kFields); ++f) c.fields[f].push_back(number(line, kFields[f]));
  if (const auto it = line.find("maxvio");
      it != line.end() && it->is_array() && line.contains("moe_layers")) {
    if (c.layers.empty()) c.layers = line["moe_layers"].get<std::vector<int>>();
    c.layer_maxvio.resize(c.layers.size());
    for (size_t i = 0; i < c.layers.size(); ++i) {
      c.layer_maxvio[i].resize(c.size() - 1, NAN);
      c.layer_maxvio[i].push_back(i < it->size() && (*it)[i].is_number() ? (*it)[i].get<double>()
                                                                         : NAN);
    }
  }
  if (!std::isnan(number(line, "val_loss"))) {
    const Json bpb = line.contains("val_bpb") ? line["val_bpb"] : Json();
    c.validation.push_back({line["step"], line["tokens"], line["seconds"], bpb, line["val_loss"]});
  }
  c.last = line;
}

// Those that are objects: a line may be half-written.
std::vector<Json> log_lines(const std::string& log) {
  std::vector<Json> lines;
  for (size_t at = 0; at < log.size();) {
    const size_t end = std::min(log.find('\n', at), log.size());
    Json line =
        Json::parse(log.begin() + at, log.begin() + end, nullptr, /*allow_exceptions=*/false);
    if (line.is_object()) lines.push_back(std::move(line));
    at = end + 1;
  }
  return lines;
}

Columns read_columns(const std::string& log) {
  Columns c;
  for (const Json& line : log_lines(log)) add_line(c, line);
  return c;
}

// Means over equal shares of the steps, with six digits: what a screen can show.
Json thinned(const std::vector<double>& x) {
  const size_t n = std::min(x.size(), kMostPoints);
  Json out = Json::array();
  for (size_t i = 0; i < n; ++i) {
    double sum = 0;
    int count = 0;
    for (size_t j = i * x.size() / n; j < (i + 1) * x.size() / n; ++j) {
      if (std::isfinite(x[j])) sum += x[j], ++count;
    }
    if (count == 0) {
      out.push_back(nullptr);
    } else {
      out.push_back(std::stod(fmt::format("{:.6g}", sum / count)));
    }
  }
  return out;
}

// NaN where there is none.
double median(std::vector<double> x) {
  std::erase_if(x, [](double v) { return !std::isfinite(v); });
  if (x.empty()) return NAN;
  std::nth_element(x.begin(), x.begin() + x.size() / 2, x.end());
  return x[x.size() / 2];
}

// The figures that stand above the curves.
std::string summary(const Columns& c) {
  if (c.size() == 0) return "<p>No step has been taken yet.</p>";
  std::string cells;
  const auto cell = [&](const char* name, const std::string& value) {
    cells += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", name, value);
  };
  cell("steps", fmt::format("{}", number(c.last, "step")));
  cell("tokens", human_count(number(c.last, "tokens")));
  cell("time", human_duration(number(c.last, "seconds")));
  if (const double reward = number(c.last, "reward_mean"); !std::isnan(reward)) {
    cell("reward", fmt::format("{:.3f}", reward));
    cell("right answers", fmt::format("{:.1f} %", 100 * number(c.last, "correct")));
    cell("answers' tokens/s, median", human_count(median(c.of("rollout_tokens_per_s"))));
    return "<dl>" + cells + "</dl>";
  }
  cell("loss", fmt::format("{:.4f}", number(c.last, "loss_ce")));
  if (!c.validation.empty() && !c.validation.back()[3].is_null())
    cell("held-out bits per byte", fmt::format("{:.4f}", c.validation.back()[3].get<double>()));
  cell("tokens/s, median", human_count(median(c.of("tokens_per_s"))));
  cell("MFU, median", fmt::format("{:.1f} %", 100 * median(c.of("mfu"))));
  return "<dl>" + cells + "</dl>";
}

// As it may stand in a script element.
std::string script_text(const Json& data) {
  std::string text = data.dump(-1, ' ', false, Json::error_handler_t::replace);
  for (size_t at = 0; (at = text.find("</", at)) != std::string::npos; at += 3)
    text.replace(at, 2, "<\\/");
  return text;
}

std::string page_data(const Columns& c) {
  Json data;
  for (size_t f = 0; f < std::size(kFields); ++f) data["fields"][kFields[f]] = thinned(c.fields[f]);
  data["layers"] = c.layers;
  data["layer_maxvio"] = Json::array();
  for (const auto& x : c.layer_maxvio) data["layer_maxvio"].push_back(thinned(x));
  data["validation"] = c.validation;
  return script_text(data);
}

// ---- Several runs ----

struct ComparedField {
  const char *key, *title;
  bool is_share, from_zero;
};
constexpr ComparedField kCompared[] = {
    {"reward_mean", "Reward, mean of the rollouts", false, false},
    {"correct", "Right answers, share", true, true},
    {"logp_mismatch_max", "Largest difference of log-probabilities, rollout and trainer", false,
     true},
    {"masked", "Tokens that the remedy leaves out, share", true, true},
    {"clipped", "Tokens clipped, share", true, true},
    {"grad_norm", "Gradient norm before clipping", false, true},
    {"entropy", "Entropy of the policy, nats per token", false, true},
    {"length_mean", "Tokens of an answer", false, true},
    {"rollout_tokens_per_s", "Tokens of answers per second", false, true},
};
constexpr size_t kColors = 8;  // --s0 to --s7; then the lines are dashed

using RunLines = std::vector<Json>;

std::vector<double> column_of(const RunLines& lines, const char* key) {
  std::vector<double> x;
  for (const Json& line : lines) x.push_back(number(line, key));
  return x;
}

double mean_of_end(const std::vector<double>& x) {
  double sum = 0;
  int n = 0;
  for (size_t i = x.size() - std::max<size_t>(1, x.size() / 10); i < x.size(); ++i) {
    if (std::isfinite(x[i])) sum += x[i], ++n;
  }
  return n == 0 ? NAN : sum / n;
}

std::string line_style(size_t run) {
  return fmt::format("border-top-color:var(--s{});border-top-style:{}", run % kColors,
                     run < kColors ? "solid" : "dashed");
}

std::string comparison_table(const std::vector<ComparedRun>& runs,
                             const std::vector<RunLines>& lines) {
  std::string html = "<div class=\"wide\"><table><tr><th>run</th><th>steps</th>";
  for (const ComparedField& f : kCompared)
    html += fmt::format("<th>{}</th>", html_escaped(f.title));
  html += "</tr>";
  for (size_t i = 0; i < runs.size(); ++i) {
    html += fmt::format("<tr><td><i style=\"{}\"></i>{}</td><td>{}</td>", line_style(i),
                        html_escaped(runs[i].name), lines[i].size());
    for (const ComparedField& f : kCompared) {
      const double x = mean_of_end(column_of(lines[i], f.key));
      html += fmt::format("<td>{}</td>", std::isnan(x) ? "\u2013"
                                         : f.is_share  ? fmt::format("{:.1f} %", 100 * x)
                                                       : fmt::format("{:.4g}", x));
    }
    html += "</tr>";
  }
  return html + "</table></div>";
}

Json comparison_data(const std::vector<ComparedRun>& runs, const std::vector<RunLines>& lines) {
  Json data = {{"fields", {{"step", Json::array()}}},
               {"layers", Json::array()},
               {"layer_maxvio", Json::array()},
               {"validation", Json::array()},
               {"charts", Json::array()}};
  const auto longest = std::max_element(lines.begin(), lines.end(),
                                        [](auto& a, auto& b) { return a.size() < b.size(); });
  data["fields"]["step"] = thinned(column_of(*longest, "step"));
  for (const ComparedField& f : kCompared) {
    Json chart = {{"title", f.title}, {"zero", f.from_zero}, {"lines", Json::array()}};
    for (size_t i = 0; i < runs.size(); ++i) {
      std::vector<double> x = column_of(lines[i], f.key);
      x.resize(longest->size(), NAN);  // so that all are thinned alike
      chart["lines"].push_back({{"name", runs[i].name},
                                {"ys", thinned(x)},
                                {"color", fmt::format("s{}", i % kColors)},
                                {"dash", i < kColors ? "" : "5 4"},
                                {"val", false}});
    }
    data["charts"].push_back(std::move(chart));
  }
  return data;
}

}  // namespace

Status write_comparison(const std::filesystem::path& path, const std::string& title,
                        const std::vector<ComparedRun>& runs) {
  std::vector<RunLines> lines;
  for (const ComparedRun& run : runs) {
    FATHOM_ASSIGN_OR_RETURN(const std::string log, read_file(run.directory.log()));
    lines.push_back(log_lines(log));
    if (lines.back().empty())
      return Status::error(run.directory.log().string() + ": at least one step wanted, none found");
  }
  const auto settings = read_file(runs.front().directory.run_toml());
  return write_file_atomic(
      path, report_page({.title = html_escaped(title),
                         .summary = comparison_table(runs, lines),
                         .settings = html_escaped(settings.ok() ? settings.value() : ""),
                         .data = script_text(comparison_data(runs, lines)),
                         .compares = true}));
}

Status write_report(const RunDirectory& directory) {
  auto log = read_file(directory.log());
  auto settings = read_file(directory.run_toml());
  const Columns columns = read_columns(log.ok() ? log.value() : "");
  std::error_code error;
  const std::string name =
      std::filesystem::absolute(directory.root, error).lexically_normal().filename().string();
  return write_file_atomic(
      directory.report(),
      report_page({.title = html_escaped(name),
                   .summary = summary(columns),
                   .settings = html_escaped(settings.ok() ? settings.value() : ""),
                   .data = page_data(columns),
                   .compares = false}));
}

}  // namespace fathom
