// Every folder with grad_total.safetensors and manifest.json: losses, logits, all gradients, five steps of AdamW, loads and router biases.
// Tolerances: golden/README.md, "train-tiny".
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "model/trainer_model.h"
#include "tests/golden/golden.h"
#include "train/optimizer.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<double> numbers(const StoredTensor& t) {
  std::vector<double> out;
  const int64_t n = t.n_bytes / dtype_bytes(t.dtype);
  for (int64_t i = 0; i < n; ++i) {
    if (t.dtype == DType::kF64) {
      double x;
      std::memcpy(&x, t.data + 8 * i, 8);
      out.push_back(x);
    } else {
      float x;
      std::memcpy(&x, t.data + 4 * i, 4);
      out.push_back(x);
    }
  }
  return out;
}

std::map<std::string, std::vector<double>> read_all(const fs::path& file) {
  std::map<std::string, std::vector<double>> out;
  auto f = SafetensorsFile::open(file);
  EXPECT_TRUE(f.ok()) << f.message();
  for (const auto& [name, t] : f.value()->tensors()) out[name] = numbers(t);
  return out;
}

struct Golden {
  fs::path folder;
  json manifest;
  std::shared_ptr<CheckpointReader> checkpoint;
  std::vector<std::vector<int32_t>> batches;
  int64_t batch_size, T;

  explicit Golden(const fs::path& f) : folder(f) {
    std::ifstream in(f / "manifest.json");
    manifest = json::parse(in);
    auto r = open_checkpoint(f);
    EXPECT_TRUE(r.ok()) << r.message();
    checkpoint = r.value();
    batch_size = manifest["batch_size"];
    T = manifest["T"];
    for (const auto& b : manifest["batches"]) {
      batches.emplace_back();
      for (const auto& s : b)
        for (int t : s) batches.back().push_back(t);
    }
  }
  TrainBatch batch(size_t i) const { return {View<const int32_t>(batches[i].data(), {batch_size, T + 1}), {}, {}}; }
  TrainOptions options() const {
    TrainOptions o;
    o.compute = Compute::kF32;
    o.mtp_lambda = manifest["hyperparameters"]["mtp_lambda"];
    o.balance_alpha = manifest["hyperparameters"]["balance_alpha"];
    return o;
  }
  std::unique_ptr<TrainerModel> trainer(const TrainOptions& o) const {
    auto m = TrainerModel::from_checkpoint(*checkpoint, o);
    EXPECT_TRUE(m.ok()) << m.message();
    return std::move(m).value();
  }
};

std::vector<Golden> all() {
  std::vector<Golden> out;
  for (const auto& f : find_golden_with({"grad_total.safetensors", "manifest.json", "config.json"})) {
    std::cout << "golden: " << f.string() << "\n";
    out.emplace_back(f);
  }
  EXPECT_FALSE(out.empty()) << "no golden training folder found";
  return out;
}

void expect_gradients(TrainerModel& m, const fs::path& file, const std::map<std::string, std::vector<double>>* minus = nullptr, double divisor = 1) {
  for (const auto& [name, want] : read_all(file)) {
    const auto at = std::find_if(m.parameters().begin(), m.parameters().end(), [&n = name](const Parameter& p) { return p.name == n; });
    ASSERT_NE(at, m.parameters().end()) << name;
    double difference = 0, norm = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      double got = at->gradient[static_cast<int64_t>(i)];
      if (minus) got = (got - minus->at(name)[i]) / divisor;
      difference += (got - want[i]) * (got - want[i]);
      norm += want[i] * want[i];
    }
    EXPECT_LE(std::sqrt(difference), 1e-4 * std::sqrt(norm) + 1e-12) << file.filename() << " " << name;
  }
}

TEST(GoldenTrain, LossesLogitsAndEveryGradientOfTheFirstStep) {
  for (const Golden& g : all()) {
    const json& step = g.manifest["steps"][0];
    for (bool recompute : {false, true}) {
      TrainOptions o = g.options();
      o.recompute = recompute;
      const auto m = g.trainer(o);
      const TrainStats s = m->forward_backward(g.batch(0), 1.0);
      EXPECT_NEAR(s.loss_ce, step["loss_ce"].get<double>(), 1e-5);
      EXPECT_NEAR(s.loss_mtp, step["loss_mtp"].get<double>(), 1e-5);
      EXPECT_NEAR(s.balance, step["balance"].get<double>(), 1e-5);
      EXPECT_NEAR(s.loss_total, step["loss_total"].get<double>(), 1e-5);
      expect_gradients(*m, g.folder / "grad_total.safetensors");
      const TrainStats again = m->forward_only(g.batch(0));
      EXPECT_EQ(s.loss_total, again.loss_total);
    }
    const auto m = g.trainer(g.options());
    const Npy want = read_npy(g.folder / "logits_step1.npy"), want_mtp = read_npy(g.folder / "mtp_logits_step1.npy");
    Tensor<float> logits({want.shape[0] * want.shape[1], want.shape[2]}), mtp({want_mtp.shape[0] * want_mtp.shape[1], want_mtp.shape[2]});
    m->logits(logits.view(), mtp.view(), g.batch(0));
    for (size_t i = 0; i < want.values.size(); ++i) ASSERT_NEAR(logits.data()[i], want.values[i], 1e-4);
    for (size_t i = 0; i < want_mtp.values.size(); ++i) ASSERT_NEAR(mtp.data()[i], want_mtp.values[i], 1e-4);
  }
}

TEST(GoldenTrain, ThePartsOfTheGradient) {
  for (const Golden& g : all()) {
    TrainOptions ce = g.options();
    ce.mtp_lambda = ce.balance_alpha = 0;
    const auto m = g.trainer(ce);
    m->forward_backward(g.batch(0), 1.0);
    std::map<std::string, std::vector<double>> ce_gradient;
    for (const auto& p : m->parameters()) {
      if (!p.router_bias) ce_gradient[p.name].assign(p.gradient.data(), p.gradient.data() + p.gradient.size());
    }
    for (const auto& [name, want] : read_all(g.folder / "grad_ce.safetensors")) {
      double difference = 0, norm = 0;
      for (size_t i = 0; i < want.size(); ++i) {
        difference += std::pow(ce_gradient.at(name)[i] - want[i], 2);
        norm += want[i] * want[i];
      }
      EXPECT_LE(std::sqrt(difference), 1e-4 * std::sqrt(norm) + 1e-12) << name;
    }
    TrainOptions mtp = ce;
    mtp.mtp_lambda = 1;
    const auto with_mtp = g.trainer(mtp);
    const TrainStats s = with_mtp->forward_backward(g.batch(0), 1.0);
    EXPECT_NEAR(s.loss_mtp, g.manifest["steps"][0]["loss_mtp"].get<double>(), 1e-5);
    mtp.mtp_prenorm = true;
    const auto prenorm = g.trainer(mtp);
    EXPECT_NEAR(prenorm->forward_backward(g.batch(0), 1.0).loss_mtp, g.manifest["steps"][0]["loss_mtp_prenorm"].get<double>(), 1e-5);
    if (fs::exists(g.folder / "grad_mtp_prenorm_subset.safetensors")) {
      expect_gradients(*prenorm, g.folder / "grad_mtp_prenorm_subset.safetensors", &ce_gradient);
    }
  }
}

void expect_parameters(TrainerModel& m, const fs::path& file, double lr, int steps) {
  int64_t n = 0, far = 0;
  double worst = 0;
  const auto want = read_all(file);
  for (const auto& p : m.parameters()) {
    const auto& values = want.at(p.name);
    for (size_t i = 0; i < values.size(); ++i) {
      const double d = std::abs(p.value[static_cast<int64_t>(i)] - values[i]);
      worst = std::max(worst, d);
      ++n;
      far += d > 2e-6;
    }
  }
  EXPECT_LE(far, n / 1000) << file;
  EXPECT_LE(worst, 2 * lr * steps) << file;
}

TEST(GoldenTrain, AdamWStepsLoadsAndRouterBiases) {
  for (const Golden& g : all()) {
    const json& h = g.manifest["hyperparameters"];
    const auto m = g.trainer(g.options());
    AdamWOptions o;
    o.beta1 = h["beta1"];
    o.beta2 = h["beta2"];
    o.eps = h["eps"];
    o.weight_decay = h["weight_decay"];
    o.clip_max_norm = h["clip_max_norm"];
    o.clip_eps = h["clip_eps"];
    Optimizer optimizer(m->parameters(), o);
    const double lr = h["lr"];
    for (size_t k = 0; k < g.batches.size(); ++k) {
      const json& step = g.manifest["steps"][k];
      m->zero_gradients();
      const TrainStats s = m->forward_backward(g.batch(k), 1.0);
      EXPECT_NEAR(s.loss_total, step["loss_total"].get<double>(), 1e-5) << "step " << k + 1;
      const double norm = step["grad_norm_before_clip"].get<double>();
      EXPECT_NEAR(optimizer.step(lr), norm, 1e-4 * norm);
      size_t layer = 0;
      for (const auto& [name, loads] : step["expert_loads"].items()) {
        EXPECT_EQ(s.expert_loads.at(layer), loads.get<std::vector<int64_t>>()) << name << " step " << k + 1;
        ++layer;
      }
      update_router_biases(m->parameters(), s, h["bias_gamma"], false);
      m->weights_changed();
      for (const auto& p : m->parameters()) {
        if (!p.router_bias) continue;
        const auto after = step["bias_after"][p.name].get<std::vector<double>>();
        for (size_t i = 0; i < after.size(); ++i) EXPECT_NEAR(p.value[static_cast<int64_t>(i)], after[i], 1e-6);
      }
      const fs::path file = g.folder / ("params_after_step" + std::to_string(k + 1) + ".safetensors");
      if (fs::exists(file)) expect_parameters(*m, file, lr, static_cast<int>(k + 1));
    }
  }
}

}  // namespace
}  // namespace fathom
