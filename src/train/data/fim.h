// Fill-in-the-middle: at a rate, a document's text is cut in three and told as prefix, suffix,
// middle, so that a model learns to write between two texts. Decided and cut before tokenization,
// so that pieces may end inside what would be one token, as they do in use. Source: Bavarian et al.
// 2022 (arXiv 2207.14255); DeepSeek-V3 §4.1 (rate 0.1, PSM form).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/status.h"
#include "tokenizer/tokenizer.h"

namespace fathom {

/// The ids of <|fim_begin|>, <|fim_hole|> and <|fim_end|>, in the spelling that the tokenizer has.
struct FimTokens {
  int32_t begin = -1, hole = -1, end = -1;
};
/// Error: the tokenizer lacks one of them.
Result<FimTokens> find_fim_tokens(const Tokenizer& tokenizer);

struct FimCut {
  std::string_view prefix, middle, suffix;
};

/// The cut of a document whose text has hash `document`, or nothing if it stays whole; a function
/// of seed, document and rate alone. Cuts fall between UTF-8 characters. Requires: text is UTF-8.
std::optional<FimCut> fim_cut(std::string_view text, uint64_t seed, uint64_t document, double rate);

}  // namespace fathom
