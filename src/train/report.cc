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

Columns read_columns(const std::string& log) {
  Columns c;
  for (size_t at = 0; at < log.size();) {
    const size_t end = std::min(log.find('\n', at), log.size());
    const Json line =
        Json::parse(log.begin() + at, log.begin() + end, nullptr, /*allow_exceptions=*/false);
    if (line.is_object()) add_line(c, line);
    at = end + 1;
  }
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

std::string page_data(const Columns& c) {
  Json data;
  for (size_t f = 0; f < std::size(kFields); ++f) data["fields"][kFields[f]] = thinned(c.fields[f]);
  data["layers"] = c.layers;
  data["layer_maxvio"] = Json::array();
  for (const auto& x : c.layer_maxvio) data["layer_maxvio"].push_back(thinned(x));
  data["validation"] = c.validation;
  std::string text = data.dump(-1, ' ', false, Json::error_handler_t::replace);
  for (size_t at = 0; (at = text.find("</", at)) != std::string::npos; at += 3)
    text.replace(at, 2, "<\\/");
  return text;
}

}  // namespace

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
                   .data = page_data(columns)}));
}

}  // namespace fathom
