// See sql_outline_impl.h.
#include "toolbox/sql_outline_impl.h"

#include <algorithm>
#include <map>
#include <span>

#include "toolbox/table_plan.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

// Behind the closing quote of the text that opens at `i`; a doubled quote does not close it.
size_t behind_quote(std::string_view sql, size_t i, char close) {
  for (++i; i < sql.size(); ++i) {
    if (sql[i] != close) continue;
    if (close != ']' && i + 1 < sql.size() && sql[i + 1] == close)
      ++i;
    else
      return i + 1;
  }
  return sql.size();
}

std::string unquoted(std::string_view text) {
  if (text.size() < 2) return std::string(text);
  const char q = text.front() == '[' ? ']' : text.front();
  std::string out;
  text = text.substr(1, text.size() - (text.back() == q ? 2 : 1));
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == q && i + 1 < text.size() && text[i + 1] == q) ++i;
  }
  return out;
}

size_t behind_comment(std::string_view sql, size_t i) {
  if (sql.substr(i, 2) == "--") return std::min(sql.find('\n', i), sql.size());
  if (sql.substr(i, 2) != "/*") return i;
  const size_t end = sql.find("*/", i + 2);
  return end == sql.npos ? sql.size() : end + 2;
}

size_t symbol_bytes(std::string_view sql) {
  static constexpr std::string_view kTwo[] = {"<>", ">=", "<=", "!=", "==", "||", "->"};
  for (const std::string_view s : kTwo)
    if (sql.starts_with(s)) return 2;
  return 1;
}

SqlToken token_at(std::string_view sql, size_t i) {
  const char c = sql[i];
  size_t end = i + 1;
  const auto until = [&](SqlTokenKind kind, std::string text) {
    return SqlToken{kind, std::move(text), i, end};
  };
  if (c == '\'') {
    end = behind_quote(sql, i, c);
    return until(SqlTokenKind::kString, std::string(sql.substr(i, end - i)));
  }
  if (c == '"' || c == '`' || c == '[') {
    end = behind_quote(sql, i, c == '[' ? ']' : c);
    return until(SqlTokenKind::kQuoted, ascii_lower(unquoted(sql.substr(i, end - i))));
  }
  if (is_letter(c)) {
    while (end < sql.size() && (is_letter(sql[end]) || is_digit(sql[end]))) ++end;
    return until(SqlTokenKind::kWord, ascii_lower(sql.substr(i, end - i)));
  }
  if (is_digit(c) || (c == '.' && end < sql.size() && is_digit(sql[end]))) {
    while (end < sql.size() && (is_digit(sql[end]) || sql[end] == '.' || is_letter(sql[end])))
      ++end;
    return until(SqlTokenKind::kNumber, std::string(sql.substr(i, end - i)));
  }
  end = i + symbol_bytes(sql.substr(i));
  std::string text(sql.substr(i, end - i));
  if (text == "!=") text = "<>";
  if (text == "==") text = "=";
  return until(SqlTokenKind::kSymbol, std::move(text));
}

using TokenSpan = std::span<const SqlToken>;

// A name that needs no quotes is the same with them. Between two words stands a space.
std::string normal_text(TokenSpan tokens) {
  std::string out;
  bool word_before = false;
  for (const SqlToken& t : tokens) {
    const bool word = t.kind != SqlTokenKind::kSymbol;
    if (word && word_before) out += ' ';
    const bool plain =
        t.text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos &&
        !t.text.empty();
    out += t.kind == SqlTokenKind::kQuoted && !plain ? in_quotes(t.text, '"') : t.text;
    word_before = word;
  }
  return out;
}

// Parts between `separator` at the outermost level. The AND of a BETWEEN separates nothing.
std::vector<TokenSpan> split_tokens(TokenSpan tokens, std::string_view separator) {
  std::vector<TokenSpan> parts;
  int depth = 0, n_between = 0;
  size_t begin = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const SqlToken& t = tokens[i];
    depth += t.is("(") || t.is("case");
    depth -= t.is(")") || t.is("end");
    if (depth != 0) continue;
    n_between += t.is("between");
    if (!t.is(separator)) continue;
    if (n_between > 0 && separator == "and") {
      --n_between;
      continue;
    }
    parts.push_back(tokens.subspan(begin, i - begin));
    begin = i + 1;
  }
  if (begin < tokens.size()) parts.push_back(tokens.subspan(begin));
  return parts;
}

TokenSpan without_outer_parentheses(TokenSpan tokens) {
  while (tokens.size() >= 2 && tokens.front().is("(") && tokens.back().is(")")) {
    int depth = 0;
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
      depth += tokens[i].is("(");
      depth -= tokens[i].is(")");
      if (depth == 0) return tokens;
    }
    tokens = tokens.subspan(1, tokens.size() - 2);
  }
  return tokens;
}

struct Clauses {
  std::map<std::string, TokenSpan> at;
};

// The clauses of the last SELECT at the outermost level.
Clauses clauses_of(TokenSpan tokens) {
  static constexpr std::string_view kStarts[] = {"select", "from",  "where", "group",
                                                 "having", "order", "limit"};
  Clauses clauses;
  int depth = 0;
  std::string open;
  size_t begin = 0;
  const auto close = [&](size_t end) {
    if (!open.empty()) clauses.at[open] = tokens.subspan(begin, end - begin);
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    const SqlToken& t = tokens[i];
    depth += t.is("(");
    depth -= t.is(")");
    if (depth != 0 || t.kind != SqlTokenKind::kWord) continue;
    if (std::find(std::begin(kStarts), std::end(kStarts), t.text) == std::end(kStarts)) continue;
    close(i);
    if (t.text == "select") clauses.at.clear();
    open = t.text;
    begin = i + 1;
    if ((open == "group" || open == "order") && begin < tokens.size() && tokens[begin].is("by"))
      ++begin;
  }
  close(tokens.size());
  return clauses;
}

// Qualifiers say nothing where only one table is read.
SqlTokens without_qualifiers(const SqlTokens& tokens) {
  for (const SqlToken& t : tokens)
    if (t.is("join")) return tokens;
  SqlTokens out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].is_name() && i + 2 < tokens.size() && tokens[i + 1].is(".") &&
        tokens[i + 2].is_name())
      ++i;
    else
      out.push_back(tokens[i]);
  }
  return out;
}

// An item of the select list: its expression, and its alias or "".
std::pair<TokenSpan, std::string> item_and_alias(TokenSpan item) {
  const size_t n = item.size();
  if (n >= 3 && item[n - 2].is("as") && item[n - 1].is_name())
    return {item.subspan(0, n - 2), item[n - 1].text};
  return {item, ""};
}

bool is_keyword(const SqlToken& t) {
  static constexpr std::string_view kWords[] = {
      "all",       "and",       "as",       "asc",     "between", "by",     "case",   "collate",
      "cross",     "desc",      "distinct", "else",    "end",     "escape", "except", "exists",
      "filter",    "first",     "from",     "glob",    "group",   "having", "in",     "inner",
      "intersect", "is",        "join",     "last",    "left",    "like",   "limit",  "not",
      "null",      "nulls",     "nocase",   "offset",  "on",      "or",     "order",  "outer",
      "over",      "partition", "real",     "integer", "text",    "select", "then",   "union",
      "using",     "values",    "when",     "where",   "with"};
  return t.kind == SqlTokenKind::kWord &&
         std::find(std::begin(kWords), std::end(kWords), t.text) != std::end(kWords);
}

}  // namespace

SqlTokens sql_tokens(std::string_view sql) {
  SqlTokens tokens;
  for (size_t i = 0; i < sql.size();) {
    const size_t behind = behind_comment(sql, i);
    if (behind > i) {
      i = behind;
    } else if (sql[i] == ' ' || (sql[i] >= '\t' && sql[i] <= '\r')) {
      ++i;
    } else {
      tokens.push_back(token_at(sql, i));
      i = tokens.back().end;
    }
  }
  return tokens;
}

size_t first_statement_bytes(std::string_view sql) {
  for (const SqlToken& t : sql_tokens(sql))
    if (t.is(";")) return t.begin;
  return sql.size();
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'' || text[i] == '"') {
      i = behind_quote(text, i, text[i]) - 1;
      continue;
    }
    depth += (text[i] == '(') - (text[i] == ')');
    if (text[i] != ',' || depth != 0) continue;
    parts.emplace_back(trimmed(text.substr(begin, i - begin)));
    begin = i + 1;
  }
  if (begin < text.size()) parts.emplace_back(trimmed(text.substr(begin)));
  return parts;
}

SqlOutline sql_outline(std::string_view sql) {
  const SqlTokens tokens =
      without_qualifiers(sql_tokens(sql.substr(0, first_statement_bytes(sql))));
  Clauses clauses = clauses_of(tokens);
  SqlOutline outline;
  TokenSpan select = clauses.at["select"];
  outline.distinct = !select.empty() && select[0].is("distinct");
  if (outline.distinct) select = select.subspan(1);
  std::map<std::string, std::string> aliases;
  for (const TokenSpan item : split_tokens(select, ",")) {
    const auto [expression, alias] = item_and_alias(item);
    outline.select.push_back(normal_text(expression));
    if (!alias.empty()) aliases[alias] = outline.select.back();
  }
  outline.from = normal_text(clauses.at["from"]);
  for (const TokenSpan c : split_tokens(without_outer_parentheses(clauses.at["where"]), "and"))
    outline.where.push_back(normal_text(without_outer_parentheses(c)));
  for (const TokenSpan c : split_tokens(without_outer_parentheses(clauses.at["having"]), "and"))
    outline.having.push_back(normal_text(without_outer_parentheses(c)));
  // A place in the select list or an alias stands for the expression there.
  const auto resolved = [&](TokenSpan e) {
    if (e.size() == 1 && e[0].kind == SqlTokenKind::kNumber && e[0].text.size() < 4) {
      const size_t at = static_cast<size_t>(std::atoi(e[0].text.c_str()));
      if (at >= 1 && at <= outline.select.size()) return outline.select[at - 1];
    }
    const std::string text = normal_text(e);
    const auto alias = aliases.find(text);
    return alias == aliases.end() ? text : alias->second;
  };
  for (const TokenSpan g : split_tokens(clauses.at["group"], ","))
    outline.group.push_back(resolved(g));
  for (TokenSpan o : split_tokens(clauses.at["order"], ",")) {
    bool desc = false;
    if (o.size() > 2 && o[o.size() - 2].is("nulls")) o = o.subspan(0, o.size() - 2);
    if (!o.empty() && (o.back().is("desc") || o.back().is("asc"))) {
      desc = o.back().is("desc");
      o = o.subspan(0, o.size() - 1);
    }
    outline.order.push_back(resolved(o) + (desc ? " desc" : ""));
  }
  outline.limit = normal_text(clauses.at["limit"]);
  return outline;
}

std::vector<std::string> sql_column_names(std::string_view sql) {
  const SqlTokens tokens = sql_tokens(sql);
  std::vector<std::string> aliases, names;
  for (size_t i = 0; i + 1 < tokens.size(); ++i)
    if (tokens[i].is("as")) aliases.push_back(tokens[i + 1].text);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const SqlToken& t = tokens[i];
    const bool called = i + 1 < tokens.size() && tokens[i + 1].is("(");
    const bool qualifies = i + 1 < tokens.size() && tokens[i + 1].is(".");
    const bool qualified = i > 0 && tokens[i - 1].is(".");
    const auto follows = [&](std::string_view word, size_t distance) {
      return i >= distance && tokens[i - distance].is(word);
    };
    const bool introduced = follows("from", 1) || follows("join", 1) || follows("as", 1) ||
                            follows("from", 2) || follows("join", 2);  // an alias without AS
    if (!t.is_name() || is_keyword(t) || called || qualifies || introduced) continue;
    const auto in = [&](const std::vector<std::string>& list) {
      return std::find(list.begin(), list.end(), t.text) != list.end();
    };
    if (in(names) || (!qualified && in(aliases))) continue;
    names.push_back(t.text);
  }
  return names;
}

}  // namespace fathom
