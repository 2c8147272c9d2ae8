// StreamDecoder: text of a stream of tokens whose boundaries may cut a UTF-8 character.
#include "tokenizer/tokenizer.h"
#include "tokenizer/utf8.h"

namespace fathom {

std::string StreamDecoder::push(int32_t id) {
  if (skip_special_ && tokenizer_.is_special(id)) return {};
  held_ += tokenizer_.token_bytes(id);
  std::string text;
  const size_t n_cut = append_valid_utf8(text, held_);
  held_.erase(0, held_.size() - n_cut);
  return text;
}

std::string StreamDecoder::finish() {
  const bool cut = !held_.empty();  // at most one character is ever held back
  held_.clear();
  return cut ? std::string(kReplacementCharacter) : std::string();
}

}  // namespace fathom
