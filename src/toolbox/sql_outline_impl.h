// SQL cut into words and clauses, as far as it takes to compare two SELECTs or to find the one in
// a text. No parser: SQLite judges what is valid.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fathom {

enum class SqlTokenKind { kWord, kQuoted, kString, kNumber, kSymbol };

struct SqlToken {
  SqlTokenKind kind;
  std::string text;   // words and quoted names in lower case; strings as written, with quotes
  size_t begin, end;  // bytes of the SQL
  bool is(std::string_view t) const { return text == t && kind != SqlTokenKind::kQuoted; }
  bool is_name() const { return kind == SqlTokenKind::kWord || kind == SqlTokenKind::kQuoted; }
};
using SqlTokens = std::vector<SqlToken>;

/// Comments and white space are left out. An open quote ends with the text.
SqlTokens sql_tokens(std::string_view sql);
/// Where the first statement ends: before its semicolon, or at the end.
size_t first_statement_bytes(std::string_view sql);
/// `text` at commas that stand in no quotes or parentheses; parts are trimmed.
std::vector<std::string> split_list(std::string_view text);

/// The last SELECT at the outermost level, each part as normalised text: "sum(amount)".
struct SqlOutline {
  bool distinct = false;
  std::vector<std::string> select, where, group, having, order;  // where, having: conjuncts
  std::string from, limit;
};
SqlOutline sql_outline(std::string_view sql);

}  // namespace fathom
