// See answer_cost.h.
#include "cli/answer_cost.h"

#include <fmt/format.h>

#include <cmath>

#include "base/human.h"
#include "cli/catalogue_path.h"
#include "cost/flops.h"
#include "cost/machine.h"

namespace fathom {
namespace {

EnergySources answer_energy_sources(double watts) {
  EnergySources sources;
  sources.watts = watts;
  return sources;
}

/// Two significant digits, however small: $0.0000013.
std::string small_usd(double usd) {
  if (usd <= 0) return "$0";
  const int decimals = std::max(2, 1 - static_cast<int>(std::floor(std::log10(usd))));
  return fmt::format("${:.{}f}", usd, decimals);
}

/// "5.08 GFLOP".
std::string flop_text(double flops) {
  std::string count = human_count(flops);
  const bool scaled = !count.empty() && count.back() >= 'A';
  count.insert(count.size() - (scaled ? 1 : 0), " ");
  return count + "FLOP";
}

}  // namespace

AnswerCost::AnswerCost(const Engine& engine, double watts)
    : engine_(engine), meter_(answer_energy_sources(watts)) {}

void AnswerCost::begin() { mark_ = meter_.mark(); }

void AnswerCost::end(const AnalysisAnswer& answer) {
  const Energy energy = meter_.since(mark_, answer.seconds, 1);
  energy_known_ = energy_known_ && energy.joules.has_value();
  joules_ += energy.joules.value_or(0);
  energy_source_ = energy.source;
  ++n_answers_;
  n_prompt_ += answer.n_prompt;
  n_tokens_ += answer.n_tokens;
  n_computed_ += answer.n_computed;
  n_decoded_ += answer.n_decoded;
  seconds_ += answer.seconds;
  decode_s_ += answer.decode_s;
}

std::string AnswerCost::energy_text() const {
  if (!energy_known_ || n_answers_ == 0) return "energy unknown (--watts states the draw)";
  const std::string energy = fmt::format("{:.3g} J ({})", joules_, energy_source_);
  const auto catalogue = open_catalogue();
  if (!catalogue.ok()) return energy;
  const auto price = newest_price(catalogue.value(), "electricity", "");
  if (!price) return energy;
  return fmt::format("{}, {} of electricity at ${:.3g}/kWh ({})", energy,
                     small_usd(joules_ / 3.6e6 * price->usd.mid), price->usd.mid, price->date);
}

std::string AnswerCost::text() const {
  // Attention's share depends on the place in the text; half of what was computed stands for it.
  const int64_t context = std::max<int64_t>(n_computed_ / std::max<int64_t>(2 * n_answers_, 1), 1);
  const double flops = forward_flops(engine_.checkpoint().config(), context).total *
                       static_cast<double>(n_computed_);
  std::string speed;
  if (n_decoded_ > 0 && decode_s_ > 0)
    speed = fmt::format(" at {:.0f} tokens/s", static_cast<double>(n_decoded_) / decode_s_);
  return fmt::format("{} answer{}: {} tokens read, {} written{}, {:.2f} s · {} · {}", n_answers_,
                     n_answers_ == 1 ? "" : "s", n_prompt_, n_tokens_, speed, seconds_,
                     flop_text(flops), energy_text());
}

}  // namespace fathom
