// What the tests of this folder share: a tokenizer of single bytes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace fathom {

/// A token is a byte; 256 begins, 257 ends, 258 to 260 are the three of fill-in-the-middle.
class ByteTokenizer : public Tokenizer {
 public:
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions&) const override {
    std::vector<int32_t> ids;
    for (unsigned char c : text) ids.push_back(c);
    return ids;
  }
  std::string token_bytes(int32_t id) const override {
    static const char* const kSpecial[] = {"<s>", "</s>", "<|fim_begin|>", "<|fim_hole|>",
                                           "<|fim_end|>"};
    if (id < 0 || id >= vocab_size()) return {};
    return id < 256 ? std::string(1, static_cast<char>(id)) : kSpecial[id - 256];
  }
  std::string decode(std::span<const int32_t> ids, bool skip_special) const override {
    std::string text;
    for (int32_t id : ids) {
      if (!skip_special || !is_special(id)) text += token_bytes(id);
    }
    return text;
  }
  int32_t token_id(std::string_view token) const override {
    for (int32_t id = 256; id < vocab_size(); ++id) {
      if (token_bytes(id) == token) return id;
    }
    return -1;
  }
  bool is_special(int32_t id) const override { return id >= 256; }
  int32_t vocab_size() const override { return 261; }
  int32_t bos_id() const override { return 256; }
  int32_t eos_id() const override { return 257; }
  bool add_bos_token() const override { return true; }
  const std::string& chat_template() const override { return empty_; }

 private:
  std::string empty_;
};

}  // namespace fathom
