// See tables_words_impl.h. The data is part of the program, so what is wrong in it is a broken
// contract of our own.
#include "rl/tables_words_impl.h"

#include <cstdlib>

#include "base/check.h"
#include "base/text_hash.h"
#include "rl/draw_impl.h"

namespace fathom {

std::string_view tables_words_data();  // embedded

std::vector<std::string> split_trimmed(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    std::string_view part = text.substr(0, end);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty() && part != "-") parts.emplace_back(part);
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string plural_of(const std::string& word) {
  const auto ends = [&](std::string_view e) { return word.ends_with(e); };
  if (word == "person") return "people";
  for (const std::string_view end :
       {" by", " at", " in", " on", " from", " for", " of", " to", " with"})
    if (ends(end)) return word;  // "granted by"
  for (const std::string_view same :
       {"staff", "hours", "days", "km", "pages", "goals", "sales", "points"})
    if (word == same) return word;
  if (ends("s") && !ends("ss") && !ends("us") && !ends("is")) return word;
  if (ends("ss") || ends("us") || ends("x") || ends("ch") || ends("sh")) return word + "es";
  if (ends("y") && word.size() > 1 &&
      std::string_view("aeiou").find(word[word.size() - 2]) == std::string_view::npos)
    return word.substr(0, word.size() - 1) + "ies";
  return word + "s";
}

namespace {

std::vector<std::string> word_fields(std::string_view line) {
  std::vector<std::string> fields;
  while (true) {
    const size_t bar = line.find('|');
    std::string_view f = line.substr(0, bar);
    while (f.starts_with(' ')) f.remove_prefix(1);
    while (f.ends_with(' ')) f.remove_suffix(1);
    fields.emplace_back(f);
    if (bar == line.npos) return fields;
    line.remove_prefix(bar + 1);
  }
}

// "best/worst; most/least"
std::vector<TextPair> pairs_of(const std::string& field) {
  std::vector<TextPair> pairs;
  for (const std::string& both : split_trimmed(field, ';')) {
    const auto sides = split_trimmed(both, '/');
    FATHOM_CHECK(sides.size() == 2);
    pairs.emplace_back(sides[0], sides[1]);
  }
  return pairs;
}

class WordsReader {
 public:
  TableWords read(std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (!line.empty() && line[0] != '#') read_line(word_fields(line));
    }
    TableWords words;
    for (Domain& d : domains_)
      if (d.key != "shared") words.domains.push_back(std::move(d));
    return words;
  }

 private:
  void read_line(const std::vector<std::string>& f) {
    const size_t space = f[0].find(' ');
    const std::string word = f[0].substr(0, space);
    const std::string key = f[0].substr(space + 1);
    if (word == "pool") {
      pools_[key] = split_trimmed(f.at(1), ';');
    } else if (word == "domain") {
      add_domain(key, f);
    } else if (word == "use") {
      for (const std::string& k : split_trimmed(key, ' '))
        domains_.back().concepts.push_back(shared(k));
    } else {
      domains_.back().concepts.push_back(column(word, key, f));
    }
  }

  void add_domain(const std::string& key, const std::vector<std::string>& f) {
    Domain& d = domains_.emplace_back();
    d.key = key;
    for (const std::string& both : split_trimmed(f.at(1), ';')) {
      // "staff member staff members": the two halves of the words
      const auto words = split_trimmed(both, ' ');
      FATHOM_CHECK(words.size() % 2 == 0);
      Noun noun;
      for (size_t i = 0; i < words.size(); ++i) {
        std::string& side = i < words.size() / 2 ? noun.one : noun.many;
        side += (side.empty() ? "" : " ") + words[i];
      }
      d.nouns.push_back(noun);
    }
    d.tables = split_trimmed(f.at(2), ';');
    if (f.size() > 3) d.parents = split_trimmed(f[3], ' ');
    d.held_out = text_hash(key) % 7 == 2;
  }

  const Concept& shared(const std::string& key) const {
    for (const Concept& c : domains_.front().concepts)
      if (c.key == key) return c;
    FATHOM_CHECK(false);
  }

  std::vector<std::string> values(const std::string& field) const {
    return field[0] == '@' ? pools_.at(field.substr(1)) : split_trimmed(field, ';');
  }

  Concept column(const std::string& word, const std::string& key,
                 const std::vector<std::string>& f) const {
    Concept c;
    c.key = key;
    c.names = split_trimmed(f.at(1), ';');
    if (word == "name" || word == "cat") {
      c.kind = word == "name" ? ConceptKind::kName : ConceptKind::kCategory;
      c.values = values(f.at(word == "name" ? 2 : 3));
      if (word == "cat") c.phrases = split_trimmed(f.at(2), ';');
    } else if (word == "num") {
      read_number(c, f);
    } else {
      FATHOM_CHECK(word == "date" || word == "bool");
      c.kind = word == "date" ? ConceptKind::kDate : ConceptKind::kBool;
      c.phrases = split_trimmed(f.at(2), ';');
      if (word == "bool") c.phrases_false = split_trimmed(f.at(3), ';');
    }
    FATHOM_CHECK(!c.names.empty());
    return c;
  }

  static void read_number(Concept& c, const std::vector<std::string>& f) {
    FATHOM_CHECK(f.size() == 8);
    c.kind = ConceptKind::kNumber;
    const auto range = split_trimmed(f[2], ' ');
    c.integer = range.at(0) == "int";
    c.low = std::atof(range.at(1).c_str());
    c.high = std::atof(range.at(2).c_str());
    c.units = split_trimmed(f[3], ';');
    c.adjectives = pairs_of(f[4]);
    c.phrases = split_trimmed(f[5], ';');
    for (const std::string& p : c.phrases) FATHOM_CHECK(p.find("{cmp}") != p.npos);
    c.verbs = pairs_of(f[6]);
    c.additive = f[7] != "-";
    if (f[7] != "+") c.sum_questions = split_trimmed(f[7], ';');
  }

  std::map<std::string, std::vector<std::string>> pools_;
  std::vector<Domain> domains_;
};

}  // namespace

const Domain* TableWords::domain(const std::string& key) const {
  for (const Domain& d : domains)
    if (d.key == key) return &d;
  return nullptr;
}

const TableWords& table_words() {
  static const TableWords words = WordsReader().read(tables_words_data());
  return words;
}

std::string lower_text(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace fathom
