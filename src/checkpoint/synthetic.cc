#include "checkpoint/synthetic.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "base/rng.h"
#include "base/threads.h"
#include "checkpoint/hf_directory_impl.h"
#include "quant/block_fp8.h"
#include "quant/formats.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr float kRouterBiasSpread = 0.01f;

bool is_norm(const ParameterSpec& p) { return p.cols == 0 && (p.name.ends_with("norm.weight")); }

bool is_quantized(const ParameterSpec& p) {
  return p.cols > 0 && p.name.find("_proj") != std::string::npos &&
         p.name.find("eh_proj") == std::string::npos;
}

DType dtype_in(const ParameterSpec& p, DType dtype) {
  if (p.router_bias) return DType::kF32;
  if (dtype != DType::kF8E4M3) return dtype;
  return is_quantized(p) ? DType::kF8E4M3 : DType::kBF16;
}

std::vector<int64_t> shape_of(const ParameterSpec& p) {
  return p.cols == 0 ? std::vector{p.rows} : std::vector{p.rows, p.cols};
}

std::vector<int64_t> grid_of(const ParameterSpec& p, const ModelConfig& c) {
  return {n_blocks(p.rows, c.fp8_block_rows), n_blocks(p.cols, c.fp8_block_cols)};
}

/// The random values of one parameter, the same whichever part of them is asked for.
struct Source {
  Rng rng;
  float mean, spread;
  void fill(float* out, int64_t begin, int64_t end) const {
    for (int64_t i = begin; i < end; ++i) {
      out[i - begin] = mean + spread * static_cast<float>(rng.normal(static_cast<uint64_t>(i)));
    }
  }
};

/// Fills `buffer` with n values as f32 or bf16.
void make_plain(void* buffer, const Source& source, int64_t n, DType dtype) {
  constexpr int64_t kGrain = 1 << 14;
  const ConvertKernels& kernels = convert_kernels_simd();
  parallel_ranges(n, kGrain, [&](int64_t begin, int64_t end) {
    std::vector<float> values(static_cast<size_t>(end - begin));
    source.fill(values.data(), begin, end);
    if (dtype == DType::kF32) {
      kernels.f32_to_f32(static_cast<float*>(buffer) + begin, values.data(), end - begin, 1.0f);
    } else {
      kernels.f32_to_bf16(static_cast<uint16_t*>(buffer) + begin, values.data(), end - begin, 1.0f);
    }
  });
}

/// Fills `codes` with the quantized matrix, one strip of blocks at a time, and returns the scales.
std::vector<float> make_fp8(uint8_t* codes, const Source& source, const ParameterSpec& p,
                            const BlockFp8Spec& spec) {
  const int64_t strips = n_blocks(p.rows, spec.block_rows),
                grid_cols = n_blocks(p.cols, spec.block_cols);
  std::vector<float> scales(static_cast<size_t>(strips * grid_cols));
  parallel_for(strips, [&](int64_t i) {
    const int64_t begin = i * spec.block_rows, end = std::min(p.rows, begin + spec.block_rows);
    Tensor<float> strip({end - begin, p.cols});
    source.fill(strip.data(), begin * p.cols, end * p.cols);
    quantize_block_fp8(codes + begin * p.cols, scales.data() + i * grid_cols, strip.view(), spec);
  });
  return scales;
}

/// Gives every tensor of a layout its values.
class Maker {
 public:
  Maker(const ModelConfig& config, const SyntheticOptions& options)
      : config_(config), options_(options), specs_(parameters(config)) {
    for (size_t i = 0; i < specs_.size(); ++i) index_[specs_[i].name] = i;
  }
  std::vector<TensorToWrite> tensors() {
    std::vector<TensorToWrite> list = checkpoint_layout(config_, options_.dtype);
    for (const TensorToWrite& t : list) total_ += t.n_bytes();
    for (TensorToWrite& t : list) {
      // `this` outlives the writing.
      t.make = [this, name = t.name, dtype = t.dtype, n = t.n_bytes()](void* buffer) {
        make(buffer, name, dtype);
        done_ += n;
        if (options_.progress) options_.progress(done_, total_);
      };
    }
    return list;
  }

 private:
  void make(void* buffer, const std::string& name, DType dtype) {
    const auto it = index_.find(name);
    if (it == index_.end()) {  // the scales of the weight just before
      std::copy(scales_.begin(), scales_.end(), static_cast<float*>(buffer));
      return;
    }
    const ParameterSpec& p = specs_[it->second];
    const Source source = source_of(p);
    if (dtype != DType::kF8E4M3) return make_plain(buffer, source, p.size(), dtype);
    scales_ = make_fp8(static_cast<uint8_t*>(buffer), source, p,
                       {config_.fp8_block_rows, config_.fp8_block_cols, config_.fp8_ue8m0});
  }
  Source source_of(const ParameterSpec& p) const {
    std::string name = p.name;
    if (p.mtp_copy) {
      const bool head = name.ends_with("head.weight") && !config_.tie_word_embeddings;
      name = head ? "lm_head.weight" : "model.embed_tokens.weight";
    }
    const Rng rng(options_.seed, index_.at(name));
    if (is_norm(p)) return {rng, 1.0f, 0.0f};
    return {rng, 0.0f,
            p.router_bias ? kRouterBiasSpread : static_cast<float>(config_.initializer_range)};
  }

  const ModelConfig& config_;
  const SyntheticOptions& options_;
  std::vector<ParameterSpec> specs_;
  std::unordered_map<std::string, size_t> index_;
  std::vector<float> scales_;
  int64_t done_ = 0, total_ = 0;
};

}  // namespace

DType stored_dtype(const ModelConfig& config) {
  if (config.fp8) return DType::kF8E4M3;
  return config.torch_dtype == "float32" ? DType::kF32 : DType::kBF16;
}

std::vector<TensorToWrite> checkpoint_layout(const ModelConfig& config, DType dtype) {
  std::vector<TensorToWrite> list;
  for (const ParameterSpec& p : parameters(config)) {
    list.push_back({p.name, dtype_in(p, dtype), shape_of(p)});
    if (list.back().dtype == DType::kF8E4M3) {
      list.push_back({scale_name(p.name), DType::kF32, grid_of(p, config)});
    }
  }
  return list;
}

Status write_synthetic_checkpoint(const fs::path& directory, const ModelConfig& config,
                                  const SyntheticOptions& options) {
  FATHOM_CHECK(options.dtype == DType::kBF16 || options.dtype == DType::kF32 ||
               options.dtype == DType::kF8E4M3);
  std::error_code error;
  const bool existed = fs::exists(directory, error);
  if (existed && !(fs::is_directory(directory, error) && fs::is_empty(directory, error))) {
    return Status::error(fmt::format("{}: an empty or absent directory wanted, a {} found",
                                     directory.string(),
                                     fs::is_directory(directory, error) ? "full one" : "file"));
  }
  ModelConfig own = config;
  own.fp8 = options.dtype == DType::kF8E4M3;
  own.torch_dtype = options.dtype == DType::kF32 ? "float32" : "bfloat16";
  Maker maker(own, options);
  const Status written = write_checkpoint(directory, own, maker.tensors(), options.max_shard_bytes);
  if (written.ok()) return {};
  if (existed) {
    for (const auto& entry : fs::directory_iterator(directory, error))
      fs::remove(entry.path(), error);
  } else {
    fs::remove_all(directory, error);
  }
  return written;
}

}  // namespace fathom
