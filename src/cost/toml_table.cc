// See toml_table.h.
#include "cost/toml_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "cost/catalogue.h"
#include "cost/near.h"

namespace fathom {
namespace {

std::string found_text(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  std::string text = out.str();
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

}  // namespace

Result<toml::table> parse_toml(std::string_view text, const std::string& where) {
  try {
    return toml::parse(text, where);
  } catch (const toml::parse_error& e) {
    return Status::error(
        fmt::format("{}:{}: TOML wanted: {}", where, e.source().begin.line, e.description()));
  }
}

TomlTable::TomlTable(const toml::table& table, std::string file, std::string name)
    : table_(table), file_(std::move(file)), name_(std::move(name)) {}

std::string TomlTable::place() const {
  return fmt::format("{}:{}", file_, table_.source().begin.line);
}

void TomlTable::refuse(const std::string& what) {
  if (status_.ok())
    status_ =
        Status::error(fmt::format("{}: {}{}{}", place(), name_, name_.empty() ? "" : ": ", what));
}

void TomlTable::refuse_key(const toml::node& node, const char* key, std::string_view wanted) {
  if (!status_.ok()) return;
  status_ = Status::error(fmt::format("{}:{}: {}: {} wanted, {} found", file_,
                                      node.source().begin.line, key, wanted, found_text(node)));
}

const toml::node* TomlTable::take(const char* key, Needed needed) {
  known_.push_back(key);
  const toml::node* node = table_.get(key);
  if (node == nullptr && needed == Needed::kYes) refuse(fmt::format("{} wanted, not found", key));
  return node;
}

std::string TomlTable::text(const char* key, Needed needed) {
  const toml::node* node = take(key, needed);
  if (node == nullptr) return "";
  const auto* value = node->as_string();
  if (value == nullptr || value->get().find_first_not_of(" \t\n") == std::string::npos) {
    refuse_key(*node, key, "a text");
    return "";
  }
  return value->get();
}

size_t TomlTable::choice(const char* key, const std::vector<std::string>& names, Needed needed) {
  const toml::node* node = take(key, needed);
  if (node == nullptr) return 0;
  const auto* value = node->as_string();
  const auto found =
      value == nullptr ? names.end() : std::find(names.begin(), names.end(), value->get());
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  refuse_key(*node, key, fmt::format("one of {}", fmt::join(names, ", ")));
  return 0;
}

std::string TomlTable::date(const char* key, Needed needed) {
  const toml::node* node = take(key, needed);
  if (node == nullptr) return "";
  std::string text;
  if (const auto* value = node->as_string()) {
    text = value->get();
  } else if (const auto* day = node->as_date()) {
    text = found_text(*day);
  }
  if (is_iso_date(text)) return text;
  refuse_key(*node, key, "a date (2024-12-27 or 2024-12)");
  return "";
}

bool TomlTable::flag(const char* key, bool otherwise) {
  const toml::node* node = take(key, Needed::kNo);
  if (node == nullptr) return otherwise;
  if (const auto value = node->value_exact<bool>()) return *value;
  refuse_key(*node, key, "true or false");
  return otherwise;
}

std::optional<int64_t> TomlTable::integer(const char* key, int64_t least, int64_t most,
                                          Needed needed) {
  const toml::node* node = take(key, needed);
  if (node == nullptr) return std::nullopt;
  const auto value = node->value_exact<int64_t>();
  if (value && *value >= least && *value <= most) return *value;
  refuse_key(*node, key, fmt::format("a whole number from {} to {}", least, most));
  return std::nullopt;
}

std::optional<double> TomlTable::quantity(const char* key, Quantity q, Needed needed) {
  const toml::node* node = take(key, needed);
  if (node == nullptr) return std::nullopt;
  std::string text;
  if (const auto* value = node->as_string()) {
    text = value->get();
  } else if (node->is_integer() || node->is_floating_point()) {
    text = fmt::format("{}", *node->value<double>());
  } else {
    refuse_key(*node, key, "a number with its unit, as a text");
    return std::nullopt;
  }
  const auto parsed =
      parse_quantity(text, q, fmt::format("{}:{}: {}", file_, node->source().begin.line, key));
  if (parsed.ok()) return parsed.value();
  if (status_.ok()) status_ = parsed.status();
  return std::nullopt;
}

Range TomlTable::range(Quantity q) {
  const auto value = quantity("value", q), low = quantity("low", q), mid = quantity("mid", q),
             high = quantity("high", q);
  if (!status_.ok()) return {};
  if (value && !low && !mid && !high) return Range::exactly(*value);
  if (value || !low || !high) {
    refuse(fmt::format("value, or low and high (and mid), wanted, {} found",
                       value || low || mid || high ? "another choice of these" : "none of these"));
    return {};
  }
  const Range r{*low, mid.value_or(std::sqrt(*low) * std::sqrt(*high)), *high};
  if (!(r.low <= r.mid && r.mid <= r.high))
    refuse("low <= mid <= high wanted, another order found");
  return r;
}

std::vector<std::string> TomlTable::texts(const char* key) {
  const toml::node* node = take(key, Needed::kNo);
  if (node == nullptr) return {};
  std::vector<std::string> list;
  const toml::array* array = node->as_array();
  for (size_t i = 0; array != nullptr && i < array->size(); ++i) {
    const auto* value = (*array)[i].as_string();
    if (value != nullptr) list.push_back(value->get());
  }
  if (array == nullptr || list.size() != array->size()) refuse_key(*node, key, "a list of texts");
  return list;
}

const toml::table* TomlTable::table(const char* key) {
  const toml::node* node = take(key, Needed::kNo);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) refuse_key(*node, key, "a table");
  return node->as_table();
}

Status TomlTable::finish() {
  FATHOM_RETURN_IF_ERROR(status_);
  for (const auto& [key, node] : table_) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    return Status::error(fmt::format("{}:{}: {}: unknown key \"{}\"{}", file_,
                                     node.source().begin.line, name_.empty() ? "file" : name_, name,
                                     meant(name, known_)));
  }
  return {};
}

}  // namespace fathom
