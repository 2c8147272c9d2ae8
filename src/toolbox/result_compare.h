// Whether two results of queries are the same: the verifier's question about a model's SQL.
#pragma once

#include <cstdint>
#include <vector>

#include "toolbox/sql.h"

namespace fathom {

struct CompareOptions {
  /// Rows must also come in the same order. Where order_columns (places in a row, from 0) is not
  /// empty, only the sequence of these columns is asked for: rows that tie in them may swap.
  bool ordered = false;
  std::vector<size_t> order_columns = {};
  /// Numbers a and b are equal if |a - b| <= absolute + relative · max(|a|, |b|). Two integers must
  /// be the same. 1e-9: sums of f64 in another order differ by less, a rounded figure by more.
  double relative = 1e-9, absolute = 1e-12;
};

/// Compares as multisets of rows: as many columns, in the same order of columns, and each row of
/// one paired with a row of the other. Names of columns do not count. An integer may equal a real;
/// NULL equals NULL; text is compared byte by byte and never equals a number. A truncated result
/// equals nothing. With the tolerance "equal" is not transitive; a pairing of all rows is looked
/// for among up to 500 rows that agree in all but numbers, beyond that only in sorted order.
bool same_result(const QueryResult& a, const QueryResult& b, const CompareOptions& options = {});

bool same_value(const SqlValue& a, const SqlValue& b, const CompareOptions& options = {});

}  // namespace fathom
