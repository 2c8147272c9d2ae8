// See tables_phrases_impl.h: reading the file, choosing among alternatives.
#include "rl/tables_phrases_impl.h"

#include "base/check.h"

namespace fathom {

std::string_view tables_phrases_data();  // embedded

namespace {

TablePhrases read_phrases(std::string_view text) {
  TablePhrases phrases;
  std::vector<Sentence>* shape = nullptr;
  std::vector<std::string>* list = nullptr;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("shape ")) {
      shape = &phrases.shapes[line.substr(6)];
      list = nullptr;
    } else if (line.starts_with("list ")) {
      list = &phrases.lists[line.substr(5)];
    } else if (list != nullptr) {
      list->push_back(std::move(line));
    } else {
      FATHOM_CHECK(shape != nullptr);
      const bool held_out = line[0] == '*';
      shape->push_back({held_out ? line.substr(1) : line, held_out});
    }
  }
  return phrases;
}

// Expands text from `i` up to an unmatched | or ], which it leaves.
std::string alternative_text(Draw& draw, std::string_view text, size_t& i) {
  std::string out;
  while (i < text.size() && text[i] != '|' && text[i] != ']') {
    if (text[i] != '[') {
      out += text[i++];
      continue;
    }
    std::vector<std::string> choices;
    do {
      ++i;  // [ or |
      choices.push_back(alternative_text(draw, text, i));
    } while (i < text.size() && text[i] == '|');
    ++i;
    out += draw.pick(choices);
  }
  return out;
}

}  // namespace

const TablePhrases& table_phrases() {
  static const TablePhrases phrases = read_phrases(tables_phrases_data());
  return phrases;
}

std::string choose_alternatives(Draw& draw, std::string_view text) {
  size_t i = 0;
  std::string out = alternative_text(draw, text, i);
  FATHOM_CHECK(i == text.size());
  return out;
}

}  // namespace fathom
