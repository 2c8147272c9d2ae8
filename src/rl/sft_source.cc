// See sft_source.h. In the shards a sample is a document that begins with the lengths of its
// stretches (the prompt, then by turns what is learnt and what is given): how many there are, then
// two ids each, in base vocab_size. Prompt and answer follow.
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

// The ids before a sample's tokens.
int64_t header_ids(int64_t n_stretches) { return 1 + 2 * n_stretches; }

std::vector<int32_t> stored_sample(const SftTokens& tokens, int64_t base) {
  std::vector<int64_t> stretches = {static_cast<int64_t>(tokens.prompt.size())};
  uint8_t before = 0;
  for (const uint8_t learnt : tokens.learnt) {
    if (learnt != before) stretches.push_back(0);
    ++stretches.back();
    before = learnt;
  }
  std::vector<int32_t> ids = {static_cast<int32_t>(stretches.size())};
  for (const int64_t length : stretches) {
    ids.push_back(static_cast<int32_t>(length / base));
    ids.push_back(static_cast<int32_t>(length % base));
  }
  ids.insert(ids.end(), tokens.prompt.begin(), tokens.prompt.end());
  ids.insert(ids.end(), tokens.answer.begin(), tokens.answer.end());
  return ids;
}

SftTokens sample_of(std::span<const int32_t> ids, int64_t base) {
  const std::span<const int32_t> tokens = ids.subspan(header_ids(ids[0]));
  const auto length = [&](int64_t i) { return ids[1 + 2 * i] * base + ids[2 + 2 * i]; };
  SftTokens sample;
  sample.prompt.assign(tokens.begin(), tokens.begin() + length(0));
  sample.answer.assign(tokens.begin() + length(0), tokens.end());
  for (int64_t i = 1; i < ids[0]; ++i) sample.learnt.insert(sample.learnt.end(), length(i), i % 2);
  return sample;
}

std::string shown(const std::string& text) {
  return json(text.substr(0, 40)).dump(-1, ' ', false, json::error_handler_t::replace);
}

// What follows <think> where the template opens the thought.
Result<std::string_view> after_prompt(std::string_view answer, bool opens_thought,
                                      const std::string& where) {
  constexpr std::string_view kOpen = "<think>";
  if (!opens_thought) return answer;
  if (!answer.starts_with(kOpen) || answer.find("</think>") == std::string_view::npos) {
    return Status::error(
        fmt::format("{}: an answer that begins with <think> and closes it wanted, {} found", where,
                    shown(std::string(answer))));
  }
  answer.remove_prefix(kOpen.size());
  if (answer.starts_with('\n')) answer.remove_prefix(1);
  return answer;
}

// A stretch of samples, read from the corpus.
struct SftStretch {
  std::vector<SftTokens> samples;
  RolloutBatch batch;
  void pack() {
    std::vector<PromptAnswer> rows;
    for (const SftTokens& s : samples)
      rows.push_back({.prompt = s.prompt, .answer = s.answer, .learnt = s.learnt});
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
    data_.summary.train_tokens -= all_header_ids(data_.train);
    data_.summary.validation_tokens -= all_header_ids(data_.validation);
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
    lines.name = fmt::format("sft 2, template {}, seq_len {}", format.template_name(), most);
    if (refuse) lines.name += ", too long refused";
    lines.encode = [format, most, base, refuse](
                       std::string_view line,
                       const std::string& where) -> Result<std::vector<int32_t>> {
      FATHOM_ASSIGN_OR_RETURN(const std::vector<SftTurn> turns, parse_sft_sample(line, where));
      FATHOM_ASSIGN_OR_RETURN(const SftTokens tokens, encode_sft_sample(turns, format, where));
      const auto n = static_cast<int64_t>(tokens.prompt.size() + tokens.answer.size()) - 1;
      if (static_cast<int64_t>(turns.size()) > base / 2) {
        return Status::error(fmt::format("{}: at most {} answers to learn from wanted, {} found",
                                         where, base / 2, turns.size()));
      }
      if (n > most && !refuse) return std::vector<int32_t>();
      if (n > most) {
        return Status::error(fmt::format(
            "{}: a sample of at most data.seq_len {} predicted tokens, or data.too_long = "
            "\"leave_out\", wanted, {} found",
            where, most, n));
      }
      return stored_sample(tokens, base);
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

  static int64_t header_ids_of(const Corpus& corpus, int64_t document) {
    int32_t n_stretches = 0;
    corpus.copy({&n_stretches, 1}, document, 0);
    return header_ids(n_stretches);
  }

  static int64_t all_header_ids(const Corpus& corpus) {
    int64_t n = 0;
    for (int64_t d = 0; d < corpus.n_documents(); ++d) n += header_ids_of(corpus, d);
    return n;
  }

  static int64_t predictions(const Corpus& corpus, int64_t document) {
    return corpus.length(document) - header_ids_of(corpus, document) - 1;
  }

  SftTokens read(const Corpus& corpus, int64_t document) const {
    std::vector<int32_t> ids(corpus.length(document));
    corpus.copy(ids, document, 0);
    return sample_of(ids, base_);
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

Result<std::vector<SftTurn>> parse_sft_sample(std::string_view line, const std::string& where) {
  const json j = json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto wrong = [&](const std::string& wanted, const std::string& found) {
    return Status::error(fmt::format("{}: {} wanted, {} found", where, wanted, found));
  };
  if (!j.is_object() || !j.contains("messages") || !j["messages"].is_array() ||
      j["messages"].empty()) {
    return wrong("a JSON object {\"messages\": [...]}",
                 j.is_discarded() ? "text that is no JSON" : "another value");
  }
  std::vector<SftTurn> turns(1);
  const size_t n = j["messages"].size();
  for (size_t i = 0; i < n; ++i) {
    const json& m = j["messages"][i];
    const bool whole = m.is_object() && m.contains("role") && m["role"].is_string() &&
                       m.contains("content") && m["content"].is_string();
    if (!whole)
      return wrong(fmt::format("messages[{}]: {{\"role\", \"content\"}} of two strings", i),
                   shown(m.dump(-1, ' ', false, json::error_handler_t::replace)));
    ChatMessage message{m["role"], m["content"]};
    const bool assistant = message.role == "assistant";
    if (message.role != "system" && message.role != "user" && !assistant) {
      return wrong(fmt::format("messages[{}]: role system, user or assistant", i),
                   shown(message.role));
    }
    const json weight = m.value("weight", json(i + 1 == n && assistant ? 1 : 0));
    if (weight != 0 && !(weight == 1 && assistant)) {
      return wrong(fmt::format("messages[{}]: weight 0, or of the assistant 1", i),
                   weight.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace)
                       .substr(0, 40));
    }
    if (i + 1 == n && !assistant)
      return wrong("a last message of the assistant", "one of the " + message.role);
    if (i + 1 == n && weight == 0)
      return wrong(fmt::format("messages[{}], the last: weight 1", i), "0");
    auto& before = turns.back().before;
    if (weight == 0) {
      before.push_back(std::move(message));
      continue;
    }
    if (before.empty() || before.back().role != "user") {
      return wrong(fmt::format("a message of the user before messages[{}]", i),
                   before.empty() ? "none" : "one of the " + before.back().role);
    }
    turns.back().answer = std::move(message.content);
    if (i + 1 < n) turns.emplace_back();
  }
  return turns;
}

Result<SftTokens> encode_sft_sample(const std::vector<SftTurn>& turns, const ChatFormat& format,
                                    const std::string& where) {
  SftTokens sample;
  const auto append = [&](const std::vector<int32_t>& tokens, uint8_t learnt) {
    sample.answer.insert(sample.answer.end(), tokens.begin(), tokens.end());
    sample.learnt.insert(sample.learnt.end(), tokens.size(), learnt);
  };
  for (const SftTurn& turn : turns) {
    const bool first = sample.prompt.empty();
    auto prompt = first ? format.prompt(turn.before) : format.next_prompt(turn.before);
    if (!prompt.ok()) return Status::error(where + ": " + prompt.message());
    FATHOM_ASSIGN_OR_RETURN(const std::string_view answer,
                            after_prompt(turn.answer, prompt.value().opens_thought, where));
    if (first) {
      sample.prompt = std::move(prompt.value().tokens);
    } else {
      append(prompt.value().tokens, 0);
    }
    append(format.completion(answer), 1);
  }
  return sample;
}

std::unique_ptr<BatchSource> make_sft_source() { return std::make_unique<SftSource>(); }

}  // namespace fathom
