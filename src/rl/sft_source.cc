// See sft_source.h. In the shards a sample is a document whose first two ids are the length of its
// prompt, in base vocab_size; prompt and answer follow.
#include "rl/sft_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "rl/rollout_batch.h"
#include "train/checksum.h"

namespace fathom {
namespace {

using nlohmann::json;

constexpr int64_t kLengthIds = 2;  // before the tokens of a sample

std::string shown(const std::string& text) {
  return json(text.substr(0, 40)).dump(-1, ' ', false, json::error_handler_t::replace);
}

// A stretch of samples, read from the corpus.
struct SftStretch {
  std::vector<SftTokens> samples;
  RolloutBatch batch;
  void pack() {
    std::vector<PromptAnswer> rows;
    for (const SftTokens& s : samples) rows.push_back({s.prompt, s.answer});
    batch = RolloutBatch(rows);
  }
  MicroBatch micro_batch(double share) const {
    MicroBatch m;
    m.batch = batch.batch();
    m.share = share;
    m.n_tokens = batch.n_places();
    m.loss_weight = static_cast<double>(batch.n_answer_tokens());
    m.n_sequences = static_cast<int64_t>(batch.spans().size());
    return m;
  }
};

class SftSource final : public BatchSource {
 public:
  Status open(const RunConfig& config, const SourceStart& start) override {
    config_ = config;
    budget_ = config.train.micro_batch_size * config.data.seq_len;
    base_ = start.tokenizer->vocab_size();
    FATHOM_ASSIGN_OR_RETURN(const ChatFormat format,
                            ChatFormat::of(start.tokenizer, config.tokenizer.path.string()));
    PrepareOptions how;
    how.shared = !config.data.cache.empty();
    how.directory = how.shared ? config.data.cache : start.directory.data();
    how.trust = start.resumes;
    how.progress = start.progress;
    how.lines = encoder(format);
    FATHOM_ASSIGN_OR_RETURN(
        data_, prepare_data(jsonl_options(), *start.tokenizer, start.tokenizer_hash, how));
    for (const DataSource& source : config.data.options.sources) weights_.push_back(source.weight);
    order_.emplace(data_.train, config.data.options.seed, weights_);
    settle(cursor_);
    find_held_out();
    // The ids that hold a prompt's length are no tokens.
    data_.summary.train_tokens -= kLengthIds * data_.summary.train_documents;
    data_.summary.validation_tokens -= kLengthIds * data_.summary.validation_documents;
    return {};
  }

  const DataSummary& summary() const override { return data_.summary; }

  std::map<std::string, std::string> identity() const override {
    std::string weights;
    for (const double weight : weights_) weights += fmt::format("{} ", weight);
    return {{"tokenized data", checksum_hex(data_.content)},
            {"tokens of a micro-batch", fmt::format("{}", budget_)},
            {"data.seed", fmt::format("{}", config_.data.options.seed)},
            {"weights of data.sources", weights}};
  }

  bool tokens_are_fixed() const override { return false; }

  int64_t micro_batches_in(double epochs) const override {
    DataCursor at;
    settle(at);
    int64_t n = 0;
    for (; epochs_at(at) < epochs; ++n) {
      for (int64_t tokens = 0; take(at, tokens) >= 0;) {
      }
    }
    return std::max<int64_t>(1, n);
  }

  const DataCursor& cursor() const override { return cursor_; }

  Status seek(const DataCursor& cursor) override {
    DataCursor at = cursor;
    const bool inside = cursor.epoch >= 0 && cursor.slot >= 0 && cursor.slot < order_->n_slots();
    if (inside) settle(at);
    if (!inside || !(at == cursor)) {
      return Status::error(
          fmt::format("data cursor: a place in this data wanted, epoch {} slot {} found",
                      cursor.epoch, cursor.slot));
    }
    cursor_ = cursor;
    return {};
  }

  double epochs() const override { return epochs_at(cursor_); }

  void begin_step(int64_t n_micro_batches) override {
    step_.assign(n_micro_batches, {});
    next_ = 0;
    step_weight_ = 0;
    for (SftStretch& stretch : step_) {
      int64_t tokens = 0;
      for (int64_t d; (d = take(cursor_, tokens)) >= 0;)
        stretch.samples.push_back(read(data_.train, d));
      stretch.pack();
      step_weight_ += static_cast<double>(stretch.batch.n_answer_tokens());
    }
  }

  MicroBatch next() override {
    const SftStretch& stretch = step_.at(next_++);
    return stretch.micro_batch(static_cast<double>(stretch.batch.n_answer_tokens()) / step_weight_);
  }

  int64_t n_held_out() const override { return static_cast<int64_t>(held_out_ends_.size()); }
  int64_t held_out_bytes() const override { return 0; }

  MicroBatch held_out(int64_t idx) override {
    held_out_ = {};
    for (int64_t d = idx == 0 ? 0 : held_out_ends_[idx - 1]; d < held_out_ends_[idx]; ++d)
      held_out_.samples.push_back(read(data_.validation, d));
    held_out_.pack();
    return held_out_.micro_batch(0);
  }

 private:
  LineEncoder encoder(const ChatFormat& format) const {
    LineEncoder lines;
    const int64_t most = config_.data.seq_len, base = base_;
    const bool refuse = config_.data.too_long == TooLong::kRefuse;
    lines.name = fmt::format("sft 1, template {}, seq_len {}", format.template_name(), most);
    if (refuse) lines.name += ", too long refused";
    lines.encode = [format, most, base, refuse](
                       std::string_view line,
                       const std::string& where) -> Result<std::vector<int32_t>> {
      FATHOM_ASSIGN_OR_RETURN(const SftSample sample, parse_sft_sample(line, where));
      FATHOM_ASSIGN_OR_RETURN(const SftTokens tokens, encode_sft_sample(sample, format, where));
      const auto prompt = static_cast<int64_t>(tokens.prompt.size());
      const int64_t n = prompt + static_cast<int64_t>(tokens.answer.size()) - 1;
      if (n > most && !refuse) return std::vector<int32_t>();
      if (n > most) {
        return Status::error(fmt::format(
            "{}: a sample of at most data.seq_len {} predicted tokens, or data.too_long = "
            "\"leave_out\", wanted, {} found",
            where, most, n));
      }
      std::vector<int32_t> ids = {static_cast<int32_t>(prompt / base),
                                  static_cast<int32_t>(prompt % base)};
      ids.insert(ids.end(), tokens.prompt.begin(), tokens.prompt.end());
      ids.insert(ids.end(), tokens.answer.begin(), tokens.answer.end());
      return ids;
    };
    return lines;
  }

  // Of a directory, the .jsonl files.
  DataOptions jsonl_options() const {
    DataOptions options = config_.data.options;
    for (auto* sources : {&options.sources, &options.validation}) {
      for (DataSource& s : *sources) {
        if (s.glob.empty()) s.glob = "*.jsonl";
      }
    }
    return options;
  }

  static int64_t predictions(const Corpus& corpus, int64_t document) {
    return corpus.length(document) - kLengthIds - 1;
  }

  SftTokens read(const Corpus& corpus, int64_t document) const {
    std::vector<int32_t> ids(corpus.length(document));
    corpus.copy(ids, document, 0);
    const int64_t answer = kLengthIds + ids[0] * base_ + ids[1];
    return {{ids.begin() + kLengthIds, ids.begin() + answer}, {ids.begin() + answer, ids.end()}};
  }

  // The sample at the cursor if it still fits beside `tokens`, else -1; the cursor then stands
  // before the next sample.
  int64_t take(DataCursor& at, int64_t& tokens) const {
    const int64_t document = order_->document(at.epoch, at.slot);
    const int64_t more = predictions(data_.train, document);
    if (tokens > 0 && tokens + more > budget_) return -1;
    tokens += more;
    ++at.slot;
    settle(at);
    return document;
  }

  // On to a slot that holds a sample in its epoch.
  void settle(DataCursor& at) const {
    for (;; ++at.slot) {
      if (at.slot == order_->n_slots()) {
        at.slot = 0;
        ++at.epoch;
      }
      if (order_->document(at.epoch, at.slot) >= 0) return;
    }
  }

  double epochs_at(const DataCursor& at) const {
    return static_cast<double>(at.epoch) +
           static_cast<double>(at.slot) / static_cast<double>(order_->n_slots());
  }

  void find_held_out() {
    int64_t all = 0, tokens = 0;
    const int64_t most = config_.eval.max_tokens;
    for (int64_t d = 0; d < data_.validation.n_documents(); ++d) {
      const int64_t more = predictions(data_.validation, d);
      if (most > 0 && all > 0 && all + more > most) break;
      if (tokens == 0 || tokens + more > budget_) {
        held_out_ends_.push_back(d);
        tokens = 0;
      }
      held_out_ends_.back() = d + 1;
      tokens += more;
      all += more;
    }
  }

  RunConfig config_;
  TokenData data_;
  std::vector<double> weights_;
  std::optional<DocumentOrder> order_;
  DataCursor cursor_;
  int64_t budget_ = 0, base_ = 0;
  std::vector<SftStretch> step_;
  size_t next_ = 0;
  double step_weight_ = 0;
  std::vector<int64_t> held_out_ends_;  // samples up to and with each batch
  SftStretch held_out_;
};

}  // namespace

Result<SftSample> parse_sft_sample(std::string_view line, const std::string& where) {
  const json j = json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto wrong = [&](const std::string& wanted, const std::string& found) {
    return Status::error(fmt::format("{}: {} wanted, {} found", where, wanted, found));
  };
  if (!j.is_object() || !j.contains("messages") || !j["messages"].is_array() ||
      j["messages"].empty()) {
    return wrong("a JSON object {\"messages\": [...]}",
                 j.is_discarded() ? "text that is no JSON" : "another value");
  }
  SftSample sample;
  for (size_t i = 0; i < j["messages"].size(); ++i) {
    const json& m = j["messages"][i];
    const bool whole = m.is_object() && m.contains("role") && m["role"].is_string() &&
                       m.contains("content") && m["content"].is_string();
    if (!whole)
      return wrong(fmt::format("messages[{}]: {{\"role\", \"content\"}} of two strings", i),
                   shown(m.dump(-1, ' ', false, json::error_handler_t::replace)));
    ChatMessage message{m["role"], m["content"]};
    if (message.role != "system" && message.role != "user" && message.role != "assistant") {
      return wrong(fmt::format("messages[{}]: role system, user or assistant", i),
                   shown(message.role));
    }
    sample.before.push_back(std::move(message));
  }
  if (sample.before.back().role != "assistant")
    return wrong("a last message of the assistant", "one of the " + sample.before.back().role);
  sample.answer = std::move(sample.before.back().content);
  sample.before.pop_back();
  if (sample.before.empty() || sample.before.back().role != "user")
    return wrong("a message of the user before the assistant's last",
                 sample.before.empty() ? "none" : "one of the " + sample.before.back().role);
  return sample;
}

Result<SftTokens> encode_sft_sample(const SftSample& sample, const ChatFormat& format,
                                    const std::string& where) {
  auto prompt = format.prompt(sample.before);
  if (!prompt.ok()) return Status::error(where + ": " + prompt.message());
  std::string_view answer = sample.answer;
  constexpr std::string_view kOpen = "<think>";
  if (prompt.value().opens_thought) {
    if (!answer.starts_with(kOpen) || answer.find("</think>") == std::string_view::npos) {
      return Status::error(
          fmt::format("{}: an answer that begins with <think> and closes it wanted, {} found",
                      where, shown(sample.answer)));
    }
    answer.remove_prefix(kOpen.size());
    if (answer.starts_with('\n')) answer.remove_prefix(1);
  }
  return SftTokens{std::move(prompt.value().tokens), format.completion(answer)};
}

std::unique_ptr<BatchSource> make_sft_source() { return std::make_unique<SftSource>(); }

}  // namespace fathom
