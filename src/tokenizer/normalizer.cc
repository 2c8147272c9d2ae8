// utf8proc behind a check that leaves most text alone; see normalizer.h.
#include "tokenizer/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>

#include "base/check.h"
#include "tokenizer/utf8.h"

namespace fathom {
namespace {

/// True where no character can change: ASCII for every form, and up to U+02FF for NFC, because
/// composition needs a mark and the first mark is U+0300 (first byte 0xCC).
bool is_unchanged(NormalForm form, std::string_view text) {
  const uint8_t limit = form == NormalForm::kNfc ? 0xCC : 0x80;
  return std::all_of(text.begin(), text.end(),
                     [limit](char c) { return static_cast<uint8_t>(c) < limit; });
}

constexpr size_t kLongRun = 16;  // marks

struct Mark {
  int order;
  std::string_view bytes;
};

void flush_marks(std::string& out, std::vector<Mark>& marks) {
  if (marks.size() > kLongRun) {
    std::stable_sort(marks.begin(), marks.end(),
                     [](const Mark& a, const Mark& b) { return a.order < b.order; });
  }
  for (const Mark& mark : marks) out += mark.bytes;
  marks.clear();
}

/// Puts long runs of combining marks into canonical order, which changes no normal form: utf8proc
/// itself would take the square of a run's length for it.
std::string order_marks(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::vector<Mark> marks;
  while (!text.empty()) {
    const Utf8Char c = first_utf8_char(text);
    const int order =
        utf8proc_get_property(static_cast<utf8proc_int32_t>(c.code_point))->combining_class;
    if (order > 0) {
      marks.push_back({order, text.substr(0, c.n_bytes)});
    } else {
      flush_marks(out, marks);
      out += text.substr(0, c.n_bytes);
    }
    text.remove_prefix(c.n_bytes);
  }
  flush_marks(out, marks);
  return out;
}

utf8proc_option_t options_of(NormalForm form) {
  switch (form) {
    case NormalForm::kNfc:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    case NormalForm::kNfd:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    case NormalForm::kNfkc:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    case NormalForm::kNfkd:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
  }
  FATHOM_CHECK(false);
}

std::string apply(NormalForm form, std::string_view unordered) {
  const std::string text = order_marks(unordered);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t n =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped, options_of(form));
  FATHOM_CHECK(n >= 0);  // the text is valid UTF-8; only memory can fail
  std::string out(reinterpret_cast<const char*>(mapped), static_cast<size_t>(n));
  std::free(mapped);
  return out;
}

}  // namespace

std::string_view normalize(const std::vector<NormalForm>& forms, std::string_view text,
                           std::string& storage) {
  for (const NormalForm form : forms) {
    if (is_unchanged(form, text)) continue;
    storage = apply(form, text);
    text = storage;
  }
  return text;
}

}  // namespace fathom
