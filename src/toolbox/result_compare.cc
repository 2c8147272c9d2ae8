// See result_compare.h. Rows are grouped by all that must agree exactly (NULLs and text); within a
// group they are paired in sorted order, which settles nearly all; else by a bipartite matching
// (augmenting paths, Kuhn).
#include "toolbox/result_compare.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace fathom {
namespace {

using Row = std::vector<SqlValue>;
using Rows = std::vector<const Row*>;

constexpr size_t kMaxMatched = 500;  // n rows cost up to n³ comparisons of a row

bool is_number(const SqlValue& v) { return v.index() == 1 || v.index() == 2; }

double number(const SqlValue& v) {
  const auto* integer = std::get_if<int64_t>(&v);
  return integer != nullptr ? static_cast<double>(*integer) : std::get<double>(v);
}

// What two equal rows have in common to the byte.
std::string exact_part(const Row& row) {
  std::string key;
  for (const SqlValue& v : row) {
    key += is_number(v) ? '1' : static_cast<char>('0' + v.index());
    if (const auto* text = std::get_if<std::string>(&v)) {
      key += std::to_string(text->size());
      key += ':';
      key += *text;
    }
  }
  return key;
}

bool numbers_less(const Row* a, const Row* b) {
  for (size_t i = 0; i < a->size(); ++i) {
    if (!is_number((*a)[i])) continue;
    const double x = number((*a)[i]), y = number((*b)[i]);
    if (x != y) return x < y;
  }
  return false;
}

bool same_row(const Row& a, const Row& b, const CompareOptions& options) {
  for (size_t i = 0; i < a.size(); ++i)
    if (!same_value(a[i], b[i], options)) return false;
  return true;
}

class Matching {
 public:
  Matching(const Rows& a, const Rows& b, const CompareOptions& options)
      : a_(a), b_(b), options_(options), partner_(b.size(), a.size()) {}

  bool all() {
    for (size_t i = 0; i < a_.size(); ++i) {
      seen_.assign(b_.size(), false);
      if (!place(i)) return false;
    }
    return true;
  }

 private:
  bool place(size_t i) {
    for (size_t j = 0; j < b_.size(); ++j) {
      if (seen_[j] || !same_row(*a_[i], *b_[j], options_)) continue;
      seen_[j] = true;
      if (partner_[j] == a_.size() || place(partner_[j])) {
        partner_[j] = i;
        return true;
      }
    }
    return false;
  }

  const Rows& a_;
  const Rows& b_;
  const CompareOptions& options_;
  std::vector<size_t> partner_;  // of a row of b; a_.size(): none
  std::vector<bool> seen_;
};

bool same_group(Rows& a, Rows& b, const CompareOptions& options) {
  if (a.size() != b.size()) return false;
  std::stable_sort(a.begin(), a.end(), numbers_less);
  std::stable_sort(b.begin(), b.end(), numbers_less);
  bool same = true;
  for (size_t i = 0; i < a.size() && same; ++i) same = same_row(*a[i], *b[i], options);
  return same || (a.size() <= kMaxMatched && Matching(a, b, options).all());
}

bool same_multiset(const QueryResult& a, const QueryResult& b, const CompareOptions& options) {
  std::map<std::string, std::pair<Rows, Rows>> groups;
  for (const Row& row : a.rows) groups[exact_part(row)].first.push_back(&row);
  for (const Row& row : b.rows) groups[exact_part(row)].second.push_back(&row);
  return std::all_of(groups.begin(), groups.end(), [&](auto& group) {
    return same_group(group.second.first, group.second.second, options);
  });
}

bool same_order(const QueryResult& a, const QueryResult& b, const CompareOptions& options) {
  for (size_t i = 0; i < a.rows.size(); ++i) {
    if (options.order_columns.empty() && !same_row(a.rows[i], b.rows[i], options)) return false;
    for (const size_t c : options.order_columns)
      if (c >= a.columns.size() || !same_value(a.rows[i][c], b.rows[i][c], options)) return false;
  }
  return true;
}

}  // namespace

bool same_value(const SqlValue& a, const SqlValue& b, const CompareOptions& options) {
  if (!is_number(a) || !is_number(b) || a.index() + b.index() == 2) return a == b;
  const double x = number(a), y = number(b);
  if (x == y) return true;
  if (!std::isfinite(x) || !std::isfinite(y)) return false;  // 9e999 is near nothing
  return std::abs(x - y) <=
         options.absolute + options.relative * std::max(std::abs(x), std::abs(y));
}

bool same_result(const QueryResult& a, const QueryResult& b, const CompareOptions& options) {
  if (a.truncated || b.truncated) return false;
  if (a.columns.size() != b.columns.size() || a.rows.size() != b.rows.size()) return false;
  if (options.ordered && !same_order(a, b, options)) return false;
  return (options.ordered && options.order_columns.empty()) || same_multiset(a, b, options);
}

}  // namespace fathom
