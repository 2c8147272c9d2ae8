// JSON and JSON Lines as rows. Columns are the keys in the order of their first appearance. A JSON
// file is parsed with a callback that takes each row as it ends and drops it, so that one row is
// held at a time.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "toolbox/row_source_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 64;  // nlohmann's writer recurses
constexpr size_t kMaxColumns = 2000;

int depth_of(std::string_view text) {
  int depth = 0, deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\')
      ++i;
    else if (c == '"')
      in_string = !in_string;
    else if (!in_string && (c == '[' || c == '{'))
      deepest = std::max(deepest, ++depth);
    else if (!in_string && (c == ']' || c == '}'))
      --depth;
  }
  return deepest;
}

// nlohmann's sentence without its "[json.exception.parse_error.101] ".
std::string reason(const Json::exception& e) {
  const std::string_view what = e.what();
  const size_t end = what.find("] ");
  return one_line(end == what.npos ? what : what.substr(end + 2), 200);
}

class JsonRows : public RowSource {
 public:
  JsonRows(std::string_view text, std::string where, const TableFileOptions& options)
      : text_(text), where_(std::move(where)), max_cell_bytes_(options.max_cell_bytes) {}
  std::vector<std::string> names() const override { return names_; }

 protected:
  Status error(int64_t row, std::string_view what) const {
    return Status::error(fmt::format("{}:{}{}: {}", where_, place_before(), row, what));
  }

  Status take_object(const Json& object, int64_t row, const TakeRow& take) {
    made_.clear();
    cells_.assign(names_.size(), std::monostate());
    for (const auto& [key, value] : object.items()) {
      const size_t column = column_of(key);
      if (column >= kMaxColumns)
        return error(row, fmt::format("at most {} different keys wanted, more found", kMaxColumns));
      if (column >= cells_.size()) cells_.resize(column + 1);
      cells_[column] = cell(value);
      const auto* text = std::get_if<std::string_view>(&cells_[column]);
      if (text != nullptr && static_cast<int64_t>(text->size()) > max_cell_bytes_)
        return error(row, fmt::format("a value of more than {} bytes", max_cell_bytes_));
    }
    return take(row, cells_);
  }

  std::string_view text_;
  std::string where_;

 private:
  const char* place_before() const { return std::string_view(place()) == "row" ? " row " : ""; }

  size_t column_of(const std::string& key) {
    const auto [at, is_new] = columns_.try_emplace(key, names_.size());
    if (is_new) names_.push_back(key);
    return at->second;
  }

  SqlCell cell(const Json& value) {
    switch (value.type()) {
      case Json::value_t::null:
        return std::monostate();
      case Json::value_t::boolean:
        return std::string_view(value.get<bool>() ? "true" : "false");
      case Json::value_t::number_integer:
        return value.get<int64_t>();
      case Json::value_t::number_unsigned:
        if (value.get<uint64_t>() <= INT64_MAX) return value.get<int64_t>();
        return std::string_view(made_.emplace_back(value.dump()));
      case Json::value_t::number_float:
        return value.get<double>();
      case Json::value_t::string:
        return std::string_view(value.get_ref<const std::string&>());
      default:
        return std::string_view(made_.emplace_back(value.dump()));
    }
  }

  int64_t max_cell_bytes_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, size_t> columns_;
  std::vector<SqlCell> cells_;
  std::deque<std::string> made_;  // text of nested values of one row
};

class JsonLines : public JsonRows {
 public:
  using JsonRows::JsonRows;
  Status scan(const TakeRow& take) override {
    int64_t number = 1;
    for (size_t begin = 0; begin < text_.size(); ++number) {
      const size_t end = std::min(text_.find('\n', begin), text_.size());
      const std::string_view line = trimmed(text_.substr(begin, end - begin));
      begin = end + 1;
      if (!line.empty()) FATHOM_RETURN_IF_ERROR(take_line(line, number, take));
    }
    return {};
  }

 private:
  Status take_line(std::string_view line, int64_t number, const TakeRow& take) {
    if (depth_of(line) > kMaxDepth)
      return error(number, fmt::format("nested deeper than {}", kMaxDepth));
    Json object;
    try {
      object = Json::parse(line);
    } catch (const Json::exception& e) {
      return error(number, reason(e));
    }
    if (!object.is_object())
      return error(number, fmt::format("an object wanted, {} found", object.type_name()));
    return take_object(object, number, take);
  }
};

class JsonFile : public JsonRows {
 public:
  using JsonRows::JsonRows;
  const char* place() const override { return "row"; }

  Status scan(const TakeRow& take) override {
    if (depth_of(text_) > kMaxDepth)
      return Status::error(fmt::format("{}: nested deeper than {}", where_, kMaxDepth));
    n_rows_ = 0;
    row_depth_ = 0;
    status_ = {};
    section_.clear();
    rows_section_.clear();
    take_ = &take;
    try {
      const auto callback = [this](int depth, Json::parse_event_t event, Json& parsed) {
        return on_event(depth, event, parsed);
      };
      const Json whole = Json::parse(text_, callback);  // without its rows
    } catch (const Json::exception& e) {
      return Status::error(fmt::format("{}: {}", where_, reason(e)));
    }
    if (status_.ok() && n_rows_ == 0)
      return Status::error(fmt::format("{}: an array of objects wanted, none found", where_));
    return status_;
  }

 private:
  // Rows are the objects in the outermost array, or in an array that the outermost object holds.
  // Returns whether the parser shall keep what it has parsed.
  bool on_event(int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth == 0 && event == Event::array_start) row_depth_ = 1;
    if (depth == 1 && event == Event::key) section_ = parsed.get<std::string>();
    if (depth == 1 && row_depth_ != 1) {
      if (event == Event::array_start) row_depth_ = 2;
      if (event == Event::array_end) row_depth_ = 0;
    }
    if (row_depth_ == 0 || depth != row_depth_) return true;
    if (event == Event::object_end) {
      take_row(parsed);
      return false;
    }
    if (row_depth_ == 1 && (event == Event::value || event == Event::array_start))
      fail(error(n_rows_ + 1, "an object wanted, another value found"));
    return event != Event::value;
  }

  void take_row(const Json& object) {
    if (n_rows_ > 0 && rows_section_ != section_)
      return fail(
          Status::error(fmt::format("{}: one array of objects wanted, two found: {} and {}", where_,
                                    one_line(rows_section_, 60), one_line(section_, 60))));
    rows_section_ = section_;
    ++n_rows_;
    if (status_.ok()) fail(take_object(object, n_rows_, *take_));
  }

  void fail(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

  int64_t n_rows_ = 0;
  int row_depth_ = 0;  // depth of the objects that are rows here; 0: this is no place for rows
  Status status_;
  std::string section_, rows_section_;
  const TakeRow* take_ = nullptr;
};

}  // namespace

std::unique_ptr<RowSource> json_source(std::string_view text, const std::string& where,
                                       const TableFileOptions& options) {
  return std::make_unique<JsonFile>(text, where, options);
}

std::unique_ptr<RowSource> json_lines_source(std::string_view text, const std::string& where,
                                             const TableFileOptions& options) {
  return std::make_unique<JsonLines>(text, where, options);
}

}  // namespace fathom
