// See optimizer.h. Work is cut into pieces of fixed size: a norm sums its pieces in their order,
// whatever thread took them.
#include "train/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/threads.h"

namespace fathom {
namespace {

constexpr int64_t kPieceElements = int64_t{1} << 16;

struct StepNumbers {
  float gradient_scale, keep, beta1, beta2, rate, inverse_root_correction2, eps;
};

// The moments are read as stored, updated in f32, used in f32 and stored rounded.
template <typename T>
void adamw(float* p, T* m, T* v, const float* g, int64_t n, const StepNumbers& k) {
  for (int64_t i = 0; i < n; ++i) {
    const float gi = g[i] * k.gradient_scale;
    const float mi = k.beta1 * to_f32(m[i]) + (1.0f - k.beta1) * gi;
    const float vi = k.beta2 * to_f32(v[i]) + (1.0f - k.beta2) * gi * gi;
    m[i] = from_f32<T>(mi);
    v[i] = from_f32<T>(vi);
    p[i] = p[i] * k.keep - k.rate * mi / (std::sqrt(vi) * k.inverse_root_correction2 + k.eps);
  }
}
template void adamw<float>(float*, float*, float*, const float*, int64_t, const StepNumbers&);
template void adamw<BF16>(float*, BF16*, BF16*, const float*, int64_t, const StepNumbers&);

double sum_of_squares(const float* x, int64_t n) {
  double lanes[8] = {};  // eight sums, added in a fixed order
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; ++j) lanes[j] += static_cast<double>(x[i + j]) * x[i + j];
  }
  for (; i < n; ++i) lanes[0] += static_cast<double>(x[i]) * x[i];
  double sum = 0;
  for (double lane : lanes) sum += lane;
  return sum;
}

void follow_average(float* ema, const float* p, int64_t n, float share) {
  for (int64_t i = 0; i < n; ++i) ema[i] += share * (p[i] - ema[i]);
}

}  // namespace

Optimizer::Optimizer(const std::vector<Parameter>& parameters, const AdamWOptions& options)
    : options_(options) {
  for (const Parameter& parameter : parameters) {
    if (parameter.router_bias) continue;
    const int64_t n = parameter.value.size();
    FATHOM_CHECK(parameter.gradient.size() == n);
    Slot slot{.parameter = parameter, .m = {}, .v = {}, .ema = {}, .m_bf16 = {}, .v_bf16 = {}};
    if (options.moments == MomentType::kBf16) {
      slot.m_bf16 = Tensor<BF16>({n}, /*zero=*/true);
      slot.v_bf16 = Tensor<BF16>({n}, /*zero=*/true);
    } else {
      slot.m = Tensor<float>({n}, /*zero=*/true);
      slot.v = Tensor<float>({n}, /*zero=*/true);
    }
    if (options.ema_decay > 0) {
      slot.ema = Tensor<float>({n});
      std::copy_n(parameter.value.data(), n, slot.ema.data());
    }
    const int64_t idx = static_cast<int64_t>(slots_.size());
    for (int64_t begin = 0; begin < n; begin += kPieceElements) {
      pieces_.push_back({idx, begin, std::min(n, begin + kPieceElements)});
    }
    slots_.push_back(std::move(slot));
  }
}

double Optimizer::gradient_norm() const {
  std::vector<double> sums(pieces_.size());
  parallel_for(static_cast<int64_t>(pieces_.size()), [&](int64_t i) {
    const Piece& piece = pieces_[i];
    sums[i] = sum_of_squares(slots_[piece.slot].parameter.gradient.data() + piece.begin,
                             piece.end - piece.begin);
  });
  double sum = 0;
  for (double s : sums) sum += s;
  return std::sqrt(sum);
}

double Optimizer::step(double lr) {
  const double norm = gradient_norm();
  if (!std::isfinite(norm)) return norm;
  double gradient_scale = 1.0;
  if (options_.clip_max_norm > 0) {
    gradient_scale = std::min(1.0, options_.clip_max_norm / (norm + options_.clip_eps));
  }
  ++steps_;
  parallel_for(static_cast<int64_t>(pieces_.size()),
               [&](int64_t i) { step_piece(pieces_[i], lr, gradient_scale); });
  return norm;
}

void Optimizer::step_piece(const Piece& piece, double lr, double gradient_scale) {
  Slot& slot = slots_[piece.slot];
  const double correction1 = 1.0 - std::pow(options_.beta1, static_cast<double>(steps_));
  const double correction2 = 1.0 - std::pow(options_.beta2, static_cast<double>(steps_));
  const StepNumbers numbers{
      .gradient_scale = static_cast<float>(gradient_scale),
      .keep = slot.parameter.decay ? static_cast<float>(1.0 - lr * options_.weight_decay) : 1.0f,
      .beta1 = static_cast<float>(options_.beta1),
      .beta2 = static_cast<float>(options_.beta2),
      .rate = static_cast<float>(lr / correction1),
      .inverse_root_correction2 = static_cast<float>(1.0 / std::sqrt(correction2)),
      .eps = static_cast<float>(options_.eps),
  };
  float* p = slot.parameter.value.data() + piece.begin;
  const float* g = slot.parameter.gradient.data() + piece.begin;
  const int64_t n = piece.end - piece.begin;
  if (options_.moments == MomentType::kBf16) {
    adamw(p, slot.m_bf16.data() + piece.begin, slot.v_bf16.data() + piece.begin, g, n, numbers);
  } else {
    adamw(p, slot.m.data() + piece.begin, slot.v.data() + piece.begin, g, n, numbers);
  }
  if (options_.ema_decay > 0) {
    follow_average(slot.ema.data() + piece.begin, p, n,
                   static_cast<float>(1.0 - options_.ema_decay));
  }
}

std::vector<OptimizerTensor> Optimizer::state() {
  std::vector<OptimizerTensor> tensors;
  for (Slot& slot : slots_) {
    const std::string& name = slot.parameter.name;
    const int64_t n = slot.parameter.value.size();
    if (options_.moments == MomentType::kBf16) {
      tensors.push_back({"m." + name, DType::kBF16, n, slot.m_bf16.data()});
      tensors.push_back({"v." + name, DType::kBF16, n, slot.v_bf16.data()});
    } else {
      tensors.push_back({"m." + name, DType::kF32, n, slot.m.data()});
      tensors.push_back({"v." + name, DType::kF32, n, slot.v.data()});
    }
    if (options_.ema_decay > 0) tensors.push_back({"ema." + name, DType::kF32, n, slot.ema.data()});
  }
  return tensors;
}

void Optimizer::swap_ema() {
  FATHOM_CHECK(options_.ema_decay > 0);
  parallel_for(static_cast<int64_t>(pieces_.size()), [&](int64_t i) {
    const Piece& piece = pieces_[i];
    Slot& slot = slots_[piece.slot];
    float* p = slot.parameter.value.data();
    std::swap_ranges(p + piece.begin, p + piece.end, slot.ema.data() + piece.begin);
  });
}

void update_router_bias(View<float> bias, std::span<const int64_t> loads, double gamma,
                        bool recentre) {
  const int64_t n = bias.size();
  FATHOM_CHECK(n == static_cast<int64_t>(loads.size()) && n >= 1);
  int64_t sum = 0;
  for (int64_t load : loads) sum += load;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t lack =
        sum - n * loads[i];  // n times (mean - load), in whole numbers: a tie is a tie
    const int sign = (lack > 0) - (lack < 0);
    bias[i] += static_cast<float>(gamma * sign);
  }
  if (!recentre) return;
  double mean = 0;
  for (int64_t i = 0; i < n; ++i) mean += bias[i];
  mean /= static_cast<double>(n);
  for (int64_t i = 0; i < n; ++i) bias[i] -= static_cast<float>(mean);
}

void update_router_biases(const std::vector<Parameter>& parameters, const TrainStats& stats,
                          double gamma, bool recentre) {
  for (const Parameter& parameter : parameters) {
    if (!parameter.router_bias) continue;
    size_t row = 0;
    while (row < stats.moe_layers.size() &&
           !parameter.name.starts_with(fmt::format("model.layers.{}.", stats.moe_layers[row]))) {
      ++row;
    }
    // The MTP layer's router sees no token while mtp_lambda is 0: no loads, no update.
    if (row == stats.moe_layers.size()) continue;
    update_router_bias(parameter.value, stats.expert_loads[row], gamma, recentre);
  }
}

}  // namespace fathom
