// instr, replace, trim, ltrim and rtrim of SQL in time linear in their arguments. SQLite's own take
// the product of two lengths: hours in one call for two texts of a megabyte, and within a call no
// limit is looked at.
#pragma once

struct sqlite3;

namespace fathom {

/// Puts them in the place of SQLite's on this connection. Same results, for valid UTF-8.
void add_text_functions(sqlite3* db);

}  // namespace fathom
