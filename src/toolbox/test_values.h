// Values as the tests of this folder write them down.
#pragma once

#include <vector>

#include "toolbox/sql.h"

namespace fathom {

using SqlRow = std::vector<SqlValue>;
inline const SqlValue null = std::monostate();
inline SqlValue integer(int64_t i) { return i; }

}  // namespace fathom
