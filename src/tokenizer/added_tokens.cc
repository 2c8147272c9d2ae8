// A trie over bytes, walked from each place that some token's first byte stands at; see
// added_tokens.h.
#include "tokenizer/added_tokens.h"

#include <algorithm>

#include "base/check.h"
#include "tokenizer/utf8.h"

namespace fathom {
namespace {

Regex make_word_regex() {
  Result<Regex> regex =
      Regex::compile_pcre(R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}])", "word character");
  FATHOM_CHECK(regex.ok());
  return regex.value();
}

/// Of one character.
bool is_word(std::string_view character) {
  static const Regex word = make_word_regex();
  RegexScratch scratch;
  return word.find(character, 0, scratch).has_value();
}

bool is_space(std::string_view character) {
  const uint32_t c = first_utf8_char(character).code_point;
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

std::string_view first_char(std::string_view text) {
  return text.substr(0, first_utf8_char(text).n_bytes);
}

std::string_view last_char(std::string_view text) {
  size_t begin = text.size() - 1;
  while ((static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
  return text.substr(begin);
}

size_t trailing_space_bytes(std::string_view text) {
  size_t n = 0;
  while (n < text.size()) {
    const std::string_view c = last_char(text.substr(0, text.size() - n));
    if (!is_space(c)) break;
    n += c.size();
  }
  return n;
}

size_t leading_space_bytes(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && is_space(text.substr(n))) n += first_char(text.substr(n)).size();
  return n;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher() : nodes_(1) {}

int32_t AddedTokenMatcher::child(int32_t node, uint8_t byte) const {
  const auto& children = nodes_[node].children;
  const auto it = std::find_if(children.begin(), children.end(),
                               [byte](const auto& c) { return c.first == byte; });
  return it == children.end() ? -1 : it->second;
}

void AddedTokenMatcher::add(const AddedToken& token) {
  FATHOM_CHECK(!token.content.empty());
  int32_t node = 0;
  for (const char c : token.content) {
    const auto byte = static_cast<uint8_t>(c);
    int32_t next = child(node, byte);
    if (next < 0) {
      next = static_cast<int32_t>(nodes_.size());
      nodes_[node].children.emplace_back(byte, next);
      nodes_.emplace_back();
    }
    node = next;
  }
  begins_token_[static_cast<uint8_t>(token.content[0])] = true;
  nodes_[node].token_idx = static_cast<int32_t>(tokens_.size());
  tokens_.push_back(token);
}

bool AddedTokenMatcher::longest_at(std::string_view text, size_t begin, Found& found) const {
  found.token = nullptr;
  int32_t node = 0;
  for (size_t at = begin; at < text.size(); ++at) {
    node = child(node, static_cast<uint8_t>(text[at]));
    if (node < 0) break;
    if (nodes_[node].token_idx >= 0) found = {begin, at + 1, &tokens_[nodes_[node].token_idx]};
  }
  return found.token != nullptr;
}

bool AddedTokenMatcher::stands_alone(std::string_view text, const Found& found) const {
  if (found.begin > 0 && is_word(last_char(text.substr(0, found.begin)))) return false;
  return found.end == text.size() || !is_word(first_char(text.substr(found.end)));
}

void AddedTokenMatcher::split(
    std::string_view text,
    const std::function<void(int32_t id, std::string_view text)>& part) const {
  size_t done = 0;
  Found found;
  for (size_t at = 0; at < text.size();) {
    if (!begins_token_[static_cast<uint8_t>(text[at])] || !longest_at(text, at, found)) {
      ++at;
      continue;
    }
    at = found.end;
    if (found.token->single_word && !stands_alone(text, found)) continue;
    size_t begin = std::max(found.begin, done), end = found.end;
    if (found.token->lstrip) begin -= trailing_space_bytes(text.substr(done, begin - done));
    if (found.token->rstrip) end += leading_space_bytes(text.substr(end));
    if (begin > done) part(-1, text.substr(done, begin - done));
    part(found.token->id, text.substr(begin, end - begin));
    done = at = end;
  }
  if (done < text.size()) part(-1, text.substr(done));
}

}  // namespace fathom
