// The forward pass: embedding, the schedule of layers, final norm, head; and the MTP layer on top of it.
#include "model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "model/convert.h"
#include "model/ffn.h"
#include "model/gqa.h"
#include "model/mla.h"
#include "ops/embedding/embedding.h"
#include "ops/linear/linear.h"
#include "ops/rms_norm/rms_norm.h"
#include "quant/decode.h"

namespace fathom {
namespace {

// Weights of a checkpoint by place. Matrices stay where the file is mapped; vectors (norms, biases) are widened to f32 once.
class BoundWeights {
 public:
  static Result<std::unique_ptr<BoundWeights>> bind(std::shared_ptr<const CheckpointReader> checkpoint) {
    auto b = std::make_unique<BoundWeights>();
    b->checkpoint_ = checkpoint;
    Status status;
    const auto get = [&](const std::string& name) -> Weight {
      auto w = checkpoint->weight(name);
      if (!w.ok()) {
        if (status.ok()) status = w.status();
        return {};
      }
      b->bytes_ += w.value().size() * dtype_bytes(w.value().dtype);
      return w.value();
    };
    const auto vector = [&](const std::string& name) -> View<const float> {
      const Weight w = get(name);
      if (!w.present()) return {};
      b->vectors_.push_back({w, Tensor<float>({w.size()})});
      return b->vectors_.back().values.view();
    };
    b->weights = bind_places<Weight, View<const float>>(checkpoint->config(), get, vector);
    if (!status.ok()) return status;
    b->read_vectors();
    return b;
  }
  void read_vectors() {
    for (Vector& v : vectors_) decode_rows(v.values.data(), v.stored, 0, 1, 0, v.stored.size(), v.stored.size());
  }
  int64_t bytes() const { return bytes_; }
  ModelWeights weights;

 private:
  std::shared_ptr<const CheckpointReader> checkpoint_;  // shared: the mappings live as long as this
  struct Vector {
    Weight stored;
    Tensor<float> values;
  };
  std::vector<Vector> vectors_;
  int64_t bytes_ = 0;
};

CacheShape cache_shape(const ModelConfig& config, Compute compute, int64_t n_layers) {
  return {n_layers, config.cache_entry_dim(), compute == Compute::kBf16 ? DType::kBF16 : DType::kF32};
}

class ModelImpl final : public Model {
 public:
  ModelImpl(std::unique_ptr<BoundWeights> bound, const ModelConfig& config, const ModelOptions& options)
      : bound_(std::move(bound)),
        config_(config),
        options_(options),
        rope_(rope_spec(config)),
        cache_(cache_shape(config, options.compute, config.num_hidden_layers)),
        mtp_cache_(cache_shape(config, options.compute, 1)) {}

  const ModelConfig& config() const override { return config_; }
  const ModelOptions& options() const override { return options_; }
  LatentCache& cache() override { return cache_; }
  int64_t weight_bytes() const override { return bound_->bytes(); }
  int64_t packed_bytes() const override { return 0; }
  void vectors_changed() override {
    std::lock_guard lock(mutex_);
    bound_->read_vectors();
  }

  void forward(View<float> logits, std::span<const SequenceChunk> chunks, ForwardProbe* probe) override {
    std::lock_guard lock(mutex_);
    arena_.reset();
    if (options_.compute == Compute::kBf16) {
      forward_as<BF16>(logits, chunks, probe);
    } else {
      forward_as<float>(logits, chunks, probe);
    }
  }

  void mtp_logits(View<float> logits, std::span<const int32_t> tokens, ForwardProbe* probe) override {
    FATHOM_CHECK(config_.num_nextn_predict_layers >= 1 && tokens.size() >= 2);
    std::lock_guard lock(mutex_);
    arena_.reset();
    if (options_.compute == Compute::kBf16) {
      mtp_as<BF16>(logits, tokens, probe);
    } else {
      mtp_as<float>(logits, tokens, probe);
    }
  }

 private:
  struct Pass {
    std::vector<SequencePiece> pieces;
    View<int32_t> tokens, positions;
    View<float> x;  // [n_tokens, hidden_size], the residual stream
  };

  const ModelWeights& w() const { return bound_->weights; }
  float eps() const { return static_cast<float>(config_.rms_norm_eps); }

  Pass begin(std::span<const SequenceChunk> chunks) {
    Pass pass;
    int64_t n = 0, longest = 0;
    for (const SequenceChunk& c : chunks) {
      FATHOM_CHECK(c.cache != nullptr && !c.tokens.empty());
      const int64_t length = static_cast<int64_t>(c.tokens.size());
      pass.pieces.push_back({c.cache, n, length, c.cache->length()});
      n += length;
      longest = std::max(longest, c.cache->length() + length);
    }
    rope_.reserve(longest);
    pass.tokens = arena_.take<int32_t>({n});
    pass.positions = arena_.take<int32_t>({n});
    for (size_t i = 0; i < chunks.size(); ++i) {
      const SequencePiece& p = pass.pieces[i];
      for (int64_t t = 0; t < p.n; ++t) {
        pass.tokens[p.begin + t] = chunks[i].tokens[t];
        pass.positions[p.begin + t] = static_cast<int32_t>(p.first_position + t);
      }
      p.cache->grow(p.n);
    }
    pass.x = arena_.take<float>({n, config_.hidden_size});
    embedding_forward(pass.x, pass.tokens, w().embed_tokens);
    return pass;
  }

  LayerContext context(const Pass& pass) {
    return {config_, rope_, arena_, pass.positions, pass.pieces, options_.numerics, options_.fp8_activations};
  }

  template <typename T>
  void layer(const Pass& pass, const LayerWeights& lw, int64_t cache_layer, ForwardProbe* probe) {
    const Arena::Mark mark = arena_.mark();
    const LayerContext c = context(pass);
    if (lw.spec.attention == AttentionKind::kMla) {
      mla_forward_cached<T>(pass.x, lw, c, cache_layer);
    } else {
      gqa_forward_cached<T>(pass.x, lw, c, cache_layer);
    }
    arena_.release(mark);
    FfnActs<T> acts;
    ffn_forward<T>(pass.x, acts, lw, c, false);
    if (probe) see(probe, pass, lw, acts.router);
    arena_.release(mark);
  }

  static void see(ForwardProbe* probe, const Pass& pass, const LayerWeights& lw, const RouterOut& router) {
    if (probe->hidden && !lw.spec.mtp) probe->hidden->emplace_back(pass.x.data(), pass.x.data() + pass.x.size());
    if (lw.spec.ffn != FfnKind::kMoe) return;
    if (probe->expert_ids) probe->expert_ids->emplace_back(router.expert_ids.data(), router.expert_ids.data() + router.expert_ids.size());
    if (probe->expert_weights) probe->expert_weights->emplace_back(router.weights.data(), router.weights.data() + router.weights.size());
  }

  template <typename T>
  void main_layers(const Pass& pass, ForwardProbe* probe) {
    if (probe && probe->hidden) probe->hidden->emplace_back(pass.x.data(), pass.x.data() + pass.x.size());
    for (int64_t i = 0; i < config_.num_hidden_layers; ++i) layer<T>(pass, w().layers[i], i, probe);
  }

  template <typename T>
  void head(View<float> logits, View<const float> x, View<const float> norm) {
    FATHOM_CHECK(logits.dim(0) == x.dim(0) && logits.dim(1) == config_.vocab_size);
    const View<T> h = arena_.take<T>({x.dim(0), config_.hidden_size});
    rms_norm_forward<T, float>(h, {}, x, norm, eps());
    linear_forward<T, float>(logits, h, w().lm_head);
  }

  template <typename T>
  void forward_as(View<float> logits, std::span<const SequenceChunk> chunks, ForwardProbe* probe) {
    const Pass pass = begin(chunks);
    main_layers<T>(pass, probe);
    std::vector<int64_t> rows;
    for (size_t i = 0; i < chunks.size(); ++i) {
      const SequencePiece& p = pass.pieces[i];
      for (int64_t t = chunks[i].all_logits ? 0 : p.n - 1; t < p.n; ++t) rows.push_back(p.begin + t);
    }
    const View<float> wanted = arena_.take<float>({static_cast<int64_t>(rows.size()), config_.hidden_size});
    for (size_t i = 0; i < rows.size(); ++i) {
      std::memcpy(wanted.row(static_cast<int64_t>(i)), pass.x.row(rows[i]), static_cast<size_t>(config_.hidden_size) * 4);
    }
    head<T>(logits, wanted, w().norm);
  }

  // z_i = eh_proj [ RMSNorm(Emb(t_{i+1}); enorm) ; RMSNorm(n_i; hnorm) ], one layer, norm, head: row i predicts t_{i+2}.
  template <typename T>
  void mtp_as(View<float> logits, std::span<const int32_t> tokens, ForwardProbe* probe) {
    SequenceCache main(&cache_), own(&mtp_cache_);
    const SequenceChunk chunk{&main, tokens, false};
    const Pass pass = begin(std::span(&chunk, 1));
    main_layers<T>(pass, nullptr);
    const LayerWeights& lw = w().layers[config_.num_hidden_layers];
    const int64_t n = static_cast<int64_t>(tokens.size()) - 1, hidden = config_.hidden_size;

    const View<const float> last = View<const float>(pass.x).slice(0, n);
    const View<float> normed = arena_.take<float>({n, hidden}), next = arena_.take<float>({n, hidden});
    rms_norm_forward<float, float>(normed, {}, last, w().norm, eps());
    embedding_forward(next, View<const int32_t>(pass.tokens.data() + 1, {n}), w().embed_tokens);
    const View<T> z = arena_.take<T>({n, 2 * hidden});
    rms_norm_forward<T, float>(columns(z, 0, hidden), {}, next, lw.enorm, eps());
    rms_norm_forward<T, float>(columns(z, hidden, hidden), {}, options_.mtp_prenorm ? last : View<const float>(normed), lw.hnorm, eps());

    Pass mtp;
    mtp.pieces = {{&own, 0, n, 0}};
    mtp.positions = View<int32_t>(pass.positions.data(), {n});
    mtp.x = arena_.take<float>({n, hidden});
    own.grow(n);
    linear_forward<T, float>(mtp.x, z, lw.eh_proj);
    layer<T>(mtp, lw, 0, probe);
    head<T>(logits, mtp.x, lw.shared_head_norm);
  }

  std::unique_ptr<BoundWeights> bound_;
  ModelConfig config_;
  ModelOptions options_;
  RopeTable rope_;
  Arena arena_;
  LatentCache cache_, mtp_cache_;
  std::mutex mutex_;
};

}  // namespace

Result<std::shared_ptr<Model>> Model::open(std::shared_ptr<const CheckpointReader> checkpoint, const ModelOptions& options) {
  const ModelConfig config = checkpoint->config();
  if (options.mtp_prenorm && config.num_nextn_predict_layers == 0) {
    return Status::error(fmt::format("{}: a model with an MTP layer wanted, num_nextn_predict_layers 0 found", checkpoint->path().string()));
  }
  FATHOM_ASSIGN_OR_RETURN(auto bound, BoundWeights::bind(std::move(checkpoint)));
  return std::shared_ptr<Model>(std::make_shared<ModelImpl>(std::move(bound), config, options));
}

}  // namespace fathom
