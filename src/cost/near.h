// "deepseek-v4: unknown; deepseek-v3 meant?": the names that lie nearest to one that was not found.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fathom {

/// Up to three of `names`, nearest first: few letters apart, or one contains the other. May be
/// empty.
std::vector<std::string> nearest_names(std::string_view name,
                                       const std::vector<std::string>& names);
/// " (a, b or c meant?)", or nothing.
std::string meant(std::string_view name, const std::vector<std::string>& names);

}  // namespace fathom
