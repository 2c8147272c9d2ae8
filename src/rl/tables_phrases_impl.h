// How a question is asked: families of sentences (data/tables_phrases.txt), filled with the words
// of columns, conditions and figures.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "rl/tables_query_impl.h"

namespace fathom {

struct Sentence {
  std::string text;  // with [a|b] and {x}
  bool held_out = false;
};

struct TablePhrases {
  std::map<std::string, std::vector<Sentence>, std::less<>> shapes;
  std::map<std::string, std::vector<std::string>, std::less<>> lists;
};
/// Built at the first call. Thread-safe.
const TablePhrases& table_phrases();

/// Takes one of each [a|b], which may be nested.
std::string choose_alternatives(Draw& draw, std::string_view text);

struct WrittenQuestion {
  std::string text;
  std::map<ColumnRef, std::string> why;  // the words that each column answers to
  std::string family;                    // "count/3": the sentence of the file that was filled
};
/// Error: no sentence fits this query; draw another.
Result<WrittenQuestion> write_question(Draw& draw, const TableSchema& schema,
                                       const TableQuery& query, bool held_out_phrasing);

/// A question that is about no table, and what it asks for.
std::pair<std::string, std::string> offtopic_question(Draw& draw, const TableSchema& schema,
                                                      bool held_out_phrasing);

}  // namespace fathom
