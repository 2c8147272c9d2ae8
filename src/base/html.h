// HTML that holds text of others.
#pragma once

#include <string>
#include <string_view>

namespace fathom {

/// `text` for an element or an attribute in quotes of either kind: & < > " ' become entities.
std::string html_escaped(std::string_view text);

}  // namespace fathom
