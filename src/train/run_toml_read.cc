// Reads RUN.toml through toml++, whose exceptions end here. A node remembers where it stood: a line
// of the file, or a --set.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "train/run_fields.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kSet = "--set ";

std::string place_of(const toml::node& node) {
  const toml::source_region& source = node.source();
  const std::string path = source.path ? *source.path : "";
  if (path.starts_with(kSet)) return path;
  return fmt::format("{}:{}", path, source.begin.line);
}

bool is_override(const toml::node& node) {
  return node.source().path && node.source().path->starts_with(kSet);
}

std::string found_text(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  std::string text = out.str();
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

// The text of dates and the like, which a config.json cannot hold.
std::optional<json> to_json(const toml::node& node) {
  if (const auto* v = node.as_string()) return json(v->get());
  if (const auto* v = node.as_integer()) return json(v->get());
  if (const auto* v = node.as_floating_point())
    return std::isfinite(v->get()) ? std::optional(json(v->get())) : std::nullopt;
  if (const auto* v = node.as_boolean()) return json(v->get());
  if (const auto* array = node.as_array()) {
    json list = json::array();
    for (const toml::node& item : *array) {
      auto inner = to_json(item);
      if (!inner) return std::nullopt;
      list.push_back(std::move(*inner));
    }
    return list;
  }
  if (const auto* table = node.as_table()) {
    json object = json::object();
    for (const auto& [key, item] : *table) {
      auto inner = to_json(item);
      if (!inner) return std::nullopt;
      object[std::string(key.str())] = std::move(*inner);
    }
    return object;
  }
  return std::nullopt;
}

// A table whose keys are taken one by one; what is left over at the end is unknown.
class Table {
 public:
  Table(const toml::table* table, std::string name) : table_(table), name_(std::move(name)) {}
  const toml::node* take(const char* key) {
    known_.insert(key);
    return table_ == nullptr ? nullptr : table_->get(key);
  }
  std::string name_of(std::string_view key) const {
    return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
  }
  /// The first key that was never taken, or nothing.
  const toml::node* unknown(std::string& key) const {
    if (table_ == nullptr) return nullptr;
    for (const auto& [k, node] : *table_) {
      key = k.str();
      if (!known_.contains(key)) return &node;
    }
    return nullptr;
  }
  const toml::table* get() const { return table_; }

 private:
  const toml::table* table_;
  std::string name_;
  std::set<std::string, std::less<>> known_;
};

class Reader final : public RunFields {
 public:
  Reader(const toml::table& root, fs::path base) : root_(&root, ""), base_(std::move(base)) {}

  Status finish() {
    close(section_);
    close(root_);
    return status_;
  }

  void section(const char* name) override {
    close(section_);
    const toml::node* node = root_.take(name);
    if (node != nullptr && !node->is_table()) refuse(*node, name, "a table");
    section_ = Table(node == nullptr ? nullptr : node->as_table(), name);
  }
  void integer(const char* key, int64_t& value, IntegerRange range) override {
    if (const toml::node* node = section_.take(key))
      value = integer_of(*node, section_.name_of(key), range, value);
  }
  void real(const char* key, double& value, RealRange range) override {
    if (const toml::node* node = section_.take(key))
      value = real_of(*node, section_.name_of(key), range, value);
  }
  void flag(const char* key, bool& value) override {
    const toml::node* node = section_.take(key);
    if (node == nullptr) return;
    if (const auto v = node->value_exact<bool>()) {
      value = *v;
    } else {
      refuse(*node, section_.name_of(key), "true or false");
    }
  }
  void choice(const char* key, int& value, std::initializer_list<const char*> names) override {
    if (const toml::node* node = section_.take(key))
      value = choice_in(*node, section_.name_of(key), names, value);
  }
  void path(const char* key, fs::path& value) override {
    if (const toml::node* node = section_.take(key)) value = path_of(*node, section_.name_of(key));
  }
  void mix(const char* key, std::vector<MixPart>& value) override {
    const toml::node* node = section_.take(key);
    if (node == nullptr) return;
    const std::string name = section_.name_of(key);
    if (const auto text = node->value_exact<std::string>(); text && !text->empty()) {
      value = {{*text, 1}};
      return;
    }
    const toml::table* table = node->as_table();
    if (table == nullptr || table->empty())
      return refuse(*node, name, "a name, or a table { name = weight, ... }");
    value.clear();
    for (const auto& [part, weight] : *table) {
      const std::string part_name(part.str());
      value.push_back({part_name, real_of(weight, name + "." + part_name, {1e-6, 1e6}, 1)});
    }
  }
  void sources(const char* key, std::vector<DataSource>& value) override {
    const toml::node* node = section_.take(key);
    if (node == nullptr) return;
    const std::string name = section_.name_of(key);
    const toml::array* array = node->as_array();
    if (array == nullptr || array->empty())
      return refuse(*node, name, "an array of { path = … } tables");
    value.clear();
    for (const toml::node& item : *array) value.push_back(source_of(item, name));
  }
  void curve(const char* key, Curve& value, RealRange range) override {
    const toml::node* node = section_.take(key);
    if (node == nullptr) return;
    const std::string name = section_.name_of(key);
    if (node->is_number()) {
      value = constant_curve(real_of(*node, name, range, range.least));
      return;
    }
    const toml::array* array = node->as_array();
    if (array == nullptr || array->empty())
      return refuse(*node, name, "a number or an array of phases");
    value.clear();
    for (size_t i = 0; i < array->size(); ++i) {
      value.push_back(phase_of((*array)[i], name, range, i + 1 == array->size()));
    }
  }
  void model_keys(std::string& json_text) override {
    if (section_.get() == nullptr) return;
    json object = json::object();
    std::string key;
    while (const toml::node* node = section_.unknown(key)) {
      section_.take(key.c_str());
      if (auto value = to_json(*node)) {
        object[key] = std::move(*value);
      } else {
        refuse(*node, section_.name_of(key), "a value that JSON has");
      }
    }
    if (!object.empty()) json_text = object.dump(-1, ' ', false, json::error_handler_t::replace);
  }

 private:
  void error(std::string message) {
    if (status_.ok()) status_ = Status::error(std::move(message));
  }
  void refuse(const toml::node& node, const std::string& name, const std::string& wanted) {
    error(
        fmt::format("{}: {}: {} wanted, {} found", place_of(node), name, wanted, found_text(node)));
  }
  void close(const Table& table) {
    std::string key;
    if (const toml::node* node = table.unknown(key)) {
      error(fmt::format("{}: {}: no such key{}", place_of(*node), table.name_of(key),
                        &table == &root_ ? " or section" : ""));
    }
  }

  int64_t integer_of(const toml::node& node, const std::string& name, IntegerRange range,
                     int64_t absent) {
    std::optional<int64_t> v = node.value_exact<int64_t>();
    if (const auto real = node.value_exact<double>();
        real && std::trunc(*real) == *real && std::abs(*real) <= 0x1p53) {
      v = static_cast<int64_t>(*real);  // 14.8e12
    }
    if (v && *v >= range.least && *v <= range.most) return *v;
    refuse(node, name, fmt::format("a whole number from {} to {}", range.least, range.most));
    return absent;
  }
  double real_of(const toml::node& node, const std::string& name, RealRange range, double absent) {
    const std::optional<double> v = node.is_number() ? node.value<double>() : std::nullopt;
    if (v && *v >= range.least && *v <= range.most) return *v;  // NaN is in no range
    refuse(node, name, fmt::format("a number from {} to {}", range.least, range.most));
    return absent;
  }
  int choice_in(const toml::node& node, const std::string& name,
                std::initializer_list<const char*> names, int absent) {
    const auto text = node.value_exact<std::string>();
    std::string all;
    int idx = 0;
    for (const char* n : names) {
      if (text && *text == n) return idx;
      all += fmt::format("{}\"{}\"", idx++ == 0 ? "" : " or ", n);
    }
    refuse(node, name, all);
    return absent;
  }
  fs::path path_of(const toml::node& node, const std::string& name) {
    const auto text = node.value_exact<std::string>();
    if (!text || text->empty() || text->find('\0') != std::string::npos) {
      refuse(node, name, "a path");
      return {};
    }
    std::error_code ignored;
    const fs::path base = is_override(node) ? fs::current_path(ignored) : base_;
    return (base / *text).lexically_normal();
  }
  std::string text_of(const toml::node& node, const std::string& name) {
    const auto text = node.value_exact<std::string>();
    if (!text || text->empty() || text->find('\0') != std::string::npos)
      refuse(node, name, "a text");
    return text.value_or("");
  }

  DataSource source_of(const toml::node& node, const std::string& name) {
    DataSource source;
    if (!node.is_table()) {
      refuse(node, name, "an array of { path = … } tables");
      return source;
    }
    Table table(node.as_table(), name);
    if (const toml::node* n = table.take("path")) {
      source.path = path_of(*n, table.name_of("path"));
    } else {
      error(fmt::format("{}: {}.path wanted, not found", place_of(node), name));
    }
    if (const toml::node* n = table.take("weight")) {
      source.weight = real_of(*n, table.name_of("weight"), {0.001, 1000}, 1);
    }
    if (const toml::node* n = table.take("glob")) source.glob = text_of(*n, table.name_of("glob"));
    if (const toml::node* n = table.take("separator"))
      source.separator = text_of(*n, table.name_of("separator"));
    close(table);
    return source;
  }

  Phase phase_of(const toml::node& node, const std::string& name, RealRange range, bool last) {
    Phase phase;
    if (!node.is_table()) {
      refuse(node, name, "a table { value = …, steps | tokens | fraction = … }");
      return phase;
    }
    Table table(node.as_table(), name);
    if (const toml::node* n = table.take("shape")) {
      phase.shape = static_cast<PhaseShape>(
          choice_in(*n, table.name_of("shape"), {"constant", "linear", "cosine"}, 0));
    }
    if (const toml::node* n = table.take("value")) {
      phase.value = real_of(*n, table.name_of("value"), range, range.least);
    } else {
      error(fmt::format("{}: {}.value wanted, not found", place_of(node), name));
    }
    if (const toml::node* n = table.take("from"))
      phase.from = real_of(*n, table.name_of("from"), range, range.least);
    phase.length = length_of(node, table, name, last);
    close(table);
    return phase;
  }

  Length length_of(const toml::node& node, Table& table, const std::string& name, bool last) {
    Length length;
    int n_found = 0;
    const std::pair<const char*, LengthUnit> units[] = {{"steps", LengthUnit::kSteps},
                                                        {"tokens", LengthUnit::kTokens},
                                                        {"fraction", LengthUnit::kFraction}};
    for (auto [key, unit] : units) {
      const toml::node* n = table.take(key);
      if (n == nullptr) continue;
      ++n_found;
      const RealRange range =
          unit == LengthUnit::kFraction ? RealRange{0, 1} : RealRange{0, 0x1p53};
      length = {unit, real_of(*n, table.name_of(key), range, 0)};
    }
    if (n_found > 1 || (n_found == 0 && !last)) {
      error(fmt::format(
          "{}: {}: one of steps, tokens and fraction wanted in each phase but the last, {} found",
          place_of(node), name, n_found == 0 ? "none" : "several"));
    }
    return length;
  }

  Table root_;
  Table section_{nullptr, ""};
  fs::path base_;
  Status status_;
};

std::string error_place(const toml::parse_error& e, const std::string& where) {
  return where.starts_with(kSet) ? where : fmt::format("{}:{}", where, e.source().begin.line);
}

Result<toml::table> parse_toml(std::string_view text, const std::string& where) {
  try {
    return toml::parse(text, where);
  } catch (const toml::parse_error& e) {
    return Status::error(
        fmt::format("{}: TOML wanted: {}", error_place(e, where), e.description()));
  } catch (const std::exception& e) {
    return Status::error(fmt::format("{}: TOML wanted: {}", where, e.what()));
  }
}

// Lays `over` on `under`, table by table, so that what is not named stays. By move: a copied node
// forgets where it stood.
void merge(toml::table& under, toml::table&& over) {
  for (auto&& [key, node] : over) {
    toml::node* old = under.get(key);
    if (old != nullptr && old->is_table() && node.is_table()) {
      merge(*old->as_table(), std::move(*node.as_table()));
    } else {
      node.visit([&, &k = key](auto& value) { under.insert_or_assign(k, std::move(value)); });
    }
  }
}

Status apply_override(toml::table& root, const std::string& text) {
  const std::string where = std::string(kSet) + text;
  auto table = parse_toml(text, where);
  if (!table.ok()) {
    return Status::error(fmt::format(
        "{}: section.key=value with a TOML value wanted (texts in quotes: "
        "'tokenizer.path=\"dir\"'): {}",
        where, table.message().substr(std::min(table.message().size(), where.size() + 2))));
  }
  merge(root, std::move(table).value());
  return {};
}

}  // namespace

Status read_run_fields(std::string_view text, const std::string& where, const fs::path& base,
                       const std::vector<std::string>& overrides,
                       const std::function<void(RunFields&)>& describe) {
  FATHOM_ASSIGN_OR_RETURN(toml::table root, parse_toml(text, where));
  for (const std::string& o : overrides) FATHOM_RETURN_IF_ERROR(apply_override(root, o));
  Reader reader(root, base);
  describe(reader);
  return reader.finish();
}

}  // namespace fathom
