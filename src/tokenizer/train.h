// Training a tokenizer of DeepSeek-V3's kind on text: its sequence of splits with single digits,
// byte-level BPE, special tokens first and the chat's tokens last, written as the files that every
// reader of Hugging Face's layout opens.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace fathom {

struct TokenizerTraining {
  int64_t vocab_size =
      0;  // counts everything: special tokens, 256 bytes, merged tokens, added tokens
  std::vector<std::string> special_tokens = {"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>",
                                             "<｜▁pad▁｜>"};
  std::vector<std::string> added_tokens = {"<｜User｜>",   "<｜Assistant｜>", "<think>",
                                           "</think>",     "<｜fim▁hole｜>",  "<｜fim▁begin｜>",
                                           "<｜fim▁end｜>"};  // not special
  std::string bos_token = "<｜begin▁of▁sentence｜>", eos_token = "<｜end▁of▁sentence｜>",
              pad_token = "<｜▁pad▁｜>";
  bool add_bos_token = true;
  std::string chat_template;    // empty: none is written
  int64_t min_count = 2;        // a pair that occurs less often is not merged
  int64_t max_token_bytes = 0;  // 0: no limit
};

struct TrainedTokenizer {
  std::string tokenizer_json, tokenizer_config_json;
  int64_t vocab_size = 0;  // below the wanted one where the text has no more pairs to merge
  int64_t n_merges = 0;
};

/// Counts pieces of text, then learns. One thread calls it; counting is shared out over the pool.
class TokenizerTrainer {
 public:
  /// Error: tokens given twice, a bos, eos or pad that is not among them, a vocabulary too small
  /// for them and the bytes.
  static Result<std::unique_ptr<TokenizerTrainer>> create(const TokenizerTraining& options);
  virtual ~TokenizerTrainer() = default;

  /// Texts of special and added tokens within it are left out. What is not UTF-8 is left out.
  virtual void add_text(std::string_view text) = 0;
  /// The result depends on the texts, not on their order nor on the number of threads.
  virtual Result<TrainedTokenizer> train(
      const std::function<void(int64_t done, int64_t wanted)>& progress = {}) = 0;
  virtual int64_t n_text_bytes() const = 0;
  virtual int64_t n_distinct_pieces() const = 0;
};

}  // namespace fathom
