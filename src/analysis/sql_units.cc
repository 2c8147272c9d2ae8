// A reader of SELECT lists: tokens, then a descent through sums, products and what stands in them.
// Whatever it does not know has no unit. It never decides what runs; SQLite does that.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "analysis/sql_units_impl.h"

namespace fathom {
namespace {

std::string lower_sql(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

enum class TokenKind { kWord, kQuoted, kString, kNumber, kSign };
struct SqlToken {
  TokenKind kind;
  std::string text;  // in lower case
  int depth;         // of parentheses around it
};

bool word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// Behind a comment that begins at `at`, or `at`.
size_t behind_comment(std::string_view sql, size_t at) {
  if (sql.substr(at).starts_with("--")) return std::min(sql.find('\n', at), sql.size());
  if (!sql.substr(at).starts_with("/*")) return at;
  const size_t end = sql.find("*/", at + 2);
  return end == sql.npos ? sql.size() : end + 2;
}

/// The text between quotes from `at` on, which is moved behind it.
std::string take_quoted(std::string_view sql, size_t& at, char end) {
  std::string out;
  for (++at; at < sql.size(); ++at) {
    if (sql[at] != end) {
      out += sql[at];
    } else if (at + 1 < sql.size() && sql[at + 1] == end) {
      out += sql[at++];
    } else {
      break;
    }
  }
  if (at < sql.size()) ++at;
  return lower_sql(out);
}

std::vector<SqlToken> sql_tokens(std::string_view sql) {
  std::vector<SqlToken> tokens;
  int depth = 0;
  for (size_t at = 0; at < sql.size();) {
    const char c = sql[at];
    if (const size_t behind = behind_comment(sql, at); behind != at) {
      at = behind;
    } else if (c == '\'') {
      tokens.push_back({TokenKind::kString, take_quoted(sql, at, '\''), depth});
    } else if (c == '"' || c == '`' || c == '[') {
      tokens.push_back({TokenKind::kQuoted, take_quoted(sql, at, c == '[' ? ']' : c), depth});
    } else if (word_character(c) ||
               (c == '.' && at + 1 < sql.size() && sql[at + 1] >= '0' && sql[at + 1] <= '9')) {
      const bool number = c == '.' || (c >= '0' && c <= '9');
      size_t end = at + 1;
      while (end < sql.size() && (word_character(sql[end]) || (number && sql[end] == '.'))) ++end;
      tokens.push_back({number ? TokenKind::kNumber : TokenKind::kWord,
                        lower_sql(sql.substr(at, end - at)), depth});
      at = end;
    } else {
      if (c == ')') --depth;
      if (c > ' ') tokens.push_back({TokenKind::kSign, std::string(1, c), depth});
      if (c == '(') ++depth;
      ++at;
    }
  }
  return tokens;
}

using Names = std::map<std::string, ColumnUnit>;

/// Reads expressions from `at` on.
class UnitReader {
 public:
  UnitReader(const std::vector<SqlToken>& tokens, const Database& database, const Names& names)
      : tokens_(tokens), database_(database), names_(names) {}

  /// The list of the SELECT at `select`. A name of its own for each output, "" without one.
  /// False: it holds a *.
  bool list(size_t select, std::vector<ColumnUnit>& units, std::vector<std::string>& names) {
    at_ = select + 1;
    if (word("distinct") || word("all")) ++at_;
    const int depth = tokens_[select].depth;
    for (;;) {
      if (sign("*")) return false;
      const size_t begin = at_;
      ColumnUnit unit = sum();
      std::string name = at_ == begin + 1 ? tokens_[begin].text : "";
      if (at_ == begin + 3 && tokens_[begin + 1].text == ".") name = tokens_[begin + 2].text;
      if (!ends_output(depth) && !is_alias()) {  // a comparison, or what is not understood
        unit = {};
        while (!ends_output(depth) && !(word("as") && tokens_[at_].depth == depth)) ++at_;
      }
      if (at_ > begin && sign("*", at_ - 1)) return false;  // t.*
      if (word("as")) ++at_;
      if (!ends_output(depth)) name = tokens_[at_++].text;
      units.push_back(unit);
      names.push_back(name);
      while (!ends_output(depth)) ++at_;
      if (!sign(",") || tokens_[at_].depth != depth) return true;
      ++at_;
    }
  }

 private:
  bool in(size_t i) const { return i < tokens_.size(); }
  bool word(const char* text) const {
    return in(at_) && tokens_[at_].kind == TokenKind::kWord && tokens_[at_].text == text;
  }
  bool sign(const char* text) const { return sign(text, at_); }
  bool sign(const char* text, size_t i) const {
    return in(i) && tokens_[i].kind == TokenKind::kSign && tokens_[i].text == text;
  }
  bool ends_output(int depth) const {
    if (!in(at_) || tokens_[at_].depth < depth) return true;
    if (tokens_[at_].depth > depth) return false;
    if (sign(",") || sign(";")) return true;
    for (const char* w : {"from", "where", "group", "having", "order", "limit", "union", "except",
                          "intersect", "window"})
      if (word(w)) return true;
    return false;
  }
  bool is_alias() const {
    return word("as") || tokens_[at_].kind == TokenKind::kQuoted ||
           (tokens_[at_].kind == TokenKind::kWord && !is_operator());
  }
  bool is_operator() const {
    for (const char* w : {"and", "or", "not", "is", "in", "like", "glob", "between", "collate",
                          "isnull", "notnull", "over", "filter", "escape", "match", "regexp"})
      if (word(w)) return true;
    return false;
  }

  static ColumnUnit added(const ColumnUnit& a, const ColumnUnit& b) {
    if (a.literal) return b;
    if (b.literal) return a;
    ColumnUnit out;
    if (a.unit == b.unit) out.unit = a.unit;
    out.ratio = a.ratio && b.ratio;
    out.hundred = a.hundred && b.hundred;
    return out;
  }
  static ColumnUnit times(const ColumnUnit& a, const ColumnUnit& b) {
    if (a.literal && b.literal) return {.literal = true, .hundred = a.hundred || b.hundred};
    const bool hundred = a.hundred || b.hundred;
    if ((a.ratio || b.ratio) && hundred && (a.literal || b.literal)) return {.unit = "%"};
    ColumnUnit out;
    out.hundred = hundred;
    out.ratio = (a.literal && b.ratio) || (b.literal && a.ratio);
    // An amount of money times a number is money; percent times something is no percentage.
    if (a.unit.empty() != b.unit.empty()) {
      const ColumnUnit& with = a.unit.empty() ? b : a;
      const ColumnUnit& other = a.unit.empty() ? a : b;
      if (with.unit != "%" || other.literal) out.unit = with.unit;
    }
    return out;
  }
  static ColumnUnit over(const ColumnUnit& a, const ColumnUnit& b) {
    if (b.literal) return {.unit = a.unit, .literal = a.literal};
    if (a.literal) return {};
    if (a.unit == b.unit) {
      if (a.hundred) return {.unit = "%"};
      return {.ratio = true};
    }
    if (b.unit.empty()) return {.unit = a.unit};
    return {};
  }

  ColumnUnit sum() {
    if (depth_limit_ == 0) return {};
    --depth_limit_;
    ColumnUnit left = product();
    while (sign("+") || sign("-")) {
      ++at_;
      left = added(left, product());
    }
    ++depth_limit_;
    return left;
  }
  ColumnUnit product() {
    ColumnUnit left = primary();
    while ((sign("*") || sign("/")) && in(at_ + 1)) {
      const bool multiply = sign("*");
      ++at_;
      const ColumnUnit right = primary();
      left = multiply ? times(left, right) : over(left, right);
    }
    return left;
  }
  ColumnUnit primary() {
    while (sign("-") || sign("+")) ++at_;
    if (!in(at_)) return {};
    const SqlToken& t = tokens_[at_];
    if (t.kind == TokenKind::kNumber) {
      ++at_;
      return {.literal = true, .hundred = std::strtod(t.text.c_str(), nullptr) == 100};
    }
    if (t.kind == TokenKind::kString) {
      ++at_;
      return {};
    }
    if (sign("(")) return parenthesis();
    if (t.kind == TokenKind::kSign) return {};  // not understood; the caller skips it
    if (word("null")) {
      ++at_;
      return {.literal = true};
    }
    if (word("case")) return choice();
    if (t.kind == TokenKind::kWord && sign("(", at_ + 1)) return function();
    return column();
  }

  /// To behind the parenthesis that closes depth `depth`.
  void leave(int depth) {
    while (in(at_) && !(sign(")") && tokens_[at_].depth == depth)) ++at_;
    if (in(at_)) ++at_;
  }
  ColumnUnit parenthesis() {
    const int depth = tokens_[at_++].depth;
    ColumnUnit unit;
    if (word("select")) {
      std::vector<ColumnUnit> units;
      std::vector<std::string> names;
      if (list(at_, units, names)) unit = units[0];
    } else {
      unit = sum();
      if (!sign(")")) unit = {};
    }
    leave(depth);
    return unit;
  }
  ColumnUnit choice() {
    const int depth = tokens_[at_].depth;
    int n_open = 1;
    bool first = true;
    ColumnUnit unit;
    for (++at_; in(at_) && n_open > 0;) {
      const bool here = tokens_[at_].depth == depth;
      if (here && word("case")) ++n_open;
      if (here && word("end")) --n_open;
      if (here && n_open == 1 && (word("then") || word("else"))) {
        ++at_;
        const ColumnUnit branch = sum();
        unit = first ? branch : added(unit, branch);
        first = false;
      } else {
        ++at_;
      }
    }
    unit.hundred = false;
    return unit;
  }
  ColumnUnit function() {
    const std::string name = tokens_[at_].text;
    const int depth = tokens_[++at_].depth;
    ++at_;
    if (word("distinct")) ++at_;
    ColumnUnit unit = sign(")") || sign("*") ? ColumnUnit() : sum();
    leave(depth);
    while (word("filter") || word("over")) {
      ++at_;
      sign("(") ? leave(tokens_[at_].depth) : void(++at_);
    }
    if (name == "strftime" || name == "substr" || name == "substring") return {.plain = true};
    static constexpr const char* kKeep[] = {
        "sum",    "total", "avg", "min",  "max",  "round",       "abs",        "coalesce", "ifnull",
        "nullif", "cast",  "lag", "lead", "ceil", "first_value", "last_value", "floor"};
    if (std::find(std::begin(kKeep), std::end(kKeep), name) == std::end(kKeep)) return {};
    if (name == "sum" || name == "total" || name == "avg") unit.plain = unit.literal = false;
    return unit;
  }
  ColumnUnit column() {
    std::string name = tokens_[at_++].text;
    while (sign(".") && in(at_ + 1)) {
      name = tokens_[at_ + 1].text;
      at_ += 2;
    }
    if (const auto known = names_.find(name); known != names_.end()) return known->second;
    return named_unit(database_, name);
  }

  const std::vector<SqlToken>& tokens_;
  const Database& database_;
  const Names& names_;
  size_t at_ = 0;
  int depth_limit_ = 200;  // of expressions in each other
};

/// "order_id", "Cost (USD)": its words in lower case.
std::vector<std::string> words_of_name(std::string_view column) {
  std::vector<std::string> words = {""};
  for (const char c : lower_sql(column)) {
    if (word_character(c) && c != '_') {
      words.back() += c;
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

/// The name says that its numbers are not amounts: "year", "order_id".
bool names_identity(const std::vector<std::string>& words) {
  if (words.empty()) return false;
  for (const char* w : {"id", "zip", "postcode", "code", "nr", "isbn", "phone"})
    if (words.back() == w) return true;
  return std::find(words.begin(), words.end(), "year") != words.end();
}

/// The unit that a name ends in: "cost_usd".
std::string unit_in_name(const std::vector<std::string>& words) {
  static constexpr std::pair<const char*, const char*> kUnits[] = {
      {"usd", "$"}, {"eur", "EUR"}, {"gbp", "GBP"}, {"percent", "%"}, {"pct", "%"}};
  for (const auto& [word, unit] : kUnits)
    if (!words.empty() && words.back() == word) return unit;
  return "";
}

}  // namespace

ColumnUnit named_unit(const Database& database, std::string_view column) {
  const std::string wanted = lower_sql(column);
  const std::vector<std::string> words = words_of_name(column);
  ColumnUnit out;
  out.plain = names_identity(words);
  bool found = false;
  for (const SqlTable& t : database.tables()) {
    for (const SqlColumn& c : t.columns) {
      if (lower_sql(c.name) != wanted) continue;
      if (found && c.unit != out.unit) return {.plain = out.plain};
      out.unit = c.unit;
      found = true;
    }
  }
  if (found && out.unit.empty()) out.unit = unit_in_name(words);
  return out;
}

std::vector<ColumnUnit> sql_units(const Database& database, std::string_view sql) {
  const std::vector<SqlToken> tokens = sql_tokens(sql);
  std::vector<size_t> selects;
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i].kind == TokenKind::kWord && tokens[i].text == "select") selects.push_back(i);
  if (selects.empty()) return {};
  // Inner ones first: what they name is known to those around them. The first of the outermost is
  // the one whose outputs name the result.
  std::stable_sort(selects.begin(), selects.end(), [&](size_t a, size_t b) {
    return tokens[a].depth != tokens[b].depth ? tokens[a].depth > tokens[b].depth : a < b;
  });
  Names names;
  std::vector<ColumnUnit> outermost;
  for (const size_t select : selects) {
    std::vector<ColumnUnit> units;
    std::vector<std::string> outputs;
    const bool whole = UnitReader(tokens, database, names).list(select, units, outputs);
    if (tokens[select].depth == tokens[selects.back()].depth) {
      return whole ? units : std::vector<ColumnUnit>();
    }
    for (size_t i = 0; i < units.size(); ++i)
      if (!outputs[i].empty()) names[outputs[i]] = units[i];
  }
  return outermost;
}

}  // namespace fathom
