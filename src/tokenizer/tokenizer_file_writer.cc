// See tokenizer_file_writer.h. The same JSON that is written is read to make the trainer's pieces,
// so the two cannot differ.
#include "tokenizer/tokenizer_file_writer.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "tokenizer/byte_letters.h"
#include "tokenizer/pre_tokenizer_json.h"

namespace fathom {
namespace {

using OrderedJson = nlohmann::ordered_json;

// DeepSeek-V3's three, the first with \p{N} for \p{N}{1,3}.
constexpr const char* kSplits[] = {
    R"(\p{N})",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    "[!\"#$%&'()*+,\\-./"
    ":;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?"
    "[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
};

OrderedJson byte_level(bool add_prefix_space, bool trim_offsets, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", trim_offsets},
          {"use_regex", use_regex}};
}

OrderedJson pre_tokenizer_json() {
  OrderedJson members = OrderedJson::array();
  for (const char* pattern : kSplits) {
    members.push_back({{"type", "Split"},
                       {"pattern", {{"Regex", pattern}}},
                       {"behavior", "Isolated"},
                       {"invert", false}});
  }
  members.push_back(byte_level(false, true, false));
  return {{"type", "Sequence"}, {"pretokenizers", members}};
}

/// Byte of each place in the order of the letters' code points.
std::array<int, 256> bytes_by_letter() {
  std::array<int, 256> bytes;
  for (int i = 0; i < 256; ++i) bytes[static_cast<size_t>(i)] = i;
  std::sort(bytes.begin(), bytes.end(), [](int a, int b) {
    return byte_letters()[static_cast<size_t>(a)] < byte_letters()[static_cast<size_t>(b)];
  });
  return bytes;
}

/// Ordered objects search all their keys on [], which takes the square of a vocabulary; this
/// appends.
void append(OrderedJson& object, std::string key, int64_t value) {
  object.get_ref<OrderedJson::object_t&>().push_back({std::move(key), value});
}

OrderedJson added_token(const std::string& content, int64_t id, bool special) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

/// The letters of a symbol of LearnedBpe.
std::string letters_of(const LearnedBpe& learned, int32_t symbol) {
  return bytes_to_letters(symbol < 256 ? std::string(1, static_cast<char>(symbol))
                                       : learned.tokens[static_cast<size_t>(symbol) - 256]);
}

OrderedJson vocab_json(const TokenizerTraining& options, const LearnedBpe& learned) {
  OrderedJson vocab = OrderedJson::object();
  int64_t id = 0;
  for (const std::string& token : options.special_tokens) append(vocab, token, id++);
  for (const int byte : bytes_by_letter()) append(vocab, letters_of(learned, byte), id++);
  for (const std::string& token : learned.tokens) append(vocab, bytes_to_letters(token), id++);
  return vocab;
}

OrderedJson model_json(const TokenizerTraining& options, const LearnedBpe& learned) {
  OrderedJson merges = OrderedJson::array();
  for (const LearnedBpe::Merge& merge : learned.merges) {
    merges.push_back(letters_of(learned, merge.left) + " " + letters_of(learned, merge.right));
  }
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"vocab", vocab_json(options, learned)},
          {"merges", std::move(merges)}};
}

OrderedJson added_tokens_json(const TokenizerTraining& options, int64_t first_added_id) {
  OrderedJson list = OrderedJson::array();
  int64_t id = 0;
  for (const std::string& token : options.special_tokens)
    list.push_back(added_token(token, id++, true));
  id = first_added_id;
  for (const std::string& token : options.added_tokens)
    list.push_back(added_token(token, id++, false));
  return list;
}

std::string config_json(const TokenizerTraining& options) {
  OrderedJson config = {{"tokenizer_class", "LlamaTokenizerFast"},
                 {"legacy", true},
                 {"add_bos_token", options.add_bos_token},
                 {"add_eos_token", false},
                 {"bos_token", nullptr},
                 {"eos_token", nullptr},
                 {"pad_token", nullptr},
                 {"clean_up_tokenization_spaces", false}};
  if (!options.bos_token.empty()) config["bos_token"] = options.bos_token;
  if (!options.eos_token.empty()) config["eos_token"] = options.eos_token;
  if (!options.pad_token.empty()) config["pad_token"] = options.pad_token;
  if (!options.chat_template.empty()) config["chat_template"] = options.chat_template;
  return config.dump(2) + "\n";
}

}  // namespace

Result<PreTokenizer> training_pre_tokenizer() {
  return read_pre_tokenizer(nlohmann::json::parse(pre_tokenizer_json().dump()),
                            "training pre-tokenizer");
}

TrainedTokenizer write_tokenizer_files(const TokenizerTraining& options,
                                       const LearnedBpe& learned) {
  const auto first_added =
      static_cast<int64_t>(options.special_tokens.size() + 256 + learned.tokens.size());
  OrderedJson root = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  root["added_tokens"] = added_tokens_json(options, first_added);
  root["normalizer"] = {{"type", "Sequence"}, {"normalizers", OrderedJson::array()}};
  root["pre_tokenizer"] = pre_tokenizer_json();
  root["post_processor"] = byte_level(true, false, true);
  root["decoder"] = byte_level(true, true, true);
  root["model"] = model_json(options, learned);
  TrainedTokenizer result;
  result.tokenizer_json = root.dump(2) + "\n";
  result.tokenizer_config_json = config_json(options);
  result.vocab_size = first_added + static_cast<int64_t>(options.added_tokens.size());
  result.n_merges = static_cast<int64_t>(learned.merges.size());
  return result;
}

}  // namespace fathom
