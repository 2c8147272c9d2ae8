// Reading and checking; see tokenizer_json.h. The layout is that of Hugging Face's tokenizers 0.x,
// version "1.0" of the file.
#include "tokenizer/tokenizer_json.h"

#include <algorithm>
#include <unordered_set>

#include "tokenizer/byte_letters.h"
#include "tokenizer/byte_map.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/pre_tokenizer_json.h"

namespace fathom {
namespace {

Result<int32_t> read_id(const Json* json, const std::string& where) {
  if (json == nullptr || !json->is_number_integer()) {
    return field_error(where, "an id", json == nullptr ? "none" : json->type_name());
  }
  const auto id = json->get<int64_t>();
  if (id < 0 || id >= kMostTokenIds ||
      (json->is_number_unsigned() && json->get<uint64_t>() >= kMostTokenIds)) {
    return field_error(where, fmt::format("an id from 0 to {}", kMostTokenIds - 1), json->dump());
  }
  return static_cast<int32_t>(id);
}

/// The vocabulary while it is read: both directions, so that no id and no text is given twice.
struct Names {
  ByteMap id_of;
  std::vector<std::string_view> text_of;  // data() is null where the id is free

  Status add(std::string_view text, int32_t id, const std::string& where) {
    const auto i = static_cast<size_t>(id);
    if (i >= text_of.size()) text_of.resize(std::max(i + 1, 2 * text_of.size()));
    if (text_of[i].data() != nullptr) {
      return field_error(where, fmt::format("id {} for one token", id),
                         fmt::format("\"{}\" and \"{}\"", text_of[i], text));
    }
    text_of[i] = text;
    id_of.insert(text, id);
    return {};
  }
};

Status read_vocab(TokenizerFile& file, Names& names, const Json& model, const std::string& where) {
  const Json* vocab = find_field(model, "vocab");
  if (vocab == nullptr || !vocab->is_object() || vocab->empty()) {
    return field_error(where + ".vocab", "an object of tokens",
                       vocab == nullptr ? "none" : vocab->type_name());
  }
  for (auto it = vocab->begin(); it != vocab->end(); ++it) {
    const std::string& text = it.key();
    FATHOM_ASSIGN_OR_RETURN(const int32_t id, read_id(&*it, where + ".vocab[\"" + text + "\"]"));
    FATHOM_RETURN_IF_ERROR(names.add(text, id, where + ".vocab"));
    std::optional<std::string> bytes = letters_to_bytes(text);
    if (bytes && !bytes->empty()) {
      file.tokens.push_back({std::move(*bytes), id});
    } else {
      file.literals.push_back({text, id});
    }
  }
  return {};
}

/// "left right", or in newer files ["left", "right"].
Status read_pair(std::string& left, std::string& right, const Json& merge,
                 const std::string& where) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    left = merge[0].get<std::string>();
    right = merge[1].get<std::string>();
    return {};
  }
  if (!merge.is_string()) return field_error(where, "two tokens", merge.type_name());
  const auto& line = merge.get_ref<const std::string&>();
  const size_t space = line.find(' ');
  if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
    return field_error(where, "two tokens with one space between", '"' + line + '"');
  }
  left = line.substr(0, space);
  right = line.substr(space + 1);
  return {};
}

Result<int32_t> known_token(const Names& names, const std::string& text, const std::string& where) {
  const int32_t id = names.id_of.find(text);
  if (id < 0) return field_error(where, "tokens of model.vocab", '"' + text + '"');
  return id;
}

Status read_merges(TokenizerFile& file, const Names& names, const Json& model,
                   const std::string& where) {
  const Json* merges = find_field(model, "merges");
  if (merges == nullptr || !merges->is_array()) {
    return field_error(where + ".merges", "an array",
                       merges == nullptr ? "none" : merges->type_name());
  }
  file.merges.reserve(merges->size());
  std::string left, right;
  for (size_t i = 0; i < merges->size(); ++i) {
    const Json& merge = (*merges)[i];
    if (merge.is_string() && merge.get_ref<const std::string&>().starts_with("#version")) continue;
    const std::string here = fmt::format("{}.merges[{}]", where, i);
    FATHOM_RETURN_IF_ERROR(read_pair(left, right, merge, here));
    FATHOM_ASSIGN_OR_RETURN(const int32_t left_id, known_token(names, left, here));
    FATHOM_ASSIGN_OR_RETURN(const int32_t right_id, known_token(names, right, here));
    FATHOM_ASSIGN_OR_RETURN(const int32_t merged_id, known_token(names, left + right, here));
    file.merges.push_back({left_id, right_id, merged_id});
  }
  return {};
}

/// Options that do nothing once every byte has a token: what they stand in for never happens.
Status check_fallbacks(const TokenizerFile& file, const Json& model, const std::string& where) {
  size_t n_bytes = 0;
  for (const BpeToken& token : file.tokens) n_bytes += token.bytes.size() == 1 ? 1 : 0;
  if (n_bytes == 256) return {};
  FATHOM_ASSIGN_OR_RETURN(const bool byte_fallback,
                          bool_field(model, "byte_fallback", false, where));
  if (byte_fallback) {
    return field_error(where + ".byte_fallback",
                       fmt::format("false with {} of 256 byte letters", n_bytes), "true");
  }
  FATHOM_ASSIGN_OR_RETURN(const std::string unk, text_field(model, "unk_token", "", where));
  if (unk.empty()) return {};
  return field_error(where + ".unk_token", fmt::format("none with {} of 256 byte letters", n_bytes),
                     '"' + unk + '"');
}

Status check_model_options(const Json& model, const std::string& where) {
  FATHOM_ASSIGN_OR_RETURN(const std::string type, text_field(model, "type", "BPE", where));
  if (type != "BPE") return field_error(where + ".type", "BPE", '"' + type + '"');
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    FATHOM_ASSIGN_OR_RETURN(const std::string affix, text_field(model, key, "", where));
    if (!affix.empty()) return field_error(where + "." + key, "none", '"' + affix + '"');
  }
  const Json* dropout = find_field(model, "dropout");
  if (dropout != nullptr && !(dropout->is_number() && dropout->get<double>() == 0)) {
    return field_error(where + ".dropout", "none", dropout->dump());
  }
  return {};
}

Status read_model(TokenizerFile& file, Names& names, const Json& root,
                  const std::string& root_where) {
  const Json* model = find_field(root, "model");
  const std::string where = root_where + ": model";
  if (model == nullptr || !model->is_object()) {
    return field_error(where, "an object", model == nullptr ? "none" : model->type_name());
  }
  FATHOM_RETURN_IF_ERROR(check_model_options(*model, where));
  FATHOM_RETURN_IF_ERROR(read_vocab(file, names, *model, where));
  FATHOM_RETURN_IF_ERROR(read_merges(file, names, *model, where));
  FATHOM_ASSIGN_OR_RETURN(file.ignore_merges, bool_field(*model, "ignore_merges", false, where));
  return check_fallbacks(file, *model, where);
}

Result<AddedToken> read_added_token(const Json& json, const std::string& where) {
  if (!json.is_object()) return field_error(where, "an object", json.type_name());
  AddedToken token;
  FATHOM_ASSIGN_OR_RETURN(token.id, read_id(find_field(json, "id"), where + ".id"));
  FATHOM_ASSIGN_OR_RETURN(token.content, text_field(json, "content", "", where));
  FATHOM_ASSIGN_OR_RETURN(token.special, bool_field(json, "special", false, where));
  FATHOM_ASSIGN_OR_RETURN(token.normalized, bool_field(json, "normalized", false, where));
  FATHOM_ASSIGN_OR_RETURN(token.single_word, bool_field(json, "single_word", false, where));
  FATHOM_ASSIGN_OR_RETURN(token.lstrip, bool_field(json, "lstrip", false, where));
  FATHOM_ASSIGN_OR_RETURN(token.rstrip, bool_field(json, "rstrip", false, where));
  if (token.content.empty()) return field_error(where + ".content", "a text", "none");
  return token;
}

/// An added token that model.vocab holds too must have the same id there.
Status add_name(Names& names, const AddedToken& token, const Json& json, const std::string& where) {
  const int32_t known = names.id_of.find(token.content);
  if (known < 0) {
    return names.add(json.find("content")->get_ref<const std::string&>(), token.id, where);
  }
  if (known == token.id) return {};
  return field_error(where, fmt::format("id {} for \"{}\"", known, token.content),
                     std::to_string(token.id));
}

Status read_added_tokens(TokenizerFile& file, Names& names, const Json& root,
                         const std::string& where) {
  const Json* list = find_field(root, "added_tokens");
  if (list == nullptr) return {};
  if (!list->is_array())
    return field_error(where + ": added_tokens", "an array", list->type_name());
  std::unordered_set<int32_t> seen;
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string here = fmt::format("{}: added_tokens[{}]", where, i);
    FATHOM_ASSIGN_OR_RETURN(AddedToken token, read_added_token((*list)[i], here));
    FATHOM_RETURN_IF_ERROR(add_name(names, token, (*list)[i], here));
    if (seen.insert(token.id).second) file.added_tokens.push_back(std::move(token));
  }
  return {};
}

/// A template that begins with a special token says so in `template_bos`; encode() itself never
/// adds what a template asks for.
Status read_post_processor(TokenizerFile& file, const Json& json, const std::string& where,
                           int depth) {
  FATHOM_ASSIGN_OR_RETURN(const std::string type, type_field(json, where));
  const Json* members = find_field(json, type == "Sequence" ? "processors" : "single");
  if ((type != "Sequence" && type != "TemplateProcessing") || members == nullptr ||
      !members->is_array() || depth > 8) {
    return {};
  }
  if (type == "Sequence") {
    for (const Json& member : *members) {
      FATHOM_RETURN_IF_ERROR(read_post_processor(file, member, where, depth + 1));
    }
    return {};
  }
  if (members->empty() || !members->front().is_object()) return {};
  const Json* special = find_field(members->front(), "SpecialToken");
  if (special == nullptr || !special->is_object()) return {};
  FATHOM_ASSIGN_OR_RETURN(file.template_bos, text_field(*special, "id", "", where));
  return {};
}

Status check_decoder(const Json& json, const std::string& where, int depth) {
  FATHOM_ASSIGN_OR_RETURN(const std::string type, type_field(json, where));
  if (type == "ByteLevel" || type == "Fuse") return {};
  const Json* members = type == "Sequence" ? find_field(json, "decoders") : nullptr;
  if (members == nullptr || !members->is_array() || depth > 8) {
    return field_error(where + ".type", "ByteLevel", '"' + type + '"');
  }
  for (const Json& member : *members)
    FATHOM_RETURN_IF_ERROR(check_decoder(member, where, depth + 1));
  return {};
}

/// Truncation cuts ids off; padding adds some, unless it only fills up to the longest text of a
/// batch.
Status check_cuts(const Json& root, const std::string& where) {
  if (const Json* truncation = find_field(root, "truncation")) {
    return field_error(where + ": truncation", "none", truncation->dump());
  }
  const Json* padding = find_field(root, "padding");
  if (padding == nullptr) return {};
  const bool harmless = padding->is_object() &&
                        padding->value("strategy", Json()) == "BatchLongest" &&
                        find_field(*padding, "pad_to_multiple_of") == nullptr;
  if (harmless) return {};
  return field_error(where + ": padding", "none or BatchLongest", padding->dump());
}

/// A token's name: a string, or an object with its content.
Result<std::string> token_name(const Json& root, const char* key, const std::string& where) {
  const Json* json = find_field(root, key);
  if (json != nullptr && json->is_object())
    return text_field(*json, "content", "", where + ": " + key);
  return text_field(root, key, "", where + ": tokenizer_config");
}

/// A string, or a list of {"name", "template"}.
Result<std::string> read_chat_template(const Json& root, const std::string& where) {
  const Json* json = find_field(root, "chat_template");
  if (json == nullptr || !json->is_array()) return text_field(root, "chat_template", "", where);
  for (const Json& named : *json) {
    if (!named.is_object() || named.value("name", Json()) != "default") continue;
    return text_field(named, "template", "", where + ": chat_template");
  }
  return std::string();
}

}  // namespace

Result<TokenizerFile> read_tokenizer_json(std::string_view text, const std::string& where) {
  FATHOM_ASSIGN_OR_RETURN(const Json root, parse_json(text, where));
  FATHOM_ASSIGN_OR_RETURN(const std::string version, text_field(root, "version", "1.0", where));
  if (version != "1.0") return field_error(where + ": version", "1.0", '"' + version + '"');
  FATHOM_RETURN_IF_ERROR(check_cuts(root, where));
  TokenizerFile file;
  Names names;
  FATHOM_RETURN_IF_ERROR(read_model(file, names, root, where));
  FATHOM_RETURN_IF_ERROR(read_added_tokens(file, names, root, where));
  const auto part = [&](const char* key) -> const Json& {
    static const Json null;
    const Json* found = find_field(root, key);
    return found == nullptr ? null : *found;
  };
  FATHOM_ASSIGN_OR_RETURN(file.normalizer,
                          read_normalizer(part("normalizer"), where + ": normalizer"));
  FATHOM_ASSIGN_OR_RETURN(file.pre_tokenizer,
                          read_pre_tokenizer(part("pre_tokenizer"), where + ": pre_tokenizer"));
  if (!part("post_processor").is_null()) {
    FATHOM_RETURN_IF_ERROR(
        read_post_processor(file, part("post_processor"), where + ": post_processor", 0));
  }
  if (!part("decoder").is_null()) {
    FATHOM_RETURN_IF_ERROR(check_decoder(part("decoder"), where + ": decoder", 0));
  }
  return file;
}

Result<TokenizerConfig> read_tokenizer_config(std::string_view text, const std::string& where) {
  FATHOM_ASSIGN_OR_RETURN(const Json root, parse_json(text, where));
  TokenizerConfig config;
  FATHOM_ASSIGN_OR_RETURN(config.bos_token, token_name(root, "bos_token", where));
  FATHOM_ASSIGN_OR_RETURN(config.eos_token, token_name(root, "eos_token", where));
  FATHOM_ASSIGN_OR_RETURN(config.chat_template, read_chat_template(root, where));
  if (find_field(root, "add_bos_token") != nullptr) {
    FATHOM_ASSIGN_OR_RETURN(const bool add, bool_field(root, "add_bos_token", false, where));
    config.add_bos_token = add;
  }
  return config;
}

}  // namespace fathom
