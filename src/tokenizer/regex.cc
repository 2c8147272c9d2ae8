// PCRE2 with its just-in-time compiler where the machine has one; see regex.h.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizer/regex.h"

#include <fmt/format.h>
#include <pcre2.h>

#include "base/check.h"
#include "tokenizer/regex_dialect.h"

namespace fathom {
namespace {

constexpr size_t kPatternBytes = 1 << 20;  // DeepSeek LLM's longest has 1,300

struct Context {
  pcre2_compile_context* compile = pcre2_compile_context_create(nullptr);
  Context() {
    FATHOM_CHECK(compile != nullptr);
    pcre2_set_newline(compile, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(compile, 100);
  }
};

std::string error_text(int code) {
  char text[256];
  pcre2_get_error_message(code, reinterpret_cast<PCRE2_UCHAR*>(text), sizeof text);
  return text;
}

}  // namespace

RegexScratch::RegexScratch() : data_(pcre2_match_data_create(1, nullptr)) {
  FATHOM_CHECK(data_ != nullptr);
}
RegexScratch::~RegexScratch() { pcre2_match_data_free(static_cast<pcre2_match_data*>(data_)); }

Result<Regex> Regex::compile_with(std::string_view pattern, unsigned options,
                                  const std::string& where) {
  static const Context context;
  if (pattern.size() > kPatternBytes) {
    return Status::error(fmt::format("{}: a pattern of at most {} bytes wanted, {} found", where,
                                     kPatternBytes, pattern.size()));
  }
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   options, &error, &offset, context.compile);
  if (code == nullptr) {
    return Status::error(
        fmt::format("{}: the pattern does not compile: {}", where, error_text(error)));
  }
  Regex regex;
  regex.jit_ = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;  // else the interpreter serves
  regex.code_ =
      std::shared_ptr<void>(code, [](void* c) { pcre2_code_free(static_cast<pcre2_code*>(c)); });
  return regex;
}

Result<Regex> Regex::compile(std::string_view pattern, const std::string& where) {
  FATHOM_ASSIGN_OR_RETURN(const std::string translated, translate_regex(pattern, where));
  return compile_pcre(translated, where);
}

Result<Regex> Regex::compile_pcre(std::string_view pattern, const std::string& where) {
  return compile_with(pattern, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                      where);
}

Result<Regex> Regex::compile_literal(std::string_view text, const std::string& where) {
  return compile_with(text, PCRE2_UTF | PCRE2_LITERAL, where);
}

std::optional<RegexMatch> Regex::find(std::string_view text, size_t from,
                                      RegexScratch& scratch) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  auto* data = static_cast<pcre2_match_data*>(scratch.data_);
  const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int rc = jit_ ? pcre2_jit_match(code, subject, text.size(), from, 0, data, nullptr)
                : pcre2_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, data, nullptr);
  if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter keeps its stack on the heap
    rc = pcre2_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data,
                     nullptr);
  }
  if (rc < 0) return std::nullopt;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data);
  if (ends[0] > ends[1]) return std::nullopt;  // \K in a lookahead could do this
  return RegexMatch{ends[0], ends[1]};
}

}  // namespace fathom
