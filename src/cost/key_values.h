// "key=value, key=value": how options of several parts are written on a command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace fathom {

struct KeyValue {
  std::string_view key, value;  // without spaces around them; both lie in the text
};

/// In the order of the text; nothing where it is empty. Error: "WHERE: key=value wanted, "pp"
/// found".
Result<std::vector<KeyValue>> parse_key_values(std::string_view text, const std::string& where);

}  // namespace fathom
