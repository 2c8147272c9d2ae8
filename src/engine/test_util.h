// A model and a tokenizer small enough to reason about, for the engine's tests. The model's logits
// are a function of the whole token history, which it keeps in its latent cache and nowhere else:
// an entry that was lost, stale or another sequence's changes every later token.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/engine.h"

namespace fathom {

inline constexpr int32_t kFakeVocab = 300, kFakeEos = 256, kFakeBos = 257;

/// Bytes are tokens 0 to 255; from 256 on added tokens, of which the first two are special.
class FakeTokenizer : public Tokenizer {
 public:
  explicit FakeTokenizer(std::vector<std::string> added = {"<eos>", "<bos>"},
                         std::string chat_template = "")
      : added_(std::move(added)), chat_template_(std::move(chat_template)) {}
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options) const override {
    std::vector<int32_t> ids;
    if (options.add_bos) ids.push_back(kFakeBos);
    for (size_t i = 0; i < text.size();) {
      const int32_t id = options.parse_added_tokens ? added_at(text.substr(i)) : -1;
      ids.push_back(id >= 0 ? id : static_cast<uint8_t>(text[i]));
      i += id >= 0 ? token_bytes(id).size() : 1;
    }
    return ids;
  }
  std::string token_bytes(int32_t id) const override {
    if (id < 0 || id >= vocab_size()) return "";
    return id < 256 ? std::string(1, static_cast<char>(id)) : added_[static_cast<size_t>(id) - 256];
  }
  std::string decode(std::span<const int32_t> ids, bool skip_special) const override {
    std::string text;
    for (int32_t id : ids) text += skip_special && is_special(id) ? "" : token_bytes(id);
    return text;
  }
  int32_t token_id(std::string_view token) const override {
    const int32_t id = added_at(token);
    return id >= 0 && token_bytes(id).size() == token.size() ? id : -1;
  }
  bool is_special(int32_t id) const override { return id == kFakeEos || id == kFakeBos; }
  int32_t vocab_size() const override { return 256 + static_cast<int32_t>(added_.size()); }
  int32_t bos_id() const override { return kFakeBos; }
  int32_t eos_id() const override { return kFakeEos; }
  bool add_bos_token() const override { return true; }
  const std::string& chat_template() const override { return chat_template_; }

 private:
  int32_t added_at(std::string_view text) const {
    for (size_t i = 0; i < added_.size(); ++i) {
      if (text.starts_with(added_[i])) return 256 + static_cast<int32_t>(i);
    }
    return -1;
  }
  std::vector<std::string> added_;
  std::string chat_template_;
};

class FakeModel : public Model {
 public:
  explicit FakeModel(int64_t max_position_embeddings = 1000)
      : cache_(CacheShape{.n_layers = 1, .entry_dim = 1, .dtype = DType::kF32}) {
    config_.vocab_size = kFakeVocab;
    config_.max_position_embeddings = max_position_embeddings;
  }
  const ModelConfig& config() const override { return config_; }
  const ModelOptions& options() const override { return options_; }
  LatentCache& cache() override { return cache_; }
  void forward(View<float> logits, std::span<const SequenceChunk> chunks, ForwardProbe*) override {
    pass_tokens.emplace_back();
    for (size_t i = 0; i < chunks.size(); ++i) {
      const SequenceChunk& c = chunks[i];
      pass_tokens.back().push_back(static_cast<int64_t>(c.tokens.size()));
      const int64_t begin = c.cache->length();
      c.cache->grow(static_cast<int64_t>(c.tokens.size()));
      for (size_t t = 0; t < c.tokens.size(); ++t) {
        *entry(*c.cache, begin + static_cast<int64_t>(t)) = static_cast<float>(c.tokens[t] + 1);
      }
      write_logits(logits.row(static_cast<int64_t>(i)), *c.cache);
    }
  }
  void mtp_logits(View<float>, std::span<const int32_t>, ForwardProbe*) override {}
  int64_t weight_bytes() const override { return 0; }
  int64_t packed_bytes() const override { return 0; }
  void vectors_changed() override {}

  std::vector<std::vector<int64_t>> pass_tokens;  // of each forward(), tokens of each chunk
  std::map<int64_t, int32_t> forced;  // at this length of the history this token is certain
  bool broken = false;                // logits are NaN

 private:
  static float* entry(const SequenceCache& cache, int64_t t) {
    return static_cast<float*>(cache.page(0, t / kPageEntries)) + t % kPageEntries;
  }
  void write_logits(float* row, const SequenceCache& cache) const {
    uint64_t history = 0;
    for (int64_t t = 0; t < cache.length(); ++t) {
      history =
          Rng(history, static_cast<uint64_t>(*entry(cache, t))).bits(static_cast<uint64_t>(t));
    }
    const Rng rng(history, 1);
    for (int64_t id = 0; id < kFakeVocab; ++id) {
      row[id] = 4 * static_cast<float>(rng.normal(static_cast<uint64_t>(id)));
    }
    row[kFakeEos] = -100;  // an answer ends where a test says so
    if (const auto it = forced.find(cache.length()); it != forced.end()) row[it->second] = 1000;
    if (broken) row[7] = std::bit_cast<float>(0x7fc00000u);
  }
  ModelConfig config_;
  ModelOptions options_;
  LatentCache cache_;
};

/// A checkpoint of one weight, 0 or NaN.
class FakeCheckpoint : public CheckpointReader {
 public:
  explicit FakeCheckpoint(bool nan) : value_{std::bit_cast<float>(nan ? 0x7fc00000u : 0u)} {}
  const ModelConfig& config() const override { return config_; }
  const std::filesystem::path& path() const override { return path_; }
  std::vector<std::string> names() const override { return {"model.norm.weight"}; }
  bool contains(std::string_view name) const override { return name == "model.norm.weight"; }
  Result<Weight> weight(std::string_view) const override {
    return Weight{.data = value_, .dtype = DType::kF32, .rows = 1, .cols = 1};
  }
  int64_t bytes_on_disk() const override { return 4; }

 private:
  ModelConfig config_;
  std::filesystem::path path_ = "fake";
  float value_[1];
};

struct FakeEngine {
  std::shared_ptr<FakeModel> model = std::make_shared<FakeModel>();
  std::shared_ptr<const Tokenizer> tokenizer = std::make_shared<FakeTokenizer>();
  bool nan_weight = false;

  std::unique_ptr<Engine> make(EngineOptions options = {}) const {
    EngineParts parts;
    parts.where = "fake";
    parts.checkpoint = std::make_shared<FakeCheckpoint>(nan_weight);
    parts.model = model;
    parts.tokenizer = tokenizer;
    parts.eos_ids = {kFakeEos};
    auto engine = Engine::create(std::move(parts), options);
    FATHOM_CHECK(engine.ok());
    return std::move(engine).value();
  }
};

}  // namespace fathom
