// Every folder with grad_loss.safetensors and a manifest that names its policy: advantages, log-probabilities, ratios, clipping, KL, loss
// and every gradient of GRPO. Tolerances: golden/README.md, "grpo-tiny".
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "model/trainer_model.h"
#include "rl/grpo.h"
#include "rl/rollout_batch.h"
#include "tests/golden/golden.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::map<std::string, std::vector<float>> read_gradients(const fs::path& file) {
  std::map<std::string, std::vector<float>> out;
  auto f = SafetensorsFile::open(file);
  EXPECT_TRUE(f.ok()) << f.message();
  for (const auto& [name, t] : f.value()->tensors()) {
    EXPECT_EQ(t.dtype, DType::kF32);
    out[name].resize(t.n_bytes / 4);
    std::memcpy(out[name].data(), t.data, static_cast<size_t>(t.n_bytes));
  }
  return out;
}

// The rollouts of a folder as one batch of sequences, each of its own length.
struct Rollouts {
  GrpoOptions options;
  RolloutBatch batch;
  std::vector<float> logp_policy, logp_old, logp_ref, clipped, ratio, kl;  // 0 at the places of prompts
  std::vector<std::vector<double>> rewards, advantages;

  explicit Rollouts(const json& m) {
    options.clip_eps_low = options.clip_eps_high = m["hyperparameters"]["clip_eps"];
    options.kl_beta = m["hyperparameters"]["kl_beta"];
    std::vector<std::vector<int32_t>> prompts, answers;
    std::vector<double> advantage;
    for (const auto& g : m["groups"]) {
      rewards.push_back(g["rewards"]);
      advantages.push_back(g["advantages"]);
      for (const auto& c : g["completions"]) {
        prompts.push_back(g["prompt"]);
        answers.push_back(c["tokens"]);
      }
      for (const double a : advantages.back()) advantage.push_back(a);
    }
    std::vector<PromptAnswer> rows;
    for (size_t i = 0; i < answers.size(); ++i) rows.push_back({prompts[i], answers[i]});
    batch = RolloutBatch(rows);
    for (size_t i = 0; i < rows.size(); ++i) batch.spans()[i].advantage = advantage[i];
    logp_policy = at_places(m, "logp_policy");
    logp_old = at_places(m, "logp_old");
    logp_ref = at_places(m, "logp_ref");
    clipped = at_places(m, "clip_active");
    ratio = at_places(m, "ratio");
    kl = at_places(m, "kl_k3");
  }
  std::vector<float> at_places(const json& m, const char* key) const {
    std::vector<std::vector<float>> values;
    for (const auto& g : m["groups"]) {
      for (const auto& c : g["completions"]) values.push_back(c[key]);
    }
    const std::vector<std::span<const float>> views(values.begin(), values.end());
    return batch.at_places(views);
  }
  GrpoTotals totals() const {
    return {static_cast<int64_t>(batch.spans().size()), batch.n_answer_tokens(), 0};
  }
  GrpoReferences references() const { return {logp_old, logp_ref, {}}; }
};

struct GrpoFolder {
  fs::path path;
  json manifest;
  std::unique_ptr<TrainerModel> policy;
};

std::vector<GrpoFolder> grpo_folders(Numerics numerics) {
  std::vector<GrpoFolder> out;
  for (const fs::path& f : find_golden_with({"grad_loss.safetensors", "manifest.json"})) {
    std::ifstream in(f / "manifest.json");
    GrpoFolder g{f, json::parse(in), nullptr};
    if (!g.manifest.contains("policy_checkpoint")) continue;
    const auto checkpoint = open_checkpoint(f.parent_path() / g.manifest["policy_checkpoint"].get<std::string>());
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.message();
    TrainOptions options;
    options.compute = Compute::kF32;
    options.numerics = numerics;
    auto model = TrainerModel::from_checkpoint(*checkpoint.value(), options);
    EXPECT_TRUE(model.ok()) << model.message();
    g.policy = std::move(model).value();
    out.push_back(std::move(g));
  }
  EXPECT_FALSE(out.empty()) << "no golden GRPO folder found";
  return out;
}

TEST(GoldenGrpo, AdvantagesOfEveryGroup) {
  for (const GrpoFolder& g : grpo_folders(Numerics::kFast)) {
    const Rollouts r(g.manifest);
    for (size_t i = 0; i < r.rewards.size(); ++i) {
      const auto got = group_advantages(r.rewards[i], AdvantageKind::kMeanStd);
      ASSERT_TRUE(got.ok()) << got.message();
      for (size_t j = 0; j < r.advantages[i].size(); ++j) EXPECT_NEAR(got.value()[j], r.advantages[i][j], 1e-9);
    }
    for (const auto& row : g.manifest["advantage_only_table"]) {
      const auto got = group_advantages(row["rewards"].get<std::vector<double>>(), AdvantageKind::kMeanStd);
      ASSERT_TRUE(got.ok()) << got.message();
      for (size_t j = 0; j < row["advantages"].size(); ++j) EXPECT_NEAR(got.value()[j], row["advantages"][j].get<double>(), 1e-9);
    }
  }
}

TEST(GoldenGrpo, LossClippingAndEveryGradient) {
  for (const Numerics numerics : {Numerics::kFast, Numerics::kExact}) {
    for (const GrpoFolder& g : grpo_folders(numerics)) {
      SCOPED_TRACE(g.path.string() + (numerics == Numerics::kExact ? " exact" : " fast"));
      const Rollouts r(g.manifest);
      GrpoStats stats;
      const LogpLoss loss = [&](View<float> dlogp, View<const float> logp) {
        EXPECT_EQ(logp.size(), r.batch.n_places());
        for (const RolloutSpan& s : r.batch.spans()) {
          for (int64_t t = s.begin; t < s.end; ++t) {
            EXPECT_NEAR(logp[t], r.logp_policy[t], 1e-5) << t;
            EXPECT_NEAR(std::exp(double{logp[t]} - r.logp_old[t]), r.ratio[t], 2e-5) << t;
          }
        }
        return grpo_loss(dlogp, stats, logp, r.batch.spans(), r.references(), r.totals(), r.options);
      };
      g.policy->zero_gradients();
      const TrainStats got = g.policy->forward_backward(r.batch.batch(), loss, 1.0);
      EXPECT_NEAR(got.loss_ce, g.manifest["loss"].get<double>(), 1e-6);
      EXPECT_EQ(stats.n_clipped, std::count(r.clipped.begin(), r.clipped.end(), 1.0f));
      double kl = 0;
      for (const double x : r.kl) kl += x;
      EXPECT_NEAR(stats.kl_sum, kl, 1e-4);
      const auto want = read_gradients(g.path / "grad_loss.safetensors");
      for (const Parameter& p : g.policy->parameters()) {
        if (!want.contains(p.name)) continue;
        const auto& w = want.at(p.name);
        double difference = 0, norm = 0;
        for (int64_t i = 0; i < p.gradient.size(); ++i) {
          difference += (double{p.gradient[i]} - w[i]) * (double{p.gradient[i]} - w[i]);
          norm += double{w[i]} * w[i];
        }
        EXPECT_LE(std::sqrt(difference), 1e-4 * std::sqrt(norm) + 1e-12) << p.name;
      }
    }
  }
}

}  // namespace
}  // namespace fathom
