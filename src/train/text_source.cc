// See text_source.h.
#include "train/text_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "train/checksum.h"
#include "train/data/validation_set.h"

namespace fathom {
namespace {

// The arrays of one micro-batch.
struct TextBuffer {
  std::vector<int32_t> tokens, document_ids;
  std::vector<float> weights;
  int64_t seq_len;
  bool mask;
  TextBuffer(int64_t n, int64_t seq_len, bool mask, bool weighted)
      : tokens(n * (seq_len + 1)),
        document_ids(mask ? n * seq_len : 0),
        weights(weighted ? n * seq_len : 0),
        seq_len(seq_len),
        mask(mask) {}
  std::span<int32_t> tokens_of(int64_t i) {
    return std::span(tokens).subspan(i * (seq_len + 1), seq_len + 1);
  }
  std::span<int32_t> ids_of(int64_t i) {
    return mask ? std::span(document_ids).subspan(i * seq_len, seq_len) : std::span<int32_t>();
  }
  std::span<float> weights_of(int64_t i) {
    return std::span(weights).subspan(i * seq_len, seq_len);
  }
  /// The first n sequences.
  MicroBatch batch(int64_t n, double share) const {
    MicroBatch m;
    m.batch.tokens = View<const int32_t>(tokens.data(), {n, seq_len + 1});
    if (mask) m.batch.document_ids = View<const int32_t>(document_ids.data(), {n, seq_len});
    if (!weights.empty()) m.batch.loss_weights = View<const float>(weights.data(), {n, seq_len});
    m.share = share;
    m.n_tokens = n * seq_len;
    m.n_sequences = n;
    return m;
  }
};

class TextSource final : public BatchSource {
 public:
  Status open(const RunConfig& config, const SourceStart& start) override {
    config_ = config;
    PrepareOptions how;
    how.shared = !config.data.cache.empty();
    how.directory = how.shared ? config.data.cache : start.directory.data();
    how.trust = start.resumes;
    how.progress = start.progress;
    FATHOM_ASSIGN_OR_RETURN(
        data_, prepare_data(config.data.options, *start.tokenizer, start.tokenizer_hash, how));
    StreamOptions options{
        .seed = config.data.options.seed, .seq_len = config.data.seq_len, .weights = {}};
    for (const DataSource& source : config.data.options.sources)
      options.weights.push_back(source.weight);
    stream_ = std::make_unique<TokenStream>(data_.train, options);
    validation_ = std::make_unique<ValidationSet>(data_.validation, *start.tokenizer,
                                                  config.data.seq_len, config.eval.max_tokens);
    const int64_t micro = config.train.micro_batch_size;
    step_.emplace(micro, config.data.seq_len, config.data.document_mask, /*weighted=*/false);
    held_out_.emplace(micro, config.data.seq_len, config.data.document_mask, /*weighted=*/true);
    return {};
  }

  const DataSummary& summary() const override { return data_.summary; }

  std::map<std::string, std::string> identity() const override {
    std::string weights;
    for (const DataSource& source : config_.data.options.sources)
      weights += fmt::format("{} ", source.weight);
    return {{"tokenized data", checksum_hex(data_.content)},
            {"data.seq_len", fmt::format("{}", config_.data.seq_len)},
            {"data.seed", fmt::format("{}", config_.data.options.seed)},
            {"weights of data.sources", weights}};
  }

  bool tokens_are_fixed() const override { return true; }

  int64_t micro_batches_in(double epochs) const override {
    double tokens = 0;
    for (int64_t s = 0; s < data_.train.n_sources(); ++s) {
      for (int64_t d = data_.train.source_begin(s); d < data_.train.source_end(s); ++d)
        tokens +=
            config_.data.options.sources[s].weight * static_cast<double>(data_.train.length(d));
    }
    const int64_t micro = config_.train.micro_batch_size * config_.data.seq_len;
    const double n = std::ceil(epochs * tokens / static_cast<double>(micro));
    return std::max<int64_t>(1, static_cast<int64_t>(n));
  }

  const DataCursor& cursor() const override { return stream_->cursor(); }
  Status seek(const DataCursor& cursor) override { return stream_->seek(cursor); }
  double epochs() const override { return stream_->epochs(); }
  void begin_step(int64_t n_micro_batches) override {
    share_ = 1.0 / static_cast<double>(n_micro_batches);
  }

  MicroBatch next() override {
    const int64_t micro = config_.train.micro_batch_size;
    for (int64_t s = 0; s < micro; ++s) stream_->next(step_->tokens_of(s), step_->ids_of(s));
    MicroBatch m = step_->batch(micro, share_);
    m.loss_weight = static_cast<double>(m.n_tokens);
    return m;
  }

  int64_t n_held_out() const override {
    const int64_t micro = config_.train.micro_batch_size;
    return (validation_->n_windows() + micro - 1) / micro;
  }
  int64_t held_out_bytes() const override { return validation_->n_bytes(); }

  MicroBatch held_out(int64_t idx) override {
    const int64_t micro = config_.train.micro_batch_size, begin = idx * micro;
    const int64_t n = std::min(micro, validation_->n_windows() - begin);
    double weight = 0;
    for (int64_t s = 0; s < n; ++s) {
      validation_->window(begin + s, held_out_->tokens_of(s), held_out_->ids_of(s),
                          held_out_->weights_of(s));
      for (float x : held_out_->weights_of(s)) weight += x;
    }
    MicroBatch m = held_out_->batch(n, 0);
    m.loss_weight = weight;
    return m;
  }

 private:
  RunConfig config_;
  TokenData data_;
  std::unique_ptr<TokenStream> stream_;
  std::unique_ptr<ValidationSet> validation_;
  std::optional<TextBuffer> step_, held_out_;
  double share_ = 1;
};

}  // namespace

std::unique_ptr<BatchSource> make_text_source() { return std::make_unique<TextSource>(); }

}  // namespace fathom
