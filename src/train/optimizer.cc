// See optimizer.h; the arithmetic is ops/adamw's and muon.h's. Parameters are cut into pieces of
// fixed size, shared out among threads over all parameters at once, since most of them are small
// experts; a norm sums its pieces in their order.
#include "train/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/threads.h"
#include "ops/adamw/adamw.h"

namespace fathom {
namespace {

constexpr int64_t kPieceElements = int64_t{1} << 16;

template <typename T>
View<T> part(View<T> x, int64_t begin, int64_t end) {
  return x.empty() ? x : View<T>(x.data() + begin, {end - begin});
}

bool is_layer_matrix(const Parameter& p) {
  return p.cols > 0 && p.decay && p.name.starts_with("model.layers.") &&
         !p.name.ends_with(".mlp.gate.weight");
}

}  // namespace

Optimizer::Optimizer(const std::vector<Parameter>& parameters, const AdamWOptions& options)
    : options_(options) {
  std::vector<std::pair<int64_t, int64_t>> shapes;
  for (const Parameter& parameter : parameters) {
    if (parameter.router_bias) continue;
    const int64_t n = parameter.value.size();
    FATHOM_CHECK(parameter.gradient.size() == n);
    Slot slot{.parameter = parameter, .m = {}, .v = {}, .ema = {}, .m_bf16 = {}, .v_bf16 = {}};
    if (options.kind == OptimizerKind::kMuon && is_layer_matrix(parameter)) {
      slot.m = Tensor<float>({n}, /*zero=*/true);
      slot.muon = static_cast<int64_t>(shapes.size());
      shapes.emplace_back(parameter.rows, parameter.cols);
      muon_slots_.push_back(static_cast<int64_t>(slots_.size()));
    } else if (options.moments == MomentType::kBf16) {
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
  orthogonaliser_ = Orthogonaliser(shapes);
}

double Optimizer::gradient_norm() const {
  std::vector<double> sums(pieces_.size());
  parallel_for(static_cast<int64_t>(pieces_.size()), [&](int64_t i) {
    const Piece& piece = pieces_[i];
    sums[i] = sum_of_squares(part(slots_[piece.slot].parameter.gradient, piece.begin, piece.end));
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
  if (!muon_slots_.empty()) step_matrices(lr, gradient_scale);
  return norm;
}

// m = mu m + g; p -= lr (decay p + scale O(g + mu m)), O: made orthogonal.
void Optimizer::step_matrices(double lr, double gradient_scale) {
  const auto mu = static_cast<float>(options_.muon_momentum),
             scale = static_cast<float>(gradient_scale);
  const auto n = static_cast<int64_t>(muon_slots_.size());
  parallel_for(n, [&](int64_t k) {
    Slot& slot = slots_[muon_slots_[k]];
    const float* g = slot.parameter.gradient.data();
    float* m = slot.m.data();
    for (int64_t i = 0; i < slot.m.size(); ++i) {
      m[i] = mu * m[i] + scale * g[i];
      orthogonaliser_.at(k, i) = scale * g[i] + mu * m[i];
    }
  });
  orthogonaliser_.run();
  parallel_for(n, [&](int64_t k) {
    Slot& slot = slots_[muon_slots_[k]];
    const Parameter& p = slot.parameter;
    const auto keep = static_cast<float>(1 - lr * options_.weight_decay),
               rate = static_cast<float>(lr * muon_scale(p.rows, p.cols)),
               ema = static_cast<float>(1 - options_.ema_decay);
    for (int64_t i = 0; i < slot.m.size(); ++i) {
      float& x = p.value.data()[i];
      x = keep * x - rate * orthogonaliser_.at(k, i);
      if (options_.ema_decay > 0) slot.ema.data()[i] += ema * (x - slot.ema.data()[i]);
    }
  });
}

void Optimizer::step_piece(const Piece& piece, double lr, double gradient_scale) {
  Slot& slot = slots_[piece.slot];
  if (slot.muon >= 0) return;
  const AdamWStep step{.lr = lr,
                       .beta1 = options_.beta1,
                       .beta2 = options_.beta2,
                       .eps = options_.eps,
                       .weight_decay = slot.parameter.decay ? options_.weight_decay : 0.0,
                       .gradient_scale = gradient_scale,
                       .ema_decay = options_.ema_decay,
                       .step = steps_};
  const auto of_piece = [&](auto view) { return part(view, piece.begin, piece.end); };
  const View<float> p = of_piece(slot.parameter.value), ema = of_piece(slot.ema.view());
  const View<const float> g = of_piece(slot.parameter.gradient);
  if (options_.moments == MomentType::kBf16) {
    adamw_step<BF16>(p, of_piece(slot.m_bf16.view()), of_piece(slot.v_bf16.view()), ema, g, step);
  } else {
    adamw_step<float>(p, of_piece(slot.m.view()), of_piece(slot.v.view()), ema, g, step);
  }
}

std::vector<OptimizerTensor> Optimizer::state() {
  std::vector<OptimizerTensor> tensors;
  for (Slot& slot : slots_) {
    const std::string& name = slot.parameter.name;
    const int64_t n = slot.parameter.value.size();
    if (slot.muon >= 0) {
      tensors.push_back({"m." + name, DType::kF32, n, slot.m.data()});
    } else if (options_.moments == MomentType::kBf16) {
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
