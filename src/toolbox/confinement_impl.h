// What a connection may do while a query runs, or while a file is read that somebody else made:
// SELECT from named tables, with functions of a fixed list, within steps and time.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "toolbox/sql.h"

namespace fathom {

/// While it lives, `db` is confined. Requires: one at a time for a connection.
class Confinement {
 public:
  /// may_read: whether a table (by its name) may be read.
  Confinement(sqlite3* db, const QueryLimits& limits,
              std::function<bool(std::string_view)> may_read);
  ~Confinement();
  Confinement(const Confinement&) = delete;
  Confinement& operator=(const Confinement&) = delete;

  /// The first thing that was refused, "DELETE" or "function random"; empty where nothing was.
  const std::string& refused() const { return refused_; }
  /// The limit that stopped the query, "10 s"; empty where none did.
  const std::string& reached() const { return reached_; }
  double seconds() const;

 private:
  static int authorize(void* self, int action, const char* a, const char* b, const char* database,
                       const char* view);
  static int progress(void* self);
  bool allows(int action, const char* a, const char* b);

  sqlite3* db_;
  QueryLimits limits_;
  std::function<bool(std::string_view)> may_read_;
  std::vector<std::pair<int, int>> old_limits_;
  std::chrono::steady_clock::time_point start_;
  int64_t steps_ = 0;
  std::string refused_, reached_;
};

/// Switches off what no connection of fathom needs: extensions, triggers, views and functions that
/// a schema brings along, text in double quotes.
void harden(sqlite3* db);

}  // namespace fathom
