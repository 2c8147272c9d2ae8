// A small tokenizer.json to change and to parse, for this folder's tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "tokenizer/byte_letters.h"
#include "tokenizer/tokenizer.h"

namespace fathom {

/// Token of byte b: id b. Token of merge i: id 256 + i. The pre-tokenizer is ByteLevel without its
/// regex: one piece.
inline nlohmann::json tiny_tokenizer(
    const std::vector<std::pair<std::string, std::string>>& merges) {
  using Json = nlohmann::json;
  Json vocab = Json::object(), list = Json::array();
  for (int b = 0; b < 256; ++b) vocab[bytes_to_letters(std::string(1, static_cast<char>(b)))] = b;
  int id = 256;
  for (const auto& [left, right] : merges) {
    vocab[bytes_to_letters(left + right)] = id++;
    list.push_back(bytes_to_letters(left) + " " + bytes_to_letters(right));
  }
  return {
      {"version", "1.0"},
      {"added_tokens", Json::array()},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", list}}}};
}

inline nlohmann::json added_token(int id, const std::string& content,
                                  const nlohmann::json& flags = {}) {
  nlohmann::json token = {
      {"id", id},        {"content", content}, {"special", false},    {"normalized", false},
      {"lstrip", false}, {"rstrip", false},    {"single_word", false}};
  if (flags.is_object()) token.update(flags);
  return token;
}

inline std::shared_ptr<const Tokenizer> parse_or_fail(const nlohmann::json& json,
                                                      const nlohmann::json& config = {}) {
  auto parsed = Tokenizer::parse(json.dump(), config.is_null() ? "" : config.dump(), "test");
  if (!parsed.ok()) throw std::runtime_error(parsed.message());
  return parsed.value();
}

/// The tokens of `text`, each as its bytes.
inline std::vector<std::string> pieces(const Tokenizer& tokenizer, std::string_view text,
                                       const EncodeOptions& options = {}) {
  std::vector<std::string> out;
  for (const int32_t id : tokenizer.encode(text, options)) out.push_back(tokenizer.token_bytes(id));
  return out;
}

}  // namespace fathom
