// Words that people use for the same columns of everyday tables: data/thesaurus.txt.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace fathom {

inline constexpr size_t kMaxThesaurusWords = 4;  // of an entry

/// The groups in which these words stand, ascending; none where they stand in no group. `stems`:
/// question_words' stems, joined by spaces. Thread-safe.
std::span<const uint16_t> thesaurus_groups(const std::string& stems);

}  // namespace fathom
