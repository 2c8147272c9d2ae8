// UTF-8 for this folder: is it valid, made valid, made fit for one line, and made comparable.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fathom {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The length of the longest prefix that is valid UTF-8.
size_t valid_prefix(std::string_view text);
/// Each byte that is not part of valid UTF-8 becomes U+FFFD.
std::string made_valid(std::string_view text);
/// On one line and harmless on a terminal: a run of white space or control characters becomes one
/// space; what is longer than max_bytes is cut at a character and ends in "…".
std::string one_line(std::string_view text, size_t max_bytes);
/// Whether it stands on one line and shows all that it holds: valid UTF-8 without line ends,
/// control and format characters. Spaces may repeat.
bool is_one_line(std::string_view text);
/// The same for two texts that differ in letter case, punctuation and white space alone: words,
/// case-folded (Unicode), joined by single spaces.
std::string match_key(std::string_view text);
/// Where the words of match_key stand in the text: bytes [begin, end).
std::vector<std::pair<size_t, size_t>> word_spans(std::string_view text);
/// The words of a column's name, as match_key has them: "customerId", "Customer ID" and
/// "CUSTOMER_ID" are all "customer id".
std::string name_words(std::string_view name);
/// ASCII letters in lower case, the rest as it is: as SQLite compares names.
std::string ascii_lower(std::string_view text);
/// Between quotes, with each quote in it doubled: an identifier or a literal of SQL.
std::string in_quotes(std::string_view text, char quote);
std::string_view trimmed(std::string_view text);  // of spaces, tabs and line ends

}  // namespace fathom
