// The words of the `tables` environment, read once from the embedded data/tables_words.txt, whose
// head explains the fields.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fathom {

using TextPair = std::pair<std::string, std::string>;

struct Noun {
  std::string one, many;
};
/// "city": cities; "class": classes.
std::string plural_of(const std::string& word);

enum class ConceptKind { kName, kCategory, kNumber, kDate, kBool };

/// What a column can be about.
struct Concept {
  ConceptKind kind = ConceptKind::kCategory;
  std::string key = {};
  std::vector<std::string> names = {};  // in words
  std::vector<std::string> phrases =
      {};  // with {v} or {cmp}; of a bool, if true; of a date, participles
  std::vector<std::string> phrases_false = {};
  std::vector<std::string> values = {};  // of texts; a name's may be "#" (numbers), "#AB", "#INV"
  bool integer = false;
  double low = 0, high = 0;
  std::vector<std::string> units = {};
  std::vector<TextPair> adjectives = {};  // most, least
  std::vector<TextPair> verbs = {};       // of a group: sold the most, sold the least
  std::vector<std::string> sum_questions = {};
  bool additive = false;

  /// A number that counts years of the calendar: no sums, no "2k".
  bool is_year() const { return integer && low >= 200 && high >= 1985 && high <= 2030; }
};

struct Domain {
  std::string key = {};
  std::vector<Noun> nouns = {};
  std::vector<std::string> tables = {};
  std::vector<Concept> concepts = {};
  std::vector<std::string> parents = {};
  bool held_out = false;  // by the hash of its key: never in training
};

struct TableWords {
  std::vector<Domain> domains;  // without `shared`
  const Domain* domain(const std::string& key) const;
};

/// Built at the first call. Thread-safe.
const TableWords& table_words();

std::vector<std::string> split_trimmed(std::string_view text, char separator);
std::string lower_text(std::string_view text);  // ASCII letters

}  // namespace fathom
