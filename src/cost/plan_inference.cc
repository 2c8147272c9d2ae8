#include "cost/plan_inference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cost/moe_traffic.h"

namespace fathom {
namespace {

constexpr double kDay = 86400;
constexpr Range kBandwidthShare = {0.4, 0.6, 0.8};
// FlashMLA's layout: 512 e4m3 latents, four f32 scales, 64 bf16 rope numbers: 656 bytes an entry.
// Source: its README. Other widths scale likewise: a f32 scale for each 128 latents.
double entry_bytes(const ModelConfig& c, std::string_view cache_format) {
  const double n = static_cast<double>(c.cache_entry_dim());
  if (cache_format == "bf16") return 2 * n;
  if (c.kv_lora_rank == 0) return n;
  const double latent = static_cast<double>(c.kv_lora_rank);
  return latent + 4 * std::ceil(latent / 128) + 2 * static_cast<double>(c.qk_rope_head_dim);
}

Status check(const InferenceInput& in) {
  if (!(in.cache_hit >= 0 && in.cache_hit < 1)) {
    return Status::error(
        fmt::format("cache-hit: 0% to below 100% wanted, {:.4g}% found", 100 * in.cache_hit));
  }
  if (in.efficiency && !(in.efficiency->low > 0 && in.efficiency->high <= 1)) {
    return Status::error("efficiency: more than 0% and at most 100% wanted");
  }
  if (in.mtp_acceptance > 1) return Status::error("mtp-acceptance: 0% to 100% wanted");
  if (!(in.memory_share > 0 && in.memory_share <= 1)) {
    return Status::error(
        fmt::format("memory-share: more than 0% and at most 100% wanted, {:.4g}% found",
                    100 * in.memory_share));
  }
  if (in.cache_format != "bf16" && in.cache_format != "fp8") {
    return Status::error(
        fmt::format("cache-format: bf16 or fp8 wanted, \"{}\" found", in.cache_format));
  }
  return {};
}

struct Pass {
  double tokens = 0;           // of all sequences
  double compute_seconds = 0;  // of a token, on one device at its peaks
  double cache_bytes = 0;      // read and written, all sequences
};

/// Of the tp ranks that share a layer's heads, how many keep the same entry: all where it is MLA's,
/// which every head reads; beyond one rank for each key-value head otherwise.
double cache_copies(const ModelConfig& c, int64_t tp) {
  if (c.kv_lora_rank > 0) return static_cast<double>(tp);
  return std::max(1.0, static_cast<double>(tp) / static_cast<double>(c.num_key_value_heads));
}

/// Bytes that every device reads of its weights, mean and all experts evenly chosen.
double weight_bytes_read(const InferencePlan& plan, const ModelConfig& c, double devices,
                         double tokens) {
  const double other = plan.weights.other - plan.weights.embedding;
  double routed = 0;
  if (c.n_routed_experts > 0) {
    const double share =
        static_cast<double>(c.num_experts_per_tok) / static_cast<double>(c.n_routed_experts);
    routed = plan.weights.routed * (1 - std::pow(1 - share, tokens));
  }
  return other / static_cast<double>(plan.tp) + routed / devices;
}

PassTimes times_of(const InferencePlan& plan, const ModelConfig& c, const Machine& m,
                   const Pass& pass) {
  const double devices = static_cast<double>(m.devices);
  PassTimes t;
  t.compute = pass.tokens * pass.compute_seconds / devices;
  t.memory = (weight_bytes_read(plan, c, devices, pass.tokens) +
              pass.cache_bytes * cache_copies(c, plan.tp) / devices) /
             m.memory_bytes_per_s;
  if (m.devices == 1) return t;
  const MoeTraffic sent =
      moe_traffic(c, {.ep = m.devices}, m.devices_per_node, plan.precision == "fp8" ? 1 : 2, 2);
  t.network = traffic_seconds(sent, m) * pass.tokens / devices;
  t.network += tensor_parallel_seconds(c, m, plan.tp, static_cast<double>(c.num_hidden_layers),
                                       pass.tokens * static_cast<double>(plan.tp) / devices);
  return t;
}

/// Fast: all three at once; slow: one after the other, at the lesser efficiency.
Range seconds_of(const PassTimes& t, const Range& of_peak, const Range& of_bandwidth) {
  const Range& b = of_bandwidth;
  return {std::max({t.compute / of_peak.high, t.memory / b.high, t.network / b.high}),
          std::max(t.compute / of_peak.mid, t.memory / b.mid) + t.network / b.mid,
          t.compute / of_peak.low + (t.memory + t.network) / b.low};
}

void fit(InferencePlan& plan, const ModelConfig& c, const Machine& m, const InferenceInput& in) {
  const double devices = static_cast<double>(m.devices);
  plan.device_weight_bytes =
      plan.weights.other / static_cast<double>(plan.tp) + plan.weights.routed / devices;
  if (m.memory_bytes <= 0) return;
  const double room = m.memory_bytes * in.memory_share;
  plan.cache_room = (room - plan.device_weight_bytes) * devices / cache_copies(c, plan.tp);
  plan.max_sequences =
      static_cast<int64_t>(std::max(0.0, *plan.cache_room / plan.bytes_per_sequence));
  // Spread as evenly as can be, whatever the layout.
  plan.least_devices =
      static_cast<int64_t>(std::ceil((plan.weights.total() + plan.bytes_per_sequence) / room));
}

struct Shares {
  Range of_peak, of_bandwidth;
};

void plan_prefill(InferencePlan& plan, const ModelConfig& c, const Machine& m,
                  const InferenceInput& in, const Shares& shares) {
  const double batch = static_cast<double>(in.batch);
  const double kv = static_cast<double>(plan.kv_bytes_per_token);
  const int64_t length = in.prompt_length > 0 ? in.prompt_length : in.context_length;
  const double prompt = static_cast<double>(length);
  const double computed = std::max(1.0, prompt * (1 - in.cache_hit));
  // The head is needed for the last token of a prompt alone. Tokens after a hit attend to more:
  // positions hit..1 of the prompt see (1 + hit) / 2 of it, not half.
  FlopsPerToken& f = plan.prefill_flops = forward_flops(c, length);
  const double core = f.attention_core * in.cache_hit;
  f.attention_core += core;
  f.total += core - f.head * (1 - 1 / computed);
  f.head /= computed;
  plan.prefill = times_of(plan, c, m,
                          {.tokens = batch * computed,
                           .compute_seconds = peak_seconds(m, plan.precision, f),
                           .cache_bytes = batch * prompt * kv});
  plan.input_tokens_per_s = Range::exactly(batch * prompt) /
                            seconds_of(plan.prefill, shares.of_peak, shares.of_bandwidth);
}

/// With a draft, a step checks two positions of each sequence and runs the MTP layer beside it.
void plan_decode(InferencePlan& plan, const ModelConfig& c, const Machine& m,
                 const InferenceInput& in, const Shares& shares) {
  const double batch = static_cast<double>(in.batch), devices = static_cast<double>(m.devices);
  const double drafts = in.mtp_acceptance >= 0 ? 1 : 0;
  const FlopsPerToken& f = plan.decode_flops = decode_flops(c, in.context_length);
  plan.decode = times_of(
      plan, c, m,
      {.tokens = batch * (1 + drafts),
       .compute_seconds = peak_seconds(m, plan.precision, f) * (1 + drafts * f.mtp / f.total),
       .cache_bytes = batch * static_cast<double>(in.context_length) *
                      static_cast<double>(plan.kv_bytes_per_token)});
  plan.decode_bytes = plan.decode.memory * m.memory_bytes_per_s * devices;
  plan.seconds_per_step = seconds_of(plan.decode, shares.of_peak, shares.of_bandwidth);
  const double gained = 1 + std::max(0.0, in.mtp_acceptance);
  plan.output_tokens_per_s = Range::exactly(batch * gained) / plan.seconds_per_step;
}

Status roofline(InferencePlan& plan, const ModelConfig& c, const Machine& m,
                const InferenceInput& in) {
  FATHOM_RETURN_IF_ERROR(peak_of(m, plan.precision).status());
  FATHOM_RETURN_IF_ERROR(check_bandwidths(m, "the roofline"));
  const std::optional<Range> said = in.efficiency ? in.efficiency : m.efficiency;
  const Shares shares = {said.value_or(usual_efficiency(plan.precision)),
                         said.value_or(kBandwidthShare)};
  plan_prefill(plan, c, m, in, shares);
  plan_decode(plan, c, m, in, shares);
  return {};
}

void price(InferencePlan& plan, const Machine& m, const InferenceInput& in) {
  const RunCost hour = cost_of(m, Range::exactly(static_cast<double>(m.devices)));
  plan.usd_per_hour = hour.usd;
  plan.basis = hour.basis;
  if (in.input_tokens_per_day > 0 || in.output_tokens_per_day > 0) {
    const Range busy = Range::exactly(in.input_tokens_per_day / kDay) / plan.input_tokens_per_s +
                       Range::exactly(in.output_tokens_per_day / kDay) / plan.output_tokens_per_s;
    plan.machines = busy;
    plan.day = cost_of(m, busy * (24 * static_cast<double>(m.devices)));
    plan.usd_per_day = plan.day.usd;
  }
  if (!hour.usd) return;
  const Range per_s = *hour.usd * (1e6 / 3600);
  plan.usd_per_mtok_in = per_s / plan.input_tokens_per_s;
  plan.usd_per_mtok_in_miss = *plan.usd_per_mtok_in * (1 / (1 - in.cache_hit));
  plan.usd_per_mtok_out = per_s / plan.output_tokens_per_s;
}

}  // namespace

FlopsPerToken decode_flops(const ModelConfig& c, int64_t context) {
  FlopsPerToken f = forward_flops(c, 1);
  const double heads = static_cast<double>(c.num_attention_heads);
  const double layers = static_cast<double>(c.num_hidden_layers);
  const double per_entry = static_cast<double>(
      c.kv_lora_rank > 0 ? 2 * c.kv_lora_rank + c.qk_rope_head_dim : 2 * c.head_dim);
  const double core = 2 * heads * per_entry * static_cast<double>(context) * layers;
  f.total += core - f.attention_core;
  f.attention_core = core;
  return f;
}

Result<InferencePlan> plan_inference(const ModelConfig& config, const Machine& machine,
                                     const InferenceInput& input) {
  FATHOM_RETURN_IF_ERROR(check(input));
  FATHOM_ASSIGN_OR_RETURN(const WeightFormat format, weight_format(input.format, "format"));
  InferencePlan plan;
  plan.parameters = count_parameters(config);
  plan.weights = weight_bytes(config, format, input.mtp_acceptance >= 0);
  const double layers = static_cast<double>(config.num_hidden_layers);
  plan.kv_bytes_per_token = static_cast<int64_t>(entry_bytes(config, input.cache_format) * layers);
  plan.bytes_per_sequence =
      static_cast<double>(plan.kv_bytes_per_token) * static_cast<double>(input.context_length);
  const bool mla_moe = config.kv_lora_rank > 0 && config.n_routed_experts > 0;
  plan.tp = input.tp > 0 ? input.tp : mla_moe ? 1 : machine.devices;
  if (machine.devices % plan.tp != 0) {
    return Status::error(
        fmt::format("tp: a divisor of {} devices wanted, {} found", machine.devices, plan.tp));
  }
  fit(plan, config, machine, input);
  plan.from_roofline = !(input.input_tokens_per_s && input.output_tokens_per_s);
  if (plan.from_roofline) {
    plan.precision =
        input.precision.empty() ? usual_precision(machine, format.precision) : input.precision;
    FATHOM_RETURN_IF_ERROR(roofline(plan, config, machine, input));
  }
  if (input.input_tokens_per_s) plan.input_tokens_per_s = *input.input_tokens_per_s;
  if (input.output_tokens_per_s) plan.output_tokens_per_s = *input.output_tokens_per_s;
  price(plan, machine, input);
  return plan;
}

}  // namespace fathom
