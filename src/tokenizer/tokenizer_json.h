// What the two files of a published tokenizer say, checked: tokenizer.json (vocabulary, merges,
// added tokens, normalizer, pre-tokenizer) and tokenizer_config.json (names of bos and eos, chat
// template).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"

namespace fathom {

inline constexpr int64_t kMostTokenIds = 1 << 22;

struct LiteralToken {
  std::string text;
  int32_t id;
};

/// Ids are below kMostTokenIds, and each belongs to one text.
struct TokenizerFile {
  std::vector<BpeToken> tokens;        // entries of model.vocab that are letters of bytes
  std::vector<LiteralToken> literals;  // the other entries: no piece ever becomes one
  std::vector<BpeMerge> merges;
  bool ignore_merges = false;
  std::vector<AddedToken> added_tokens;  // each content once
  std::vector<NormalForm> normalizer;
  PreTokenizer pre_tokenizer;
  std::string template_bos;  // the special token that the post-processor puts first; empty: none
};

/// Refuses by name whatever would change ids and is not known here.
Result<TokenizerFile> read_tokenizer_json(std::string_view text, const std::string& where);

struct TokenizerConfig {
  std::string bos_token, eos_token;  // empty: none
  std::optional<bool> add_bos_token;
  std::string chat_template;  // of several, the one called default; empty: none
};

Result<TokenizerConfig> read_tokenizer_config(std::string_view text, const std::string& where);

}  // namespace fathom
