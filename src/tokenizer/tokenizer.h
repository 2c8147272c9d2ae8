// Byte-level BPE as a Hugging Face tokenizer.json describes it: added tokens, normalizer,
// pre-tokenizer, merges, decoder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace fathom {

struct EncodeOptions {
  bool add_bos = false;
  bool parse_added_tokens = true;  // false: text that spells an added token stays text (a user's
                                   // words cannot forge a role)
};

/// Thread-safe after construction: reads only.
class Tokenizer {
 public:
  /// From the text of tokenizer.json and (may be empty) of tokenizer_config.json. `where` names the
  /// files in messages.
  static Result<std::shared_ptr<const Tokenizer>> parse(std::string_view tokenizer_json,
                                                        std::string_view tokenizer_config_json,
                                                        const std::string& where);
  /// Reads DIRECTORY/tokenizer.json and, where present, DIRECTORY/tokenizer_config.json and
  /// DIRECTORY/chat_template.jinja, which goes before the config's template. Whatever in them would
  /// change ids and is not known is refused by name.
  static Result<std::shared_ptr<const Tokenizer>> open(const std::filesystem::path& directory);
  virtual ~Tokenizer() = default;

  /// Ids of any bytes. Adds bos where options ask for it and nothing else: what a post-processor
  /// would add is left to the caller. Each stretch of bytes that are not UTF-8 is one piece by
  /// itself, and the valid text around it is encoded as texts of their own: decode() gives the same
  /// bytes again, unless a normalizer or a byte without a token stands between.
  virtual std::vector<int32_t> encode(std::string_view text,
                                      const EncodeOptions& options = {}) const = 0;
  /// Bytes of one token: what a byte-level token stands for, or an added token's own UTF-8 text.
  /// Empty for an unknown id.
  virtual std::string token_bytes(int32_t id) const = 0;
  /// All tokens' bytes, as they are; may cut a UTF-8 character. skip_special drops added tokens
  /// marked special.
  virtual std::string decode(std::span<const int32_t> ids, bool skip_special = false) const = 0;
  /// -1 where the vocabulary has no such token.
  virtual int32_t token_id(std::string_view token) const = 0;
  virtual bool is_special(int32_t id) const = 0;
  /// One above the largest id.
  virtual int32_t vocab_size() const = 0;
  virtual int32_t bos_id() const = 0;  // -1: none
  virtual int32_t eos_id() const = 0;  // -1: none
  virtual bool add_bos_token() const = 0;
  /// chat_template.jinja or else tokenizer_config.json's chat_template (of several, "default");
  /// empty where there is none.
  virtual const std::string& chat_template() const = 0;
};

/// Text of a stream of tokens: holds back bytes until they make whole UTF-8 characters; bytes that
/// never can become U+FFFD.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true)
      : tokenizer_(tokenizer), skip_special_(skip_special) {}
  std::string push(int32_t id);
  /// What is still held back, as U+FFFD where it is not whole.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_;
  std::string held_;
};

}  // namespace fathom
