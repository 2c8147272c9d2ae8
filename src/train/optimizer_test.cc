#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "base/threads.h"

namespace fathom {
namespace {

struct Plain {
  std::vector<float> p, g;
  bool decay;
};

struct Tensors {
  std::vector<Plain> tensors;
  std::vector<Parameter> parameters;
  explicit Tensors(std::initializer_list<std::pair<int64_t, bool>> sizes, uint64_t seed = 1) {
    for (auto [n, decay] : sizes)
      tensors.push_back({std::vector<float>(n), std::vector<float>(n), decay});
    for (size_t t = 0; t < tensors.size(); ++t) {
      const Rng rng(seed, t);
      Plain& x = tensors[t];
      const int64_t n = static_cast<int64_t>(x.p.size());
      for (int64_t i = 0; i < n; ++i) x.p[i] = static_cast<float>(rng.normal(i));
      Parameter parameter;
      parameter.name = "t" + std::to_string(t);
      parameter.rows = n;
      parameter.value = View<float>(x.p.data(), {n});
      parameter.gradient = View<float>(x.g.data(), {n});
      parameter.decay = x.decay;
      parameters.push_back(parameter);
    }
  }
  void draw_gradients(uint64_t step, double scale) {
    for (size_t t = 0; t < tensors.size(); ++t) {
      const Rng rng(1000 + step, t);
      for (size_t i = 0; i < tensors[t].g.size(); ++i)
        tensors[t].g[i] = static_cast<float>(scale * rng.normal(i));
    }
  }
};

// The formulas of the golden train-tiny manifest in double.
struct Reference {
  std::vector<std::vector<double>> p, m, v;
  explicit Reference(const Tensors& s) {
    for (const Plain& x : s.tensors) {
      p.emplace_back(x.p.begin(), x.p.end());
      m.emplace_back(x.p.size(), 0.0);
      v.emplace_back(x.p.size(), 0.0);
    }
  }
  double step(const Tensors& s, const AdamWOptions& o, double lr, int k) {
    double sum = 0;
    for (const Plain& x : s.tensors) {
      for (float g : x.g) sum += static_cast<double>(g) * g;
    }
    const double norm = std::sqrt(sum);
    const double coefficient =
        o.clip_max_norm > 0 ? std::min(1.0, o.clip_max_norm / (norm + o.clip_eps)) : 1.0;
    for (size_t t = 0; t < p.size(); ++t) {
      for (size_t i = 0; i < p[t].size(); ++i) {
        const double g = coefficient * s.tensors[t].g[i];
        if (s.tensors[t].decay) p[t][i] *= 1 - lr * o.weight_decay;
        m[t][i] = o.beta1 * m[t][i] + (1 - o.beta1) * g;
        v[t][i] = o.beta2 * v[t][i] + (1 - o.beta2) * g * g;
        p[t][i] -= lr * (m[t][i] / (1 - std::pow(o.beta1, k))) /
                   (std::sqrt(v[t][i] / (1 - std::pow(o.beta2, k))) + o.eps);
      }
    }
    return norm;
  }
};

double largest_distance(const Tensors& s, const Reference& r) {
  double worst = 0;
  for (size_t t = 0; t < s.tensors.size(); ++t) {
    for (size_t i = 0; i < s.tensors[t].p.size(); ++i) {
      worst = std::max(worst, std::abs(s.tensors[t].p[i] - r.p[t][i]));
    }
  }
  return worst;
}

TEST(Optimizer, FollowsTheFormulasOverSeveralSteps) {
  for (double scale : {1e-3, 1.0}) {  // without and with clipping
    Tensors s({{70001, true}, {33, false}});
    Reference reference(s);
    AdamWOptions options;
    Optimizer optimizer(s.parameters, options);
    for (int k = 1; k <= 5; ++k) {
      s.draw_gradients(k, scale);
      const double wanted = reference.step(s, options, 1e-2, k);
      EXPECT_NEAR(optimizer.step(1e-2), wanted, 1e-9 * wanted);
    }
    EXPECT_LT(largest_distance(s, reference), 2e-6);  // f32 masters of size 1 to 4, five roundings
    EXPECT_EQ(optimizer.steps(), 5);
  }
}

TEST(Optimizer, Bf16MomentsStayNearF32OnesAndDiffer) {
  Tensors s({{5000, true}});
  Reference reference(s);
  AdamWOptions options;
  options.moments = MomentType::kBf16;
  Optimizer optimizer(s.parameters, options);
  for (int k = 1; k <= 5; ++k) {
    s.draw_gradients(k, 1.0);
    reference.step(s, options, 1e-2, k);
    optimizer.step(1e-2);
  }
  const double distance = largest_distance(s, reference);
  EXPECT_LT(distance, 1e-3);  // five updates of at most about 1e-2, moments with 8 significant bits
  EXPECT_GT(distance, 1e-6);
}

TEST(Optimizer, OnlyDecayGroupsDecay) {
  Tensors s({{4, true}, {4, false}});
  const std::vector<float> before0 = s.tensors[0].p, before1 = s.tensors[1].p;
  Optimizer optimizer(s.parameters, {});
  optimizer.step(0.5);  // zero gradients
  for (int i = 0; i < 4; ++i) {
    EXPECT_FLOAT_EQ(s.tensors[0].p[i], before0[i] * 0.95f);
    EXPECT_EQ(s.tensors[1].p[i], before1[i]);
  }
}

TEST(Optimizer, AGradientThatIsNotFiniteChangesNothing) {
  Tensors s({{100, true}});
  s.draw_gradients(1, 1.0);
  s.tensors[0].g[57] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> before = s.tensors[0].p;
  Optimizer optimizer(s.parameters, {});
  EXPECT_TRUE(std::isnan(optimizer.step(1e-2)));
  EXPECT_EQ(s.tensors[0].p, before);
  EXPECT_EQ(optimizer.steps(), 0);
}

TEST(Optimizer, BitsDoNotDependOnTheNumberOfThreads) {
  std::vector<std::vector<float>> results;
  std::vector<double> norms;
  const int threads = num_threads();
  for (int n : {1, 3}) {
    set_num_threads(n);
    Tensors s({{300000, true}, {77, false}});
    Optimizer optimizer(s.parameters, {});
    for (int k = 1; k <= 2; ++k) {
      s.draw_gradients(k, 1.0);
      norms.push_back(optimizer.step(1e-2));
    }
    results.push_back(s.tensors[0].p);
  }
  set_num_threads(threads);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(norms[0], norms[2]);
  EXPECT_EQ(norms[1], norms[3]);
}

TEST(Optimizer, StateRestoredInAnotherOptimizerContinuesBitForBit) {
  for (MomentType moments : {MomentType::kF32, MomentType::kBf16}) {
    AdamWOptions options;
    options.moments = moments;
    options.ema_decay = 0.9;
    Tensors a({{1000, true}, {10, false}});
    Optimizer whole(a.parameters, options);
    Tensors b({{1000, true}, {10, false}});
    Optimizer first(b.parameters, options);
    for (int k = 1; k <= 3; ++k) {
      a.draw_gradients(k, 1.0);
      b.draw_gradients(k, 1.0);
      whole.step(1e-2);
      first.step(1e-2);
    }
    Optimizer second(b.parameters, options);
    auto from = first.state(), to = second.state();
    ASSERT_EQ(from.size(), to.size());
    for (size_t i = 0; i < from.size(); ++i) {
      ASSERT_EQ(from[i].name, to[i].name);
      std::memcpy(to[i].data, from[i].data, from[i].size * dtype_bytes(from[i].dtype));
    }
    second.set_steps(first.steps());
    a.draw_gradients(4, 1.0);
    b.draw_gradients(4, 1.0);
    whole.step(1e-2);
    second.step(1e-2);
    EXPECT_EQ(a.tensors[0].p, b.tensors[0].p);
    whole.swap_ema();
    second.swap_ema();
    EXPECT_EQ(a.tensors[0].p, b.tensors[0].p);
  }
}

TEST(Optimizer, TheAverageFollowsTheWeightsAndSwapsTwiceToNothing) {
  AdamWOptions options;
  options.ema_decay = 0.75;
  Tensors s({{3, false}});
  const std::vector<float> start = s.tensors[0].p;
  Optimizer optimizer(s.parameters, options);
  s.draw_gradients(1, 1.0);
  optimizer.step(1e-1);
  const std::vector<float> weights = s.tensors[0].p;
  optimizer.swap_ema();
  for (int i = 0; i < 3; ++i)
    EXPECT_FLOAT_EQ(s.tensors[0].p[i], 0.75f * start[i] + 0.25f * weights[i]);
  optimizer.swap_ema();
  EXPECT_EQ(s.tensors[0].p, weights);
}

TEST(Optimizer, MuonStepsTheMatricesOfLayersAndLeavesTheRestToAdamW) {
  const auto tensors = [] {
    Tensors s({{24, true}, {24, true}, {6, false}, {24, true}});
    const char* const names[] = {"model.layers.0.mlp.up_proj.weight", "model.embed_tokens.weight",
                                 "model.layers.0.input_layernorm.weight",
                                 "model.layers.1.mlp.gate.weight"};
    for (size_t t = 0; t < 4; ++t) {
      s.parameters[t].name = names[t];
      if (t == 2) continue;
      s.parameters[t].rows = 4;
      s.parameters[t].cols = 6;
    }
    return s;
  };
  AdamWOptions options;
  options.ema_decay = 0.5;
  Tensors with_adamw = tensors();
  options.kind = OptimizerKind::kMuon;
  Tensors s = tensors();
  Optimizer muon(s.parameters, options);
  options.kind = OptimizerKind::kAdamW;
  Optimizer adamw(with_adamw.parameters, options);
  Orthogonaliser orthogonaliser({{4, 6}});
  std::vector<float> p = s.tensors[0].p, m(24, 0.0f), average = p;
  for (uint64_t step = 1; step <= 3; ++step) {
    for (Tensors* t : {&s, &with_adamw}) t->draw_gradients(step, 3.0);
    const double norm = muon.step(1e-2);
    EXPECT_EQ(norm, adamw.step(1e-2));
    const auto clip = static_cast<float>(std::min(1.0, 1 / (norm + options.clip_eps)));
    for (int64_t i = 0; i < 24; ++i) {
      const float g = clip * s.tensors[0].g[i];
      m[i] = 0.95f * m[i] + g;
      orthogonaliser.at(0, i) = g + 0.95f * m[i];
    }
    orthogonaliser.run();
    for (int64_t i = 0; i < 24; ++i) {
      p[i] = (1 - 1e-2f * 0.1f) * p[i] -
             static_cast<float>(1e-2 * 0.2 * std::sqrt(6.0)) * orthogonaliser.at(0, i);
      average[i] += 0.5f * (p[i] - average[i]);
      ASSERT_NEAR(s.tensors[0].p[i], p[i], 1e-6) << step << " " << i;
    }
    for (size_t t = 1; t < 4; ++t) EXPECT_EQ(s.tensors[t].p, with_adamw.tensors[t].p);
  }
  std::vector<std::string> names;
  for (const OptimizerTensor& t : muon.state()) names.push_back(t.name);
  EXPECT_EQ(names.size(), 11u);  // m and the average of the matrix; m, v and the average of three
  muon.swap_ema();
  for (int64_t i = 0; i < 24; ++i) EXPECT_NEAR(s.tensors[0].p[i], average[i], 1e-6);
}

TEST(RouterBias, MovesTowardsTheMeanLoadAndRestsAtIt) {
  std::vector<float> bias = {0.5f, 0.5f, 0.5f, 0.5f};
  const std::vector<int64_t> loads = {10, 30, 20, 20};
  update_router_bias(View<float>(bias.data(), {4}), loads, 0.125, false);
  EXPECT_EQ(bias, (std::vector<float>{0.625f, 0.375f, 0.5f, 0.5f}));
}

TEST(RouterBias, AMeanBetweenWholeNumbersIsNotRounded) {
  std::vector<float> bias(3, 0.0f);
  const std::vector<int64_t> loads = {1, 1, 2};  // mean 4/3
  update_router_bias(View<float>(bias.data(), {3}), loads, 1.0, false);
  EXPECT_EQ(bias, (std::vector<float>{1, 1, -1}));
}

TEST(RouterBias, RecentringTakesTheMeanAwayAndKeepsDifferences) {
  std::vector<float> bias = {1.0f, 2.0f, 3.0f, 6.0f};
  const std::vector<int64_t> loads = {5, 5, 5, 5};
  update_router_bias(View<float>(bias.data(), {4}), loads, 0.1, true);
  EXPECT_EQ(bias, (std::vector<float>{-2, -1, 0, 3}));
}

TEST(RouterBias, LoadsFindTheirLayerByName) {
  std::vector<float> b1(2, 0.0f), b11(2, 0.0f);
  std::vector<Parameter> parameters(2);
  parameters[0].name = "model.layers.1.mlp.gate.e_score_correction_bias";
  parameters[0].value = View<float>(b1.data(), {2});
  parameters[0].router_bias = true;
  parameters[1].name = "model.layers.11.mlp.gate.e_score_correction_bias";
  parameters[1].value = View<float>(b11.data(), {2});
  parameters[1].router_bias = true;
  TrainStats stats;
  stats.moe_layers = {11, 1};
  stats.expert_loads = {{3, 1}, {1, 3}};
  update_router_biases(parameters, stats, 1.0, false);
  EXPECT_EQ(b1, (std::vector<float>{1, -1}));
  EXPECT_EQ(b11, (std::vector<float>{-1, 1}));
}

}  // namespace
}  // namespace fathom
