// What is read out of a prepared statement, for queries and for SQLite files alike.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sqlite3.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace fathom {

struct FinalizeStatement {
  void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

/// The text in column i, as it is; it holds until the next step.
inline std::string_view column_text(sqlite3_stmt* s, int i) {
  const auto* p = reinterpret_cast<const char*>(sqlite3_column_text(s, i));
  return p == nullptr ? std::string_view()
                      : std::string_view(p, static_cast<size_t>(sqlite3_column_bytes(s, i)));
}

/// The blob in column i as hexadecimal digits.
inline std::string column_hexadecimal(sqlite3_stmt* s, int i) {
  const auto* p = static_cast<const unsigned char*>(sqlite3_column_blob(s, i));
  if (p == nullptr) return "";
  const std::span<const unsigned char> bytes(p, static_cast<size_t>(sqlite3_column_bytes(s, i)));
  return fmt::format("{:02X}", fmt::join(bytes, ""));
}

}  // namespace fathom
