#include <fmt/format.h>

#include <cmath>

#include "config/fields_impl.h"

namespace fathom {
namespace {

using nlohmann::json;

constexpr size_t kShownLimit = 80;  // characters of a found value in a message

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() <= kShownLimit) return text;
  text.resize(kShownLimit);
  return text += "…";
}

std::string range_wanted(int64_t min, int64_t max) {
  return fmt::format("an integer from {} to {}", min, max);
}

}  // namespace

bool Fields::has(const char* key) const {
  const auto it = object_.find(key);
  return it != object_.end() && !it->is_null();
}

bool Fields::is_null(const char* key) const {
  const auto it = object_.find(key);
  return it != object_.end() && it->is_null();
}

Fields Fields::inner(const char* key) const {
  return Fields(object_.at(key), fmt::format("{}{}.", prefix_, key));
}

int64_t Fields::integer(const char* key, int64_t absent, int64_t min, int64_t max) {
  if (!has(key)) return absent;
  const json& value = at(key);
  // An unsigned value beyond int64 would turn negative: ask for it as unsigned first.
  const bool fits =
      value.is_number_integer() &&
      (!value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  if (!fits || value.get<int64_t>() < min || value.get<int64_t>() > max) {
    refuse(key, range_wanted(min, max));
    return absent;
  }
  return value.get<int64_t>();
}

int64_t Fields::required(const char* key, int64_t min, int64_t max) {
  if (!has(key)) refuse(key, range_wanted(min, max), "nothing");
  return integer(key, min, min, max);
}

double Fields::number(const char* key, double absent, double min, double max) {
  if (!has(key)) return absent;
  const json& value = at(key);
  const double x = value.is_number() ? value.get<double>() : NAN;
  if (!(x >= min && x <= max)) {
    refuse(key, fmt::format("a number from {} to {}", min, max));
    return absent;
  }
  return x;
}

double Fields::required_number(const char* key, double min, double max) {
  if (!has(key)) refuse(key, fmt::format("a number from {} to {}", min, max), "nothing");
  return number(key, min, min, max);
}

bool Fields::boolean(const char* key, bool absent) {
  if (!has(key)) return absent;
  if (at(key).is_boolean()) return at(key).get<bool>();
  refuse(key, "true or false");
  return absent;
}

size_t Fields::choice(const char* key, size_t absent, std::initializer_list<const char*> allowed) {
  if (!has(key)) return absent;
  std::string wanted;
  size_t i = 0;
  for (const char* name : allowed) {
    if (at(key).is_string() && at(key).get_ref<const std::string&>() == name) return i;
    const char* separator = i == 0 ? "" : i + 1 == allowed.size() ? " or " : ", ";
    wanted += fmt::format("{}\"{}\"", separator, name);
    ++i;
  }
  refuse(key, wanted);
  return absent;
}

std::string Fields::text(const char* key, const char* absent) {
  if (!has(key)) return absent;
  if (at(key).is_string()) return at(key).get<std::string>();
  refuse(key, "a string");
  return absent;
}

std::vector<int64_t> Fields::ids(const char* key) {
  if (!has(key)) return {};
  std::vector<int64_t> found;
  const json list = at(key).is_array() ? at(key) : json::array({at(key)});
  for (const json& value : list) {
    if (!value.is_number_integer() || value.get<int64_t>() < 0) {
      refuse(key, "a token id or a list of token ids");
      return {};
    }
    found.push_back(value.get<int64_t>());
  }
  return found;
}

void Fields::only(const char* key, const json& only) {
  if (has(key) && at(key) != only) refuse(key, shown(only));
}

void Fields::refuse(const char* key, const std::string& wanted, const std::string& found) {
  if (!status_.ok()) return;
  status_ = Status::error(fmt::format("{}{}: {} wanted, {} found", prefix_, key, wanted, found));
}

void Fields::refuse(const char* key, const std::string& wanted) {
  const auto it = object_.find(key);
  refuse(key, wanted, it == object_.end() ? "nothing" : shown(*it));
}

}  // namespace fathom
