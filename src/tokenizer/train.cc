// Counting pieces in chunks on the pool, learning, and writing the two files; see train.h.
#include "tokenizer/train.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/threads.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe_learner.h"
#include "tokenizer/pre_tokenizer_json.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_file_writer.h"
#include "tokenizer/utf8.h"

namespace fathom {
namespace {

constexpr size_t kChunkBytes = 1 << 20;
constexpr size_t kBatchBytes = 32 << 20;  // of chunks that are counted together

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
};
using Counts = std::unordered_map<std::string, int64_t, StringHash, std::equal_to<>>;

void add_count(Counts& counts, std::string_view piece, int64_t n) {
  const auto it = counts.find(piece);
  if (it != counts.end()) {
    it->second += n;
  } else {
    counts.emplace(piece, n);
  }
}

/// Where a chunk that begins at the front of `text` may end without cutting a piece: after a line
/// end that no space follows.
size_t chunk_end(std::string_view text) {
  for (size_t at = kChunkBytes; at + 1 < text.size(); ++at) {
    at = text.find('\n', at);
    if (at == std::string_view::npos || at + 1 >= text.size()) break;
    const auto next = static_cast<uint8_t>(text[at + 1]);
    if (next > ' ' && next < 0x7F) return at + 1;
  }
  return text.size();
}

Status check_options(const TokenizerTraining& o) {
  std::unordered_set<std::string_view> names;
  for (const auto* list : {&o.special_tokens, &o.added_tokens}) {
    for (const std::string& token : *list) {
      if (token.empty() || valid_utf8_prefix(token) != token.size()) {
        return Status::error("tokenizer training: tokens of UTF-8 text wanted, \"" + token +
                             "\" found");
      }
      if (!names.insert(token).second) {
        return Status::error("tokenizer training: each token once wanted, \"" + token +
                             "\" found twice");
      }
    }
  }
  for (const std::string* name : {&o.bos_token, &o.eos_token, &o.pad_token}) {
    if (!name->empty() && !names.contains(*name)) {
      return Status::error("tokenizer training: bos, eos and pad among the tokens wanted, \"" +
                           *name + "\" found");
    }
  }
  const auto least = static_cast<int64_t>(names.size()) + 256;
  if (o.vocab_size >= least) return {};
  return Status::error("tokenizer training: a vocabulary of at least " + std::to_string(least) +
                       " (" + std::to_string(names.size()) +
                       " special and added tokens and 256 bytes) wanted, " +
                       std::to_string(o.vocab_size) + " found");
}

class Trainer final : public TokenizerTrainer {
 public:
  Trainer(const TokenizerTraining& options, PreTokenizer pre_tokenizer)
      : options_(options), pre_tokenizer_(std::move(pre_tokenizer)) {
    for (const auto* list : {&options_.special_tokens, &options_.added_tokens}) {
      for (const std::string& token : *list) {
        AddedToken added;
        added.content = token;
        added.id = 0;
        matcher_.add(added);
      }
    }
  }

  void add_text(std::string_view text) override {
    n_text_bytes_ += static_cast<int64_t>(text.size());
    while (!text.empty()) {
      const size_t end = text.size() <= kChunkBytes ? text.size() : chunk_end(text);
      chunks_.emplace_back(text.substr(0, end));
      n_chunk_bytes_ += end;
      text.remove_prefix(end);
      if (n_chunk_bytes_ >= kBatchBytes) count_chunks();
    }
  }

  Result<TrainedTokenizer> train(const std::function<void(int64_t, int64_t)>& progress) override;
  int64_t n_text_bytes() const override { return n_text_bytes_; }
  int64_t n_distinct_pieces() const override { return static_cast<int64_t>(counts_.size()); }

 private:
  Counts count(std::string_view text) const;
  void count_chunks();

  const TokenizerTraining options_;
  const PreTokenizer pre_tokenizer_;
  AddedTokenMatcher matcher_;
  Counts counts_;
  std::vector<std::string> chunks_;
  size_t n_chunk_bytes_ = 0;
  int64_t n_text_bytes_ = 0;
};

Counts Trainer::count(std::string_view text) const {
  Counts counts;
  PreTokenizerScratch scratch;
  const auto count_valid = [&](std::string_view valid) {
    matcher_.split(valid, [&](int32_t id, std::string_view part) {
      if (id >= 0) return;
      pre_tokenizer_.split(part, scratch,
                           [&](std::string_view piece) { add_count(counts, piece, 1); });
    });
  };
  while (!text.empty()) {
    const size_t n = valid_utf8_prefix(text);
    count_valid(text.substr(0, n));
    text.remove_prefix(n == text.size() ? n : n + 1);
  }
  return counts;
}

void Trainer::count_chunks() {
  std::vector<Counts> parts(chunks_.size());
  parallel_for(static_cast<int64_t>(chunks_.size()), [&](int64_t i) {
    parts[static_cast<size_t>(i)] = count(chunks_[static_cast<size_t>(i)]);
  });
  for (const Counts& part : parts) {
    for (const auto& [piece, n] : part) add_count(counts_, piece, n);
  }
  chunks_.clear();
  n_chunk_bytes_ = 0;
}

Result<TrainedTokenizer> Trainer::train(const std::function<void(int64_t, int64_t)>& progress) {
  count_chunks();
  std::vector<PieceCount> pieces;
  pieces.reserve(counts_.size());
  size_t n_bytes = 0;
  for (const auto& [piece, n] : counts_) {
    pieces.push_back({piece, n});
    n_bytes += piece.size();
  }
  if (n_bytes >= size_t{1} << 31) {
    return Status::error("tokenizer training: less than 2 GiB of distinct pieces wanted, " +
                         std::to_string(n_bytes) + " bytes found");
  }
  BpeLearning learning;
  learning.n_tokens = options_.vocab_size - 256 -
                      static_cast<int64_t>(options_.special_tokens.size()) -
                      static_cast<int64_t>(options_.added_tokens.size());
  learning.min_count = options_.min_count;
  learning.max_token_bytes = options_.max_token_bytes;
  learning.progress = progress;
  const LearnedBpe learned = learn_bpe(pieces, learning);
  TrainedTokenizer result = write_tokenizer_files(options_, learned);
  const auto check =
      Tokenizer::parse(result.tokenizer_json, result.tokenizer_config_json, "trained tokenizer");
  if (!check.ok()) return check.status();
  return result;
}

}  // namespace

Result<std::unique_ptr<TokenizerTrainer>> TokenizerTrainer::create(
    const TokenizerTraining& options) {
  FATHOM_RETURN_IF_ERROR(check_options(options));
  FATHOM_ASSIGN_OR_RETURN(PreTokenizer pre_tokenizer, training_pre_tokenizer());
  return std::unique_ptr<TokenizerTrainer>(
      std::make_unique<Trainer>(options, std::move(pre_tokenizer)));
}

}  // namespace fathom
