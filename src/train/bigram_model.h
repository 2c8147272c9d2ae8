// A model for this folder's tests: logits of the next token are a row of a matrix (chosen by the
// last token) plus a bias, with exact gradients, and a router whose choice depends on its bias, so
// that everything a run must keep plays a part in its losses.
#pragma once

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "checkpoint/checkpoint.h"
#include "model/trainer_model.h"
#include "train/test_support.h"
#include "train/train.h"

namespace fathom {

class BigramModel : public TrainerModel {
 public:
  static constexpr int64_t kExperts = 4;

  BigramModel(const ModelConfig& config, uint64_t seed, const TrainOptions& options)
      : config_(config),
        options_(options),
        v_(config.vocab_size),
        w_(v_ * v_),
        dw_(v_ * v_),
        b_(v_),
        db_(v_),
        bias_(kExperts) {
    const Rng rng(seed, 0);
    for (int64_t i = 0; i < v_ * v_; ++i) w_[i] = static_cast<float>(0.02 * rng.normal(i));
    parameters_.resize(3);
    parameters_[0].name = "w";
    parameters_[0].rows = parameters_[0].cols = v_;
    parameters_[0].value = View<float>(w_.data(), {v_ * v_});
    parameters_[0].gradient = View<float>(dw_.data(), {v_ * v_});
    parameters_[0].decay = true;
    parameters_[1].name = "b";
    parameters_[1].rows = v_;
    parameters_[1].value = View<float>(b_.data(), {v_});
    parameters_[1].gradient = View<float>(db_.data(), {v_});
    parameters_[2].name = "model.layers.0.mlp.gate.e_score_correction_bias";
    parameters_[2].rows = kExperts;
    parameters_[2].value = View<float>(bias_.data(), {kExperts});
    parameters_[2].router_bias = true;
  }
  const ModelConfig& config() const override { return config_; }
  TrainOptions& options() override { return options_; }
  std::vector<Parameter>& parameters() override { return parameters_; }
  void weights_changed() override { copy_ = w_; }
  void zero_gradients() override {
    std::fill(dw_.begin(), dw_.end(), 0.0f);
    std::fill(db_.begin(), db_.end(), 0.0f);
  }
  TrainStats forward_backward(const TrainBatch& batch, double scale) override {
    return pass(batch, scale);
  }
  TrainStats forward_backward(const TrainBatch&, const LogpLoss&, double) override {
    FATHOM_CHECK(false);
    return {};
  }
  void logps(View<float>, const TrainBatch&) override { FATHOM_CHECK(false); }
  std::shared_ptr<const CheckpointReader> live_checkpoint() override { return nullptr; }
  TrainStats forward_only(const TrainBatch& batch) override { return pass(batch, 0); }
  void logits(View<float>, View<float>, const TrainBatch&) override { FATHOM_CHECK(false); }
  double flops_per_token(int64_t) const override { return 6.0 * static_cast<double>(v_); }

 private:
  TrainStats pass(const TrainBatch& batch, double scale) {
    TrainStats stats;
    stats.moe_layers = {0};
    stats.expert_loads = {std::vector<int64_t>(kExperts)};
    stats.router_entropy = {1.0};
    const int64_t n = batch.tokens.dim(0), T = batch.tokens.dim(1) - 1;
    double weights = 0;
    for (int64_t i = 0; i < n * T; ++i)
      weights += batch.loss_weights.empty() ? 1.0 : batch.loss_weights[i];
    std::vector<double> p(v_);
    for (int64_t i = 0; i < n * T; ++i) {
      const int32_t* token = batch.tokens.row(i / T) + i % T;
      const double weight = batch.loss_weights.empty() ? 1.0 : batch.loss_weights[i];
      const float* row = copy_.data() + token[0] * v_;
      double most = -1e30, sum = 0;
      for (int64_t j = 0; j < v_; ++j) most = std::max(most, p[j] = row[j] + b_[j]);
      for (int64_t j = 0; j < v_; ++j) sum += p[j] = std::exp(p[j] - most);
      stats.loss_ce -= weight / weights * std::log(p[token[1]] / sum);
      for (int64_t j = 0; j < v_ && scale > 0; ++j) {
        const double d = scale * weight / weights * (p[j] / sum - (j == token[1]));
        dw_[token[0] * v_ + j] += static_cast<float>(d);
        db_[j] += static_cast<float>(d);
      }
      int64_t expert = 0;
      for (int64_t e = 1; e < kExperts; ++e) {
        if (affinity(token[0], e) + bias_[e] > affinity(token[0], expert) + bias_[expert])
          expert = e;
      }
      ++stats.expert_loads[0][expert];
    }
    stats.loss_total = stats.loss_ce;
    return stats;
  }
  // The first expert is better loved.
  static double affinity(int32_t token, int64_t e) {
    return Rng(5, e).uniform(token) * (e == 0 ? 1.0 : 0.3);
  }

  ModelConfig config_;
  TrainOptions options_;
  int64_t v_;
  std::vector<float> w_, dw_, b_, db_, bias_, copy_;
  std::vector<Parameter> parameters_;
};

/// Hooks of a run over bytes with this model.
inline TrainHooks bigram_hooks() {
  TrainHooks hooks;
  hooks.open_tokenizer =
      [](const std::filesystem::path&) -> Result<std::shared_ptr<const Tokenizer>> {
    return std::shared_ptr<const Tokenizer>(std::make_shared<ByteTokenizer>());
  };
  hooks.create_model = [](const RunConfig& run, const ModelConfig& config,
                          const TrainOptions& options) -> Result<std::unique_ptr<TrainerModel>> {
    auto model = std::make_unique<BigramModel>(config, run.train.seed, options);
    model->weights_changed();
    return std::unique_ptr<TrainerModel>(std::move(model));
  };
  hooks.write_weights = [](const std::filesystem::path& directory, TrainerModel& model) {
    std::vector<TensorToWrite> tensors;
    for (const Parameter& p : model.parameters())
      tensors.push_back({p.name, DType::kF32, {p.value.size()}, p.value.data()});
    return write_checkpoint(directory, model.config(), tensors);
  };
  return hooks;
}

}  // namespace fathom
