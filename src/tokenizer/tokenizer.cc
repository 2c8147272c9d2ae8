// The whole way of a text to ids: added tokens in the raw text, normalizer, added tokens in the
// normalized text, pre-tokenizer, BPE. Text that is not UTF-8 is not refused: each stretch of
// invalid bytes is one piece by itself, between valid stretches that are each encoded as a text of
// their own, so that decode(encode(x)) == x for any bytes x (if the vocabulary has all byte
// letters, and no normalizer changes the text).
#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <unordered_map>

#include "base/file.h"
#include "tokenizer/byte_letters.h"
#include "tokenizer/tokenizer_json.h"
#include "tokenizer/utf8.h"

namespace fathom {
namespace {

class ByteLevelTokenizer final : public Tokenizer {
 public:
  ByteLevelTokenizer(TokenizerFile file, TokenizerConfig config)
      : bpe_(file.tokens, file.merges, file.ignore_merges),
        normalizer_(std::move(file.normalizer)),
        pre_tokenizer_(std::move(file.pre_tokenizer)),
        chat_template_(std::move(config.chat_template)) {
    for (const AddedToken& token : file.added_tokens) {
      token.normalized ? add_normalized(token) : raw_matcher_.add(token);
    }
    store_tokens(file);
  }

  /// The ids of bos and eos; an error where the vocabulary lacks the one that is named.
  Status set_bos_eos(const TokenizerFile& file, const TokenizerConfig& config,
                     const std::string& where) {
    const std::string& bos = config.bos_token.empty() ? file.template_bos : config.bos_token;
    if (!bos.empty() && (bos_id_ = token_id(bos)) < 0) return unknown(where, "bos_token", bos);
    const std::string& eos = config.eos_token;
    if (!eos.empty() && (eos_id_ = token_id(eos)) < 0) return unknown(where, "eos_token", eos);
    add_bos_token_ = bos_id_ >= 0 && config.add_bos_token.value_or(!file.template_bos.empty());
    return {};
  }

  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options) const override;
  std::string token_bytes(int32_t id) const override { return std::string(bytes_of(id)); }
  std::string decode(std::span<const int32_t> ids, bool skip_special) const override;
  int32_t token_id(std::string_view token) const override;
  bool is_special(int32_t id) const override {
    return id >= 0 && id < vocab_size() && special_[static_cast<size_t>(id)];
  }
  int32_t vocab_size() const override { return static_cast<int32_t>(special_.size()); }
  int32_t bos_id() const override { return bos_id_; }
  int32_t eos_id() const override { return eos_id_; }
  bool add_bos_token() const override { return add_bos_token_; }
  const std::string& chat_template() const override { return chat_template_; }

 private:
  struct Encoding {
    std::vector<int32_t> ids;
    BpeScratch bpe;
    PreTokenizerScratch pre_tokenizer;
    std::string normalized;
    bool parse_added_tokens;
  };

  static Status unknown(const std::string& where, const char* key, const std::string& name) {
    return Status::error(where + ": " + key + ": a token of the vocabulary wanted, \"" + name +
                         "\" found");
  }
  void add_normalized(const AddedToken& token);
  void store_tokens(const TokenizerFile& file);
  std::string_view bytes_of(int32_t id) const;
  void encode_valid(Encoding& e, std::string_view text) const;
  void encode_normalized(Encoding& e, std::string_view text) const;
  void encode_text(Encoding& e, std::string_view text) const;

  Bpe bpe_;
  std::vector<NormalForm> normalizer_;
  PreTokenizer pre_tokenizer_;
  AddedTokenMatcher raw_matcher_, normalized_matcher_;
  std::unordered_map<std::string, int32_t>
      names_;                      // added tokens, and entries that are no letters of bytes
  std::string pool_;               // the bytes of all tokens in the order of their ids
  std::vector<uint64_t> offsets_;  // vocab_size() + 1
  std::vector<bool> special_;
  int32_t bos_id_ = -1, eos_id_ = -1;
  bool add_bos_token_ = false;
  std::string chat_template_;
};

void ByteLevelTokenizer::add_normalized(const AddedToken& token) {
  AddedToken normalized = token;
  std::string storage;
  normalized.content = std::string(normalize(normalizer_, token.content, storage));
  normalized_matcher_.add(normalized);
}

void ByteLevelTokenizer::store_tokens(const TokenizerFile& file) {
  std::vector<std::pair<int32_t, std::string_view>> all;
  for (const BpeToken& token : file.tokens) all.emplace_back(token.id, token.bytes);
  for (const LiteralToken& token : file.literals) all.emplace_back(token.id, token.text);
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  // An added token is its own text, also where model.vocab holds the same letters.
  std::vector<std::pair<int32_t, std::string_view>> added;
  for (const AddedToken& token : file.added_tokens) added.emplace_back(token.id, token.content);
  std::stable_sort(added.begin(), added.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  const int32_t last =
      std::max(all.empty() ? -1 : all.back().first, added.empty() ? -1 : added.back().first);
  offsets_.reserve(static_cast<size_t>(last) + 2);
  auto a = all.begin();
  auto b = added.begin();
  for (int32_t id = 0; id <= last; ++id) {
    offsets_.push_back(pool_.size());
    const bool in_all = a != all.end() && a->first == id;
    const bool in_added = b != added.end() && b->first == id;
    if (in_all || in_added) pool_ += in_added ? b->second : a->second;
    if (in_all) ++a;
    if (in_added) ++b;
  }
  offsets_.push_back(pool_.size());
  special_.resize(static_cast<size_t>(last) + 1);
  for (const LiteralToken& token : file.literals) names_.emplace(token.text, token.id);
  for (const AddedToken& token : file.added_tokens) {
    names_.emplace(token.content, token.id);
    special_[static_cast<size_t>(token.id)] = token.special;
  }
}

std::string_view ByteLevelTokenizer::bytes_of(int32_t id) const {
  if (id < 0 || id >= vocab_size()) return {};
  const uint64_t begin = offsets_[static_cast<size_t>(id)];
  return std::string_view(pool_).substr(begin, offsets_[static_cast<size_t>(id) + 1] - begin);
}

int32_t ByteLevelTokenizer::token_id(std::string_view token) const {
  const auto it = names_.find(std::string(token));
  if (it != names_.end()) return it->second;
  const std::optional<std::string> bytes = letters_to_bytes(token);
  return bytes && !bytes->empty() ? bpe_.token_of(*bytes) : -1;
}

std::vector<int32_t> ByteLevelTokenizer::encode(std::string_view text,
                                                const EncodeOptions& options) const {
  Encoding e;
  e.parse_added_tokens = options.parse_added_tokens;
  e.ids.reserve(text.size() / 3 + 8);
  if (options.add_bos && bos_id_ >= 0) e.ids.push_back(bos_id_);
  while (!text.empty()) {
    const size_t n_valid = valid_utf8_prefix(text);
    if (n_valid > 0) encode_valid(e, text.substr(0, n_valid));
    text.remove_prefix(n_valid);
    size_t n_invalid = 0;
    while (n_invalid < text.size()) {
      const Utf8Char c = first_utf8_char(text.substr(n_invalid));
      if (c.kind == Utf8Kind::kValid) break;
      n_invalid += c.n_bytes;
    }
    if (n_invalid > 0) bpe_.encode(e.ids, text.substr(0, n_invalid), e.bpe);
    text.remove_prefix(n_invalid);
  }
  return std::move(e.ids);
}

void ByteLevelTokenizer::encode_valid(Encoding& e, std::string_view text) const {
  if (!e.parse_added_tokens || raw_matcher_.empty()) return encode_normalized(e, text);
  raw_matcher_.split(text, [&](int32_t id, std::string_view part) {
    id >= 0 ? e.ids.push_back(id) : encode_normalized(e, part);
  });
}

void ByteLevelTokenizer::encode_normalized(Encoding& e, std::string_view text) const {
  text = normalize(normalizer_, text, e.normalized);
  if (!e.parse_added_tokens || normalized_matcher_.empty()) return encode_text(e, text);
  normalized_matcher_.split(text, [&](int32_t id, std::string_view part) {
    id >= 0 ? e.ids.push_back(id) : encode_text(e, part);
  });
}

void ByteLevelTokenizer::encode_text(Encoding& e, std::string_view text) const {
  pre_tokenizer_.split(text, e.pre_tokenizer,
                       [&](std::string_view piece) { bpe_.encode(e.ids, piece, e.bpe); });
}

std::string ByteLevelTokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string text;
  for (const int32_t id : ids) {
    if (!(skip_special && is_special(id))) text += bytes_of(id);
  }
  return text;
}

Result<std::shared_ptr<const Tokenizer>> build(std::string_view tokenizer_json,
                                               std::string_view config_json,
                                               const std::string& where,
                                               const std::string& config_where,
                                               const std::string& chat_template) {
  FATHOM_ASSIGN_OR_RETURN(TokenizerFile file, read_tokenizer_json(tokenizer_json, where));
  TokenizerConfig config;
  if (!config_json.empty()) {
    FATHOM_ASSIGN_OR_RETURN(config, read_tokenizer_config(config_json, config_where));
  }
  if (!chat_template.empty()) config.chat_template = chat_template;
  auto tokenizer = std::make_shared<ByteLevelTokenizer>(file, config);
  FATHOM_RETURN_IF_ERROR(tokenizer->set_bos_eos(file, config, config_where));
  return std::shared_ptr<const Tokenizer>(std::move(tokenizer));
}

/// Empty where there is no such file.
Result<std::string> read_if_there(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::string();
  return read_file(path);
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> Tokenizer::parse(std::string_view tokenizer_json,
                                                          std::string_view tokenizer_config_json,
                                                          const std::string& where) {
  return build(tokenizer_json, tokenizer_config_json, where, where, "");
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::open(const std::filesystem::path& directory) {
  const std::filesystem::path json = directory / "tokenizer.json",
                              config = directory / "tokenizer_config.json";
  FATHOM_ASSIGN_OR_RETURN(const std::string json_text, read_file(json));
  FATHOM_ASSIGN_OR_RETURN(const std::string config_text, read_if_there(config));
  FATHOM_ASSIGN_OR_RETURN(const std::string chat_template,
                          read_if_there(directory / "chat_template.jinja"));
  return build(json_text, config_text, json.string(), config.string(), chat_template);
}

}  // namespace fathom
