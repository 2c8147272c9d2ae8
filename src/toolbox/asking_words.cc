// See asking_words.h. The data is part of the program.
#include "toolbox/asking_words.h"

#include <algorithm>
#include <unordered_set>

namespace fathom {

std::string_view asking_words_data();  // embedded

namespace {

std::unordered_set<std::string_view> read_asking_words() {
  std::unordered_set<std::string_view> words;
  std::string_view rest = asking_words_data();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!line.empty() && line[0] != '#') {
      const size_t space = std::min(line.find(' '), line.size());
      if (space > 0) words.insert(line.substr(0, space));
      line.remove_prefix(std::min(space + 1, line.size()));
    }
  }
  return words;
}

}  // namespace

bool is_asking_word(std::string_view key) {
  static const std::unordered_set<std::string_view> words = read_asking_words();
  return words.contains(key);
}

}  // namespace fathom
