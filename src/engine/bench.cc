// Timed passes over a model, and what they read and computed.
#include "engine/bench.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "base/rng.h"

namespace fathom {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  const size_t n = v.size();
  return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

// Token p of the text that every measurement reads.
int32_t token_at(int64_t p, int64_t vocab_size) {
  return static_cast<int32_t>(
      Rng(1, 0).below(static_cast<uint64_t>(p), static_cast<uint64_t>(vocab_size)));
}

// Appends n tokens to `cache` in pieces of at most n_chunk; returns the seconds it took.
double feed(const Engine& engine, SequenceCache& cache, int64_t n, int64_t n_chunk) {
  const int64_t vocab_size = engine.model().config().vocab_size;
  Tensor<float> logits({1, vocab_size});
  std::vector<int32_t> tokens;
  const auto start = Clock::now();
  for (int64_t left = n; left > 0;) {
    const int64_t n_now = std::min(left, n_chunk);
    tokens.clear();
    for (int64_t i = 0; i < n_now; ++i) tokens.push_back(token_at(cache.length() + i, vocab_size));
    const SequenceChunk chunk{.cache = &cache, .tokens = tokens};
    engine.model().forward(logits.view(), std::span(&chunk, 1));
    left -= n_now;
  }
  return seconds_since(start);
}

// Rates of n tokens after `base`, fed n_chunk at a time; the first pass warms up.
std::vector<double> measure(const Engine& engine, const SequenceCache& base, int64_t n,
                            int64_t n_chunk, int n_repeats) {
  std::vector<double> rates;
  for (int i = 0; i <= n_repeats; ++i) {
    SequenceCache cache = base;
    // A short warm-up is enough: it touches every page of the weights that the token reads.
    const int64_t n_now = i == 0 ? std::min(n, n_chunk) : n;
    const double s = feed(engine, cache, n_now, n_chunk);
    if (i > 0) rates.push_back(static_cast<double>(n_now) / s);
  }
  return rates;
}

double stored_bytes(const Weight& w) {
  double bytes = static_cast<double>(w.size() * dtype_bytes(w.dtype));
  if (w.scale_inv != nullptr) {
    const int64_t n_scales =
        (w.rows + w.block_rows - 1) / w.block_rows * ((w.cols + w.block_cols - 1) / w.block_cols);
    bytes += static_cast<double>(n_scales * dtype_bytes(w.scale_dtype));
  }
  return bytes;
}

// Part of a parameter that one token uses.
double active_share(const ParameterSpec& p, const ModelConfig& config) {
  if (p.mtp_copy || p.layer >= config.num_hidden_layers) return 0;  // the MTP layers do not run
  if (!p.routed_expert) return 1;
  return static_cast<double>(config.num_experts_per_tok) /
         static_cast<double>(config.n_routed_experts);
}

constexpr std::string_view kEmbedding = "model.embed_tokens.weight", kHead = "lm_head.weight";

}  // namespace

double weight_bytes_per_token(const CheckpointReader& checkpoint) {
  const ModelConfig& config = checkpoint.config();
  double bytes = 0;
  for (const ParameterSpec& p : parameters(config)) {
    const double share = active_share(p, config);
    const auto weight = share > 0 ? checkpoint.weight(p.name) : Result<Weight>(Weight{});
    if (!weight.ok() || !weight.value().present()) continue;
    const double all = stored_bytes(weight.value()) * share;
    // A tied embedding is read whole as the head.
    const bool one_row = p.name == kEmbedding && !config.tie_word_embeddings;
    bytes += one_row ? all / static_cast<double>(weight.value().rows) : all;
  }
  return bytes;
}

double forward_flops_per_token(const ModelConfig& config, double n_entries) {
  double n_active = 0;
  for (const ParameterSpec& p : parameters(config)) {
    if (p.cols == 0 || p.name == kEmbedding || p.name == kHead) continue;
    n_active += active_share(p, config) * static_cast<double>(p.rows * p.cols);
  }
  const int64_t v_dim = config.kv_lora_rank > 0 ? config.v_head_dim : config.head_dim;
  const auto attention = static_cast<double>(config.num_hidden_layers * config.num_attention_heads *
                                             (config.qk_head_dim() + v_dim));
  return 2 * (n_active + attention * n_entries);
}

int64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

Result<std::vector<BenchPoint>> bench_model(
    const Engine& engine, const BenchSpec& spec,
    const std::function<void(const BenchPoint&)>& on_progress) {
  const int64_t n_most = std::max(spec.n_prompt, spec.n_decode);
  for (int64_t depth : spec.depths) {
    if (depth + n_most <= engine.n_ctx()) continue;
    return Status::error(
        fmt::format("{}: depth {}: at most {} tokens wanted with the {} to be measured "
                    "(max_position_embeddings of config.json is {}), {} found",
                    engine.where(), depth, engine.n_ctx() - n_most, n_most, engine.n_ctx(), depth));
  }
  const double weight_bytes = weight_bytes_per_token(engine.checkpoint());
  const auto entry_bytes = static_cast<double>(engine.model().cache().shape().bytes_per_token());
  std::vector<BenchPoint> points;
  for (int64_t depth : spec.depths) {
    SequenceCache base(&engine.model().cache());
    if (depth > 0) feed(engine, base, depth, engine.n_chunk());
    BenchPoint point;
    point.depth = depth;
    const auto half = [&](int64_t n) {
      return static_cast<double>(depth) + static_cast<double>(n + 1) / 2;
    };
    if (spec.n_prompt > 0) {
      point.prefill_rates = measure(engine, base, spec.n_prompt, engine.n_chunk(), spec.n_repeats);
      point.prefill_flops_per_token =
          forward_flops_per_token(engine.model().config(), half(spec.n_prompt));
    }
    if (spec.n_decode > 0) {
      point.decode_rates = measure(engine, base, spec.n_decode, 1, spec.n_repeats);
      point.decode_bytes_per_token = weight_bytes + entry_bytes * half(spec.n_decode);
    }
    point.prefill_rate = median(point.prefill_rates);
    point.decode_rate = median(point.decode_rates);
    on_progress(point);
    points.push_back(std::move(point));
  }
  return points;
}

}  // namespace fathom
