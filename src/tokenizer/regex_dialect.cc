// One pass over the pattern, copying what means the same and rewriting the rest:
//   \s \S   White_Space; PCRE2's \s also takes U+180E            \w \b   Alphabetic, M, Nd, Pc;
//   PCRE2's \w is L, N and _ \h      a hexadecimal digit; horizontal space in PCRE2       \v
//   U+000B; any vertical space in PCRE2 \p{Han} the script; script extensions in PCRE2 {,n} {0,n};
//   literal in PCRE2
//   (?i)    reaches over the alternatives that follow it, so it is taken at the start of the
//   pattern only
#include "tokenizer/regex_dialect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "tokenizer/regex.h"
#include "tokenizer/utf8.h"

namespace fathom {
namespace {

// White_Space as ranges: PCRE2 answers them for ASCII from a bitmap, quicker than from its table of
// properties.
constexpr std::string_view kSpaces =
    R"(\t-\r\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kWordCharacters = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
constexpr std::string_view kHexDigits = "0-9A-Fa-f";

struct NamedProperty {
  std::string_view name, pcre;
};
// Names that the two libraries spell differently, in lower case and without '_', '-' and ' '.
constexpr NamedProperty kProperties[] = {
    {"letter", "L"},
    {"uppercaseletter", "Lu"},
    {"lowercaseletter", "Ll"},
    {"titlecaseletter", "Lt"},
    {"modifierletter", "Lm"},
    {"otherletter", "Lo"},
    {"mark", "M"},
    {"nonspacingmark", "Mn"},
    {"spacingmark", "Mc"},
    {"enclosingmark", "Me"},
    {"number", "N"},
    {"decimalnumber", "Nd"},
    {"letternumber", "Nl"},
    {"othernumber", "No"},
    {"punctuation", "P"},
    {"symbol", "S"},
    {"separator", "Z"},
    {"other", "C"},
    {"alpha", "Alphabetic"},
    {"upper", "Uppercase"},
    {"lower", "Lowercase"},
    {"digit", "Nd"},
    {"space", "White_Space"},
    {"any", "Any"},
};
constexpr std::string_view kCategories[] = {
    "C",  "Cc", "Cf", "Cn", "Co", "Cs", "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",
    "Mc", "Me", "Mn", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Pe", "Pf", "Pi",
    "Po", "Ps", "S",  "Sc", "Sk", "Sm", "So", "Z",  "Zl", "Zp", "Zs"};

std::string folded(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '_' || c == '-' || c == ' ') continue;
    out.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return out;
}

/// PCRE2's name of a property: a general category, a binary property, or "sc:" and a script. None
/// where there is no such.
std::optional<std::string> property_name(std::string_view name) {
  const std::string wanted = folded(name);
  for (const std::string_view category : kCategories) {
    if (folded(category) == wanted) return std::string(category);
  }
  for (const NamedProperty& p : kProperties) {
    if (p.name == wanted) return std::string(p.pcre);
  }
  for (const char* prefix : {"sc:", ""}) {
    const std::string candidate = prefix + wanted;
    if (Regex::compile_pcre("\\p{" + candidate + "}", "").ok()) return candidate;
  }
  return std::nullopt;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }
bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& where) : in_(pattern), where_(where) {}

  Result<std::string> translate() {
    while (at_ < in_.size()) FATHOM_RETURN_IF_ERROR(step());
    return std::move(out_);
  }

 private:
  Status refuse(std::string_view what) const {
    return Status::error(fmt::format("{}: the pattern uses {} at byte {}, which is not supported",
                                     where_, what, at_));
  }
  bool starts(std::string_view s) const { return in_.substr(at_).starts_with(s); }
  char peek(size_t ahead) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }
  void copy(size_t n) {
    out_ += in_.substr(at_, n);
    at_ += n;
  }
  void replace(size_t n, std::string_view with) {
    out_ += with;
    at_ += n;
  }

  Status step() {
    switch (in_[at_]) {
      case '\\':
        return escape(/*in_class=*/false);
      case '[':
        return character_class();
      case '(':
        return group();
      case '{':
        return interval();
      default:
        copy(1);
        return {};
    }
  }

  Status group() {
    if (starts("(*")) return refuse("(*");
    if (!starts("(?")) {
      copy(1);
      return {};
    }
    for (const std::string_view plain : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"}) {
      if (starts(plain)) {
        copy(plain.size());
        return {};
      }
    }
    const size_t end = in_.find_first_not_of("i-", at_ + 2);
    const bool scoped = end != std::string_view::npos && in_[end] == ':';
    const bool whole = end != std::string_view::npos && in_[end] == ')' && at_ == 0;
    if (!scoped && !whole) return refuse(in_.substr(at_, 4));
    copy(end + 1 - at_);
    return {};
  }

  /// {n}, {n,}, {n,m}, {,m}; any other brace is a literal one.
  Status interval() {
    size_t end = at_ + 1;
    while (end < in_.size() && is_digit(in_[end])) ++end;
    const bool has_low = end > at_ + 1;
    const size_t comma = end;
    const bool has_comma = end < in_.size() && in_[end] == ',';
    if (has_comma) ++end;
    while (end < in_.size() && is_digit(in_[end])) ++end;
    const bool has_high = has_comma && end > comma + 1;
    if (end == in_.size() || in_[end] != '}' || (!has_low && !has_high)) {
      replace(1, "\\{");
      return {};
    }
    const char next = end + 1 < in_.size() ? in_[end + 1] : '\0';
    if (next == '+' || (next == '?' && !has_comma)) return refuse(fmt::format("{{n}}{}", next));
    if (!has_low) replace(1, "{0");
    copy(end + 1 - at_);
    return {};
  }

  Status character_class() {
    copy(1);
    if (at_ < in_.size() && in_[at_] == '^') copy(1);
    if (starts("]")) return refuse("a class that begins with ]");
    while (at_ < in_.size() && in_[at_] != ']') {
      if (in_[at_] == '[') return refuse("a class within a class");
      if (starts("&&")) return refuse("an intersection of classes");
      if (in_[at_] == '\\') {
        FATHOM_RETURN_IF_ERROR(escape(/*in_class=*/true));
      } else {
        copy(1);
      }
    }
    if (at_ == in_.size()) return refuse("a class without its ]");
    copy(1);
    return {};
  }

  /// `set` is the inside of a class.
  Status one_of(std::string_view set, bool negated, bool in_class) {
    if (in_class && negated) return refuse(fmt::format("\\{} within a class", in_[at_ + 1]));
    replace(2, in_class ? std::string(set) : fmt::format("[{}{}]", negated ? "^" : "", set));
    return {};
  }

  Status escape(bool in_class) {
    const char c = peek(1);
    switch (c) {
      case 's':
        return one_of(kSpaces, false, in_class);
      case 'S':
        if (in_class) return replace(2, "\\P{White_Space}"), Status();
        return one_of(kSpaces, true, in_class);
      case 'w':
      case 'W':
        return one_of(kWordCharacters, c == 'W', in_class);
      case 'h':
      case 'H':
        return one_of(kHexDigits, c == 'H', in_class);
      case 'd':
        return replace(2, "\\p{Nd}"), Status();
      case 'D':
        return replace(2, "\\P{Nd}"), Status();
      case 'v':
        return replace(2, "\\x0b"), Status();
      case 'b':
      case 'B':
        return in_class ? refuse("\\b within a class") : word_boundary(c == 'B');
      case 'p':
      case 'P':
        return property();
      case 'x':
      case 'u':
        return code_point();
      default:
        return simple_escape(in_class);
    }
  }

  Status word_boundary(bool negated) {
    const std::string w = fmt::format("[{}]", kWordCharacters);
    replace(2, negated ? fmt::format("(?:(?<={0})(?={0})|(?<!{0})(?!{0}))", w)
                       : fmt::format("(?:(?<={0})(?!{0})|(?<!{0})(?={0}))", w));
    return {};
  }

  /// \p{Name}, \p{^Name}, \P{Name}
  Status property() {
    const size_t close = in_.find('}', at_);
    if (peek(2) != '{' || close == std::string_view::npos) return refuse("\\p without {Name}");
    std::string_view name = in_.substr(at_ + 3, close - at_ - 3);
    bool negated = peek(1) == 'P';
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return is_ascii_letter(c) || is_digit(c) || c == '_' || c == '-' || c == ' ';
    });
    const std::optional<std::string> known = plain ? property_name(name) : std::nullopt;
    if (!known) return refuse(fmt::format("the property {}", name));
    replace(close + 1 - at_, fmt::format("\\{}{{{}}}", negated ? 'P' : 'p', *known));
    return {};
  }

  /// \xHH below 0x80, \x{H...}, \uHHHH
  Status code_point() {
    size_t begin = at_ + 2, end = begin;
    const bool braced = peek(1) == 'x' && peek(2) == '{';
    if (braced) end = ++begin;
    const size_t most = braced ? 8 : peek(1) == 'u' ? 4 : 2;
    while (end < in_.size() && end - begin < most && is_hex(in_[end])) ++end;
    const std::string digits(in_.substr(begin, end - begin));
    const bool closed = !braced || (end < in_.size() && in_[end] == '}');
    if (digits.empty() || !closed || (peek(1) == 'u' && digits.size() != 4)) {
      return refuse("an incomplete \\x or \\u");
    }
    const unsigned long value = std::stoul(digits, nullptr, 16);
    if (!braced && peek(1) == 'x' && value >= 0x80) return refuse("a raw byte \\x" + digits);
    replace(end + (braced ? 1 : 0) - at_, fmt::format("\\x{{{:x}}}", value));
    return {};
  }

  /// Escapes that are the same in both dialects, and every escaped character that is no ASCII
  /// letter or digit.
  Status simple_escape(bool in_class) {
    const char c = peek(1);
    if (at_ + 1 == in_.size()) return refuse("\\ at its end");
    if (static_cast<unsigned char>(c) >= 0x80) {  // \é is é
      ++at_;
      return {};
    }
    const std::string_view same = in_class ? "tnrfae" : "tnrfaeAzZ123456789";
    if ((is_ascii_letter(c) || is_digit(c)) && same.find(c) == std::string_view::npos) {
      return refuse(fmt::format("\\{}", c));
    }
    copy(2);
    return {};
  }

  std::string_view in_;
  const std::string& where_;
  std::string out_;
  size_t at_ = 0;
};

}  // namespace

Result<std::string> translate_regex(std::string_view pattern, const std::string& where) {
  // From within a run of spaces no match can begin that did not begin at the run's start. Without
  // saying so, a run of n spaces that is not at a line's end costs n^2 steps.
  if (pattern == "\\s+$") return fmt::format("(?<![{0}])[{0}]+$", kSpaces);
  return Translator(pattern, where).translate();
}

}  // namespace fathom
