// See question_words_impl.h: words.
#include "toolbox/question_words_impl.h"

#include <algorithm>

#include "toolbox/text_impl.h"

namespace fathom {
namespace {

constexpr size_t kMaxWords = 8;  // of a value that the question names

// The singular, or what is one for comparing: "cities" and "city", "sales" and "sale".
std::string singular(std::string word) {
  if (word.size() > 4 && word.ends_with("ies")) return word.substr(0, word.size() - 3) + "y";
  const auto sibilant = [&](std::string_view end) {
    return word.size() > 4 && word.ends_with(end);
  };
  if (sibilant("ses") || sibilant("xes") || sibilant("ches") || sibilant("shes"))
    return word.substr(0, word.size() - 2);
  if (word.size() > 2 && word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us"))
    word.pop_back();
  return word;
}

// "colour", "centre" and "organisation" as Americans spell them.
std::string american(std::string word) {
  const auto ends = [&](std::string_view end) { return word.size() > 4 && word.ends_with(end); };
  if (ends("our")) return word.erase(word.size() - 2, 1);
  if (ends("tre")) return word.substr(0, word.size() - 2) + "er";
  if (ends("isation")) word[word.size() - 6] = 'z';
  if (ends("ised") || ends("iser")) word[word.size() - 3] = 'z';
  if (ends("ise")) word[word.size() - 2] = 'z';
  return word;
}

std::string stem_of(std::string word) { return american(singular(std::move(word))); }

bool is_vowel(char c) { return std::string_view("aeiou").find(c) != std::string_view::npos; }

// "qty" of "quantity", "impct" of "impact": no vowel but at the front.
bool shortens(std::string_view brief, std::string_view word) {
  if (brief.size() < 3 || brief.size() >= word.size() || brief[0] != word[0]) return false;
  if (std::any_of(brief.begin() + 1, brief.end(), is_vowel)) return false;
  size_t at = 1, n_consonants = 1;
  for (size_t i = 1; i < word.size(); ++i) {
    if (word[i] < 'a' || word[i] > 'z') return false;
    n_consonants += !is_vowel(word[i]);
    if (at < brief.size() && word[i] == brief[at]) ++at;
  }
  if (at < brief.size()) return false;
  return n_consonants == brief.size() || brief.back() == word.back();
}

}  // namespace

bool is_frequent_word(std::string_view key) {
  static constexpr std::string_view kWords[] = {
      "a",     "all",   "an",    "and",   "any",  "are",  "as",  "at",   "be",   "by",   "can",
      "did",   "do",    "does",  "each",  "for",  "from", "get", "had",  "has",  "have", "he",
      "how",   "i",     "if",    "in",    "is",   "it",   "its", "last", "less", "many", "me",
      "more",  "most",  "much",  "my",    "no",   "none", "not", "of",   "on",   "one",  "or",
      "other", "our",   "per",   "s",     "she",  "show", "so",  "some", "t",    "than", "that",
      "the",   "them",  "then",  "there", "they", "this", "to",  "was",  "we",   "were", "what",
      "when",  "where", "which", "who",   "with", "you",  "your"};
  return std::find(std::begin(kWords), std::end(kWords), key) != std::end(kWords);
}

std::vector<QuestionWord> question_words(std::string_view question) {
  std::vector<QuestionWord> words;
  for (const auto& [begin, end] : word_spans(question)) {
    std::string key = match_key(question.substr(begin, end - begin));
    std::string stem = stem_of(key);
    words.push_back({begin, end, std::move(key), std::move(stem)});
  }
  return words;
}

std::string stems_of(std::span<const QuestionWord> words) {
  std::string out;
  for (const QuestionWord& w : words) out += (out.empty() ? "" : " ") + w.stem;
  return out;
}

std::string word_stems(std::string_view text) { return stems_of(question_words(text)); }

bool is_same_word(const QuestionWord& column, const QuestionWord& question) {
  return column.stem == question.stem || shortens(column.key, question.key);
}

QuestionPhrases::QuestionPhrases(const std::vector<QuestionWord>& words) : words_(words) {
  for (size_t i = 0; i < words.size(); ++i) {
    std::string keys, stems;
    for (size_t n = 1; n <= kMaxWords && i + n <= words.size(); ++n) {
      const QuestionWord& w = words[i + n - 1];
      keys += (n == 1 ? "" : " ") + w.key;
      stems += (n == 1 ? "" : " ") + w.stem;
      phrases_[keys].push_back({i, n});
      singular_[stems].push_back({i, n});
    }
  }
}

std::vector<QuestionPhrases::Place> QuestionPhrases::find(std::string_view question,
                                                          std::string_view value) const {
  const std::string key = match_key(value);
  auto at = phrases_.find(key);
  if (at == phrases_.end()) {
    at = singular_.find(stems_of(question_words(key)));
    if (at == singular_.end()) return {};
  }
  std::vector<Place> places;
  for (const Place& p : at->second) {
    const QuestionWord& w = words_[p.first];
    const bool is_tail =
        p.first > 0 && words_[p.first - 1].end + 1 == w.begin && question[w.begin - 1] == '\'';
    if (is_tail && key.size() <= 2) continue;
    const bool as_written = p.first > 0 && ascii_lower(value) != value &&
                            question.substr(w.begin, w.end - w.begin) == value;
    if (as_written || !is_frequent_word(key)) places.push_back(p);
  }
  return places;
}

}  // namespace fathom
