// The Python operations that chat templates lean on: str.strip, str.split, json.dumps and repr of a
// float, to the byte.
#include <array>
#include <charconv>
#include <cmath>

#include "tokenizer/chat_template_impl.h"

namespace fathom::chat {
namespace {

constexpr int kMaxDepth = 900;  // json.dumps gives up near 1000

/// Bytes of the white-space character (Python's str.isspace) that `text` begins with; 0 for none.
size_t leading_space_bytes(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned a = byte(0), b = byte(1), c = byte(2);
  if (a == ' ' || (a >= 0x09 && a <= 0x0D) || (a >= 0x1C && a <= 0x1F)) return 1;
  if (a == 0xC2 && (b == 0x85 || b == 0xA0)) return 2;  // U+0085, U+00A0
  if (a == 0xE1 && b == 0x9A && c == 0x80) return 3;    // U+1680
  if (a == 0xE2 && b == 0x80 && ((c >= 0x80 && c <= 0x8A) || c == 0xA8 || c == 0xA9 || c == 0xAF)) {
    return 3;  // U+2000 to U+200A, U+2028, U+2029, U+202F
  }
  if (a == 0xE2 && b == 0x81 && c == 0x9F) return 3;  // U+205F
  if (a == 0xE3 && b == 0x80 && c == 0x80) return 3;  // U+3000
  return 0;
}

size_t trailing_space_bytes(std::string_view text) {
  for (const size_t n : {size_t{1}, size_t{2}, size_t{3}}) {
    if (n <= text.size() && leading_space_bytes(text.substr(text.size() - n)) == n) return n;
  }
  return 0;
}

void append_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) {
          out += c;
        } else {
          out += "\\u00";
          out += kHex[c >> 4];
          out += kHex[c & 15];
        }
    }
  }
  out += '"';
}

void new_line(std::string& out, int indent, int depth) {
  if (indent < 0) return;
  out += '\n';
  out.append(static_cast<size_t>(indent) * static_cast<size_t>(depth), ' ');
}

bool append_value(std::string& out, const Json& value, int indent, int depth);

bool append_container(std::string& out, const Json& value, int indent, int depth) {
  const bool object = value.is_object();
  if (value.empty()) {
    out += object ? "{}" : "[]";
    return true;
  }
  if (depth >= kMaxDepth) return false;
  out += object ? '{' : '[';
  for (auto it = value.begin(); it != value.end(); ++it) {
    if (it != value.begin()) out += indent < 0 ? ", " : ",";
    new_line(out, indent, depth + 1);
    if (object) {
      append_string(out, it.key());
      out += ": ";
    }
    if (!append_value(out, *it, indent, depth + 1)) return false;
  }
  new_line(out, indent, depth);
  out += object ? '}' : ']';
  return true;
}

bool append_value(std::string& out, const Json& value, int indent, int depth) {
  switch (value.type()) {
    case Json::value_t::null:
      out += "null";
      return true;
    case Json::value_t::boolean:
      out += value.get<bool>() ? "true" : "false";
      return true;
    case Json::value_t::string:
      append_string(out, value.get_ref<const std::string&>());
      return true;
    case Json::value_t::number_integer:
      out += std::to_string(value.get<int64_t>());
      return true;
    case Json::value_t::number_unsigned:
      out += std::to_string(value.get<uint64_t>());
      return true;
    case Json::value_t::number_float: {
      const double number = value.get<double>();
      out += std::isnan(number)   ? "NaN"
             : std::isinf(number) ? (number < 0 ? "-Infinity" : "Infinity")
                                  : python_float(number);
      return true;
    }
    case Json::value_t::object:
    case Json::value_t::array:
      return append_container(out, value, indent, depth);
    default:
      return false;  // binary and discarded values never come out of JSON text
  }
}

}  // namespace

std::string_view lstrip(std::string_view text) {
  while (const size_t n = leading_space_bytes(text)) text.remove_prefix(n);
  return text;
}

std::string_view strip(std::string_view text) {
  text = lstrip(text);
  while (const size_t n = trailing_space_bytes(text)) text.remove_suffix(n);
  return text;
}

std::string_view strip_newlines(std::string_view text, bool left, bool right) {
  while (left && text.starts_with('\n')) text.remove_prefix(1);
  while (right && text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

std::string_view after_last(std::string_view text, std::string_view mark) {
  const size_t at = text.rfind(mark);
  return at == std::string_view::npos ? text : text.substr(at + mark.size());
}

std::string_view after_first(std::string_view text, std::string_view mark) {
  const size_t at = text.find(mark);
  return at == std::string_view::npos ? text : text.substr(at + mark.size());
}

std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 32> buffer;
  const auto format = [&](std::chars_format form) {
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, form).ptr;
    return std::string(buffer.data(), end);
  };
  const std::string scientific = format(std::chars_format::scientific);  // shortest that reads back
  const int exponent = std::stoi(scientific.substr(scientific.find('e') + 1));
  if (exponent < -4 || exponent >= 16) return scientific;
  std::string fixed = format(std::chars_format::fixed);
  if (fixed.find('.') == std::string::npos) fixed += ".0";
  return fixed;
}

bool append_python_json(std::string& out, const Json& value, int indent) {
  return append_value(out, value, indent, 0);
}

}  // namespace fathom::chat
