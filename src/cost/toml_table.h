// A TOML table whose keys are taken one by one: the first that is not as wanted makes the sentence
// (file:line, key, wanted, found), and a key that nobody took is unknown. For the catalogue's files
// and others of the books. toml++'s exceptions end in parse_toml.
#pragma once

#include <toml++/toml.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "cost/range.h"
#include "cost/units.h"

namespace fathom {

Result<toml::table> parse_toml(std::string_view text, const std::string& where);

enum class Needed { kYes, kNo };

class TomlTable {
 public:
  /// `name` stands in messages ("claim"). Requires: `table` outlives this.
  TomlTable(const toml::table& table, std::string file, std::string name);

  /// A string that is not empty; "" where it is absent.
  std::string text(const char* key, Needed needed = Needed::kNo);
  /// One of `names`; its place among them, or 0 after an error.
  size_t choice(const char* key, const std::vector<std::string>& names,
                Needed needed = Needed::kYes);
  /// YYYY-MM-DD or YYYY-MM, as a string or a TOML date.
  std::string date(const char* key, Needed needed = Needed::kYes);
  bool flag(const char* key, bool otherwise);
  std::optional<int64_t> integer(const char* key, int64_t least, int64_t most,
                                 Needed needed = Needed::kNo);
  /// A string with its unit (units.h); a bare number where the quantity has none.
  std::optional<double> quantity(const char* key, Quantity q, Needed needed = Needed::kNo);
  /// `value`, or `low`, `mid` and `high` (mid may be left out: the geometric mean of the others).
  Range range(Quantity q);
  std::vector<std::string> texts(const char* key);
  /// The table under `key`, or null.
  const toml::table* table(const char* key);
  /// `key` is known and read by somebody else.
  void expect(const char* key) { known_.push_back(key); }
  bool has(const char* key) const { return table_.contains(key); }

  /// "file:line" of the table.
  std::string place() const;
  /// Makes the sentence "place: name: what" if it is the first.
  void refuse(const std::string& what);
  /// The first error; an unknown key is one.
  Status finish();

 private:
  const toml::node* take(const char* key, Needed needed);
  void refuse_key(const toml::node& node, const char* key, std::string_view wanted);

  const toml::table& table_;
  std::string file_, name_;
  std::vector<std::string> known_;
  Status status_;
};

}  // namespace fathom
