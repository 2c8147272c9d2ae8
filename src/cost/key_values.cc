#include "cost/key_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "cost/units.h"

namespace fathom {

Result<std::vector<KeyValue>> parse_key_values(std::string_view text, const std::string& where) {
  std::vector<KeyValue> list;
  while (!trim(text).empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) {
      return Status::error(fmt::format("{}: key=value wanted, \"{}\" found", where, trim(item)));
    }
    list.push_back({trim(item.substr(0, equals)), trim(item.substr(equals + 1))});
  }
  return list;
}

}  // namespace fathom
