// Words of a question that ask, count, compare and join, and name nothing (data/asking_words.txt).
#pragma once

#include <string_view>

namespace fathom {

/// `key`: a word as match_key has it. Thread-safe.
bool is_asking_word(std::string_view key);

}  // namespace fathom
