// See text_functions_impl.h. memmem is linear in the worst case (glibc: two-way), find is not.
#include "toolbox/text_functions_impl.h"

#include <sqlite3.h>
#include <string.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/check.h"

namespace fathom {
namespace {

bool any_null(int n, sqlite3_value** args) {
  return std::any_of(args, args + n,
                     [](sqlite3_value* v) { return sqlite3_value_type(v) == SQLITE_NULL; });
}

std::string_view text_of(sqlite3_value* v) {
  const auto* p = reinterpret_cast<const char*>(sqlite3_value_text(v));
  return p == nullptr ? std::string_view()
                      : std::string_view(p, static_cast<size_t>(sqlite3_value_bytes(v)));
}

std::string_view blob_of(sqlite3_value* v) {
  const auto* p = static_cast<const char*>(sqlite3_value_blob(v));
  return p == nullptr ? std::string_view()
                      : std::string_view(p, static_cast<size_t>(sqlite3_value_bytes(v)));
}

size_t find(std::string_view text, std::string_view wanted) {
  const void* at = memmem(text.data(), text.size(), wanted.data(), wanted.size());
  return at == nullptr ? text.npos
                       : static_cast<size_t>(static_cast<const char*>(at) - text.data());
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

void give(sqlite3_context* out, std::string_view text) {
  sqlite3_result_text64(out, text.data() == nullptr ? "" : text.data(), text.size(),
                        SQLITE_TRANSIENT, SQLITE_UTF8);
}

// The place of the second text in the first, from 1, in characters (of two blobs: in bytes); else
// 0.
void instr(sqlite3_context* out, int n, sqlite3_value** args) {
  if (any_null(n, args)) return;
  const bool blobs = std::all_of(
      args, args + n, [](sqlite3_value* v) { return sqlite3_value_type(v) == SQLITE_BLOB; });
  const std::string_view text = blobs ? blob_of(args[0]) : text_of(args[0]);
  const size_t at = find(text, blobs ? blob_of(args[1]) : text_of(args[1]));
  if (at == text.npos) return sqlite3_result_int64(out, 0);
  const auto within = blobs ? 0 : std::count_if(text.begin(), text.begin() + at, continues);
  sqlite3_result_int64(out, static_cast<int64_t>(at) - within + 1);
}

void replace(sqlite3_context* out, int n, sqlite3_value** args) {
  if (any_null(n, args)) return;
  std::string_view text = text_of(args[0]);
  const std::string_view wanted = text_of(args[1]), by = text_of(args[2]);
  if (wanted.empty()) return sqlite3_result_value(out, args[0]);
  const auto most =
      static_cast<size_t>(sqlite3_limit(sqlite3_context_db_handle(out), SQLITE_LIMIT_LENGTH, -1));
  std::string result;
  for (size_t at; (at = find(text, wanted)) != text.npos;) {
    result.append(text.substr(0, at)).append(by);
    if (result.size() > most) return sqlite3_result_error_toobig(out);
    text.remove_prefix(at + wanted.size());
  }
  give(out, result.append(text));
}

// The bytes of the first character; of the last one.
size_t front_bytes(std::string_view text) {
  size_t n = 1;
  while (n < text.size() && continues(text[n])) ++n;
  return n;
}
size_t back_bytes(std::string_view text) {
  size_t n = 1;
  while (n < text.size() && continues(text[text.size() - n])) ++n;
  return n;
}

enum Ends : intptr_t { kFront = 1, kBack = 2 };

// Without the characters of the second text at its ends.
void trim(sqlite3_context* out, int n, sqlite3_value** args) {
  if (any_null(n, args)) return;
  std::string_view text = text_of(args[0]), rest = text_of(args[1]);
  std::set<std::string_view> characters;
  while (!rest.empty()) {
    const size_t bytes = front_bytes(rest);
    characters.insert(rest.substr(0, bytes));
    rest.remove_prefix(bytes);
  }
  const auto ends = reinterpret_cast<intptr_t>(sqlite3_user_data(out));
  while ((ends & kFront) != 0 && !text.empty() &&
         characters.contains(text.substr(0, front_bytes(text))))
    text.remove_prefix(front_bytes(text));
  while ((ends & kBack) != 0 && !text.empty() &&
         characters.contains(text.substr(text.size() - back_bytes(text))))
    text.remove_suffix(back_bytes(text));
  give(out, text);
}

}  // namespace

void add_text_functions(sqlite3* db) {
  const auto add = [db](const char* name, int n, auto* function, intptr_t ends) {
    constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    FATHOM_CHECK(sqlite3_create_function_v2(db, name, n, kFlags, reinterpret_cast<void*>(ends),
                                            function, nullptr, nullptr, nullptr) == SQLITE_OK);
  };
  add("instr", 2, instr, 0);
  add("replace", 3, replace, 0);
  add("trim", 2, trim, kFront | kBack);
  add("ltrim", 2, trim, kFront);
  add("rtrim", 2, trim, kBack);
}

}  // namespace fathom
