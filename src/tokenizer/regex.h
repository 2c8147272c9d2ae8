// A compiled regular expression on UTF-8 text: a thin owner of PCRE2's objects.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace fathom {

/// Where PCRE2 puts its answer. One per thread; serves any number of expressions, one search at a
/// time.
class RegexScratch {
 public:
  RegexScratch();
  ~RegexScratch();
  RegexScratch(const RegexScratch&) = delete;
  RegexScratch& operator=(const RegexScratch&) = delete;

 private:
  friend class Regex;
  void* data_;
};

struct RegexMatch {
  size_t begin, end;
};

/// Thread-safe after construction: reads only.
class Regex {
 public:
  /// A pattern in Oniguruma's dialect (regex_dialect.h). `where` opens the message of an error.
  static Result<Regex> compile(std::string_view pattern, const std::string& where);
  /// Text that matches itself.
  static Result<Regex> compile_literal(std::string_view text, const std::string& where);
  /// A pattern in PCRE2's own dialect.
  static Result<Regex> compile_pcre(std::string_view pattern, const std::string& where);

  /// The leftmost match that begins at or after `from`; lookarounds see the whole of `text`. A
  /// search that passes the limits of PCRE2 (ten million steps) finds nothing. Requires: text is
  /// valid UTF-8, from stands at a character's start.
  std::optional<RegexMatch> find(std::string_view text, size_t from, RegexScratch& scratch) const;

 private:
  static Result<Regex> compile_with(std::string_view pattern, unsigned options,
                                    const std::string& where);
  std::shared_ptr<void> code_;
  bool jit_ = false;
};

}  // namespace fathom
