// tokenizer.json holds regular expressions in Oniguruma's dialect (Ruby syntax on Unicode); fathom
// runs them on PCRE2. Where the two mean different things by the same letters the pattern is
// rewritten, and what has no faithful rewriting is refused by name. Differences after Oniguruma's
// doc/RE and pcre2pattern(3).
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace fathom {

/// The PCRE2 pattern (for UTF, UCP, MULTILINE, newline LF) that matches what `pattern` matches in
/// Oniguruma.
Result<std::string> translate_regex(std::string_view pattern, const std::string& where);

}  // namespace fathom
