// See thesaurus_impl.h. The data is part of the program.
#include "toolbox/thesaurus_impl.h"

#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "toolbox/question_words_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {

std::string_view thesaurus_data();  // embedded

namespace {

using Groups = std::unordered_map<std::string, std::vector<uint16_t>>;

void add_group(std::string_view line, uint16_t group, Groups& groups) {
  while (!line.empty()) {
    const size_t end = std::min(line.find(','), line.size());
    const std::vector<QuestionWord> words = question_words(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
    FATHOM_CHECK(!words.empty() && words.size() <= kMaxThesaurusWords);
    std::vector<uint16_t>& known = groups[stems_of(words)];
    if (known.empty() || known.back() != group) known.push_back(group);
  }
}

Groups read_groups() {
  Groups groups;
  uint16_t n = 0;
  for (std::string_view rest = thesaurus_data(); !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line.empty() && line.front() != '#') add_group(line, n++, groups);
  }
  return groups;
}

}  // namespace

std::span<const uint16_t> thesaurus_groups(const std::string& stems) {
  static const Groups groups = read_groups();
  const auto at = groups.find(stems);
  return at == groups.end() ? std::span<const uint16_t>() : at->second;
}

}  // namespace fathom
