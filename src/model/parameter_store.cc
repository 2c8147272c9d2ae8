#include "model/parameter_store.h"

#include <fmt/format.h>

#include <cstring>

#include "base/rng.h"
#include "base/threads.h"
#include "model/convert.h"
#include "quant/block_fp8.h"
#include "quant/decode.h"

namespace fathom {
namespace {

constexpr int64_t kGrain = 1 << 16;

// V3 keeps embedding, head, router, norms and the MTP projection out of FP8 (§3.3.1).
bool fp8_covers(const ParameterSpec& p) {
  const auto has = [&](const char* part) { return p.name.find(part) != std::string::npos; };
  return p.cols > 0 && p.layer >= 0 && !p.mtp_copy && !has("eh_proj") && !has("mlp.gate.");
}

}  // namespace

ParameterStore::ParameterStore(const ModelConfig& config, Compute compute, bool fp8) : compute_(compute) {
  int64_t total = 0;
  const auto specs = fathom::parameters(config);
  for (const ParameterSpec& s : specs) {
    if (s.mtp_copy) continue;
    offset_.push_back(total);
    total += (s.size() + 15) / 16 * 16;
  }
  values_ = Tensor<float>({total}, true);
  gradient_values_ = Tensor<float>({total}, true);
  if (compute == Compute::kBf16) {
    bf16_ = Tensor<BF16>({total}, true);
    rounded_ = Tensor<float>({total});
  }
  for (const ParameterSpec& s : specs) {
    if (s.mtp_copy) continue;
    const int64_t at = offset_[parameters_.size()];
    index_[s.name] = parameters_.size();
    Parameter p;
    p.name = s.name;
    p.rows = s.rows;
    p.cols = s.cols;
    p.value = View<float>(values_.data() + at, {s.size()});
    p.router_bias = s.router_bias;
    p.decay = s.cols > 0;
    if (!s.router_bias) p.gradient = View<float>(gradient_values_.data() + at, {s.size()});
    if (fp8 && fp8_covers(s)) {
      const int64_t grid = n_blocks(s.rows, 128) * n_blocks(s.cols, 128);
      fp8_.push_back({parameters_.size(), Tensor<uint8_t>({s.size()}), Tensor<float>({grid})});
    }
    parameters_.push_back(p);
  }
  weights_ = bind_places<Weight, View<const float>>(
      config, [this](const std::string& name) { return weight_of(name); },
      [this](const std::string& name) { return vector_of(name); });
  gradients_ = bind_places<View<float>, View<float>>(
      config,
      [this](const std::string& name) {
        const Parameter& p = parameters_[index_.at(name)];
        return View<float>(p.gradient.data(), {p.rows, p.cols});
      },
      [this](const std::string& name) { return parameters_[index_.at(name)].gradient; });
}

View<const float> ParameterStore::vector_of(const std::string& name) const {
  const size_t i = index_.at(name);
  // A router bias is kept in f32 by checkpoints too.
  if (compute_ == Compute::kF32 || parameters_[i].router_bias) return parameters_[i].value;
  return View<const float>(rounded_.data() + offset_[i], {parameters_[i].rows});
}

Weight ParameterStore::weight_of(const std::string& name) {
  const size_t i = index_.at(name);
  Weight w;
  w.rows = parameters_[i].rows;
  w.cols = parameters_[i].cols;
  w.data = parameters_[i].value.data();
  w.dtype = DType::kF32;
  if (compute_ == Compute::kBf16) {
    w.data = bf16_.data() + offset_[i];
    w.dtype = DType::kBF16;
  }
  for (Fp8Copy& f : fp8_) {
    if (f.parameter != i) continue;
    w.data = f.codes.data();
    w.dtype = DType::kF8E4M3;
    w.scale_inv = f.scale_inv.data();
  }
  return w;
}

class ParameterStore::LiveCheckpoint final : public CheckpointReader {
 public:
  LiveCheckpoint(ParameterStore& store, const ModelConfig& config) : store_(store), config_(config), path_("the trainer's weights") {}
  const ModelConfig& config() const override { return config_; }
  const std::filesystem::path& path() const override { return path_; }
  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, at] : store_.index_) names.push_back(name);
    return names;
  }
  bool contains(std::string_view name) const override { return store_.index_.contains(std::string(name)); }
  int64_t bytes_on_disk() const override { return 0; }
  Result<Weight> weight(std::string_view name) const override {
    const auto at = store_.index_.find(std::string(name));
    if (at == store_.index_.end()) return Status::error(fmt::format("{}: a tensor {} wanted, none found", path_.string(), name));
    if (store_.parameters_[at->second].cols > 0) return store_.weight_of(at->first);
    const View<const float> v = store_.vector_of(at->first);
    Weight w;
    w.data = v.data();
    w.dtype = DType::kF32;
    w.rows = 1;
    w.cols = v.size();
    return w;
  }

 private:
  ParameterStore& store_;
  ModelConfig config_;
  std::filesystem::path path_;
};

std::shared_ptr<const CheckpointReader> ParameterStore::live_checkpoint(const ModelConfig& config) {
  return std::make_shared<LiveCheckpoint>(*this, config);
}

void ParameterStore::randomize(double initializer_range, uint64_t seed) {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& p = parameters_[i];
    const Rng rng(seed, i);
    parallel_ranges(p.value.size(), kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j) {
        if (p.router_bias) {
          p.value[j] = 0.0f;
        } else if (p.cols == 0) {
          p.value[j] = 1.0f;
        } else {
          p.value[j] = static_cast<float>(rng.normal(static_cast<uint64_t>(j)) * initializer_range);
        }
      }
    });
  }
}

Status ParameterStore::load(const CheckpointReader& checkpoint) {
  for (const Parameter& p : parameters_) {
    FATHOM_ASSIGN_OR_RETURN(const Weight w, checkpoint.weight(p.name));
    const int64_t cols = p.cols == 0 ? p.rows : p.cols;
    if (w.size() != p.value.size()) {
      return Status::error(fmt::format("{}: {}: {} numbers wanted, {} found", checkpoint.path().string(), p.name, p.value.size(), w.size()));
    }
    decode_rows(p.value.data(), w, 0, w.rows, 0, w.cols, cols);
  }
  return {};
}

void ParameterStore::zero_gradients() {
  parallel_ranges(gradient_values_.size(), kGrain, [&](int64_t begin, int64_t end) {
    std::memset(gradient_values_.data() + begin, 0, static_cast<size_t>(end - begin) * 4);
  });
}

void ParameterStore::refresh() {
  if (compute_ == Compute::kBf16) {
    const int64_t n = values_.size(), rows = n / 16;
    convert<BF16, float>(View<BF16>(bf16_.data(), {rows, 16}), View<const float>(values_.data(), {rows, 16}));
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const Parameter& p = parameters_[i];
      if (p.cols > 0 || p.router_bias) continue;
      for (int64_t j = 0; j < p.rows; ++j) rounded_.data()[offset_[i] + j] = to_f32(bf16_.data()[offset_[i] + j]);
    }
  }
  for (Fp8Copy& f : fp8_) {
    const Parameter& p = parameters_[f.parameter];
    quantize_block_fp8(f.codes.data(), f.scale_inv.data(), View<const float>(p.value.data(), {p.rows, p.cols}), {});
  }
}

}  // namespace fathom
