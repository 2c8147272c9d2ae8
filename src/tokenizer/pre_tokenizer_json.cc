// Reading the tagged objects; see pre_tokenizer_json.h. Defaults of absent keys are Hugging Face's.
#include "tokenizer/pre_tokenizer_json.h"

#include "tokenizer/json_fields.h"

namespace fathom {
namespace {

constexpr int kMostNested = 16;
constexpr size_t kMostSteps = 64;
// GPT-2's splits, which ByteLevel makes where use_regex is true or absent.
constexpr const char* kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

struct NamedBehavior {
  const char* name;
  SplitBehavior behavior;
};
const NamedBehavior kBehaviors[] = {
    {"Removed", SplitBehavior::kRemoved},
    {"Isolated", SplitBehavior::kIsolated},
    {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
    {"MergedWithNext", SplitBehavior::kMergedWithNext},
    {"Contiguous", SplitBehavior::kContiguous},
};

Result<SplitBehavior> read_behavior(const Json& json, const char* fallback,
                                    const std::string& where) {
  FATHOM_ASSIGN_OR_RETURN(const std::string name, text_field(json, "behavior", fallback, where));
  for (const NamedBehavior& known : kBehaviors) {
    if (name == known.name) return known.behavior;
  }
  return field_error(where + ".behavior",
                     "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous",
                     '"' + name + '"');
}

class Reader {
 public:
  Status add(const Json& json, const std::string& where, int depth) {
    FATHOM_ASSIGN_OR_RETURN(const std::string type, type_field(json, where));
    if (type == "Sequence") return add_sequence(json, where, depth);
    if (type == "Split") return add_split(json, where);
    if (type == "Digits") return add_digits(json, where);
    if (type == "Punctuation") return add_punctuation(json, where);
    if (type == "ByteLevel") return add_byte_level(json, where);
    return field_error(where + ".type", "Sequence, Split, Digits, Punctuation or ByteLevel",
                       '"' + type + '"');
  }
  PreTokenizer result;
  bool mapped = false;  // ByteLevel has been seen

 private:
  Status add_step(SplitStep step, const std::string& where) {
    std::vector<SplitStep>& steps = mapped ? result.after : result.before;
    if (steps.size() == kMostSteps) {
      return field_error(where, fmt::format("at most {} members", kMostSteps), "more");
    }
    steps.push_back(std::move(step));
    return {};
  }

  Status add_sequence(const Json& json, const std::string& where, int depth) {
    const Json* members = find_field(json, "pretokenizers");
    if (members == nullptr || !members->is_array()) {
      return field_error(where + ".pretokenizers", "an array",
                         members == nullptr ? "none" : members->type_name());
    }
    if (depth == kMostNested)
      return field_error(where, "a Sequence nested less deeply", "one more");
    for (size_t i = 0; i < members->size(); ++i) {
      FATHOM_RETURN_IF_ERROR(
          add((*members)[i], fmt::format("{}.pretokenizers[{}]", where, i), depth + 1));
    }
    return {};
  }

  Status add_split(const Json& json, const std::string& where) {
    FATHOM_ASSIGN_OR_RETURN(const SplitBehavior behavior, read_behavior(json, "", where));
    FATHOM_ASSIGN_OR_RETURN(const bool invert, bool_field(json, "invert", false, where));
    const Json* pattern = find_field(json, "pattern");
    const std::string here = where + ".pattern";
    if (pattern == nullptr || !pattern->is_object()) {
      return field_error(here, R"({"Regex": ...} or {"String": ...})", "none");
    }
    FATHOM_ASSIGN_OR_RETURN(const std::string regex, text_field(*pattern, "Regex", "", here));
    FATHOM_ASSIGN_OR_RETURN(const std::string literal, text_field(*pattern, "String", "", here));
    if (regex.empty() == literal.empty()) {
      return field_error(here, "either Regex or String, not empty",
                         regex.empty() ? "none" : "both");
    }
    FATHOM_ASSIGN_OR_RETURN(Regex compiled, regex.empty() ? Regex::compile_literal(literal, here)
                                                          : Regex::compile(regex, here));
    return add_step({std::move(compiled), behavior, invert}, where);
  }

  /// Every character of category Nd, Nl and No, one by one or in runs.
  Status add_digits(const Json& json, const std::string& where) {
    FATHOM_ASSIGN_OR_RETURN(const bool individual,
                            bool_field(json, "individual_digits", false, where));
    FATHOM_ASSIGN_OR_RETURN(Regex digit, Regex::compile_pcre(R"(\p{N})", where));
    const auto behavior = individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous;
    return add_step({std::move(digit), behavior, false}, where);
  }

  /// ASCII punctuation and category P, character by character.
  Status add_punctuation(const Json& json, const std::string& where) {
    FATHOM_ASSIGN_OR_RETURN(const SplitBehavior behavior, read_behavior(json, "Isolated", where));
    FATHOM_ASSIGN_OR_RETURN(Regex mark, Regex::compile_pcre(R"([!-/:-@\[-`{-~\p{P}])", where));
    return add_step({std::move(mark), behavior, false}, where);
  }

  Status add_byte_level(const Json& json, const std::string& where) {
    if (mapped) return field_error(where, "one ByteLevel", "a second one");
    FATHOM_ASSIGN_OR_RETURN(const bool use_regex, bool_field(json, "use_regex", true, where));
    FATHOM_ASSIGN_OR_RETURN(result.add_prefix_space,
                            bool_field(json, "add_prefix_space", true, where));
    if (use_regex) {
      FATHOM_ASSIGN_OR_RETURN(Regex regex, Regex::compile(kByteLevelPattern, where));
      result.within.push_back({std::move(regex), SplitBehavior::kIsolated, false});
    }
    mapped = true;
    return {};
  }
};

Status add_normalizer(std::vector<NormalForm>& forms, const Json& json, const std::string& where,
                      int depth) {
  FATHOM_ASSIGN_OR_RETURN(const std::string type, type_field(json, where));
  if (type == "Sequence") {
    const Json* members = find_field(json, "normalizers");
    if (members == nullptr || !members->is_array() || depth == kMostNested) {
      return field_error(where + ".normalizers", "an array, not nested deeply", "none such");
    }
    for (size_t i = 0; i < members->size(); ++i) {
      const std::string here = fmt::format("{}.normalizers[{}]", where, i);
      FATHOM_RETURN_IF_ERROR(add_normalizer(forms, (*members)[i], here, depth + 1));
    }
    return {};
  }
  const std::pair<const char*, NormalForm> known[] = {{"NFC", NormalForm::kNfc},
                                                      {"NFD", NormalForm::kNfd},
                                                      {"NFKC", NormalForm::kNfkc},
                                                      {"NFKD", NormalForm::kNfkd}};
  for (const auto& [name, form] : known) {
    if (type == name) return forms.push_back(form), Status();
  }
  return field_error(where + ".type", "Sequence, NFC, NFD, NFKC or NFKD", '"' + type + '"');
}

}  // namespace

Result<PreTokenizer> read_pre_tokenizer(const Json& json, const std::string& where) {
  Reader reader;
  if (!json.is_null()) FATHOM_RETURN_IF_ERROR(reader.add(json, where, 0));
  if (!reader.mapped) return field_error(where, "a ByteLevel member", "none");
  return std::move(reader.result);
}

Result<std::vector<NormalForm>> read_normalizer(const Json& json, const std::string& where) {
  std::vector<NormalForm> forms;
  if (!json.is_null()) FATHOM_RETURN_IF_ERROR(add_normalizer(forms, json, where, 0));
  return forms;
}

}  // namespace fathom
