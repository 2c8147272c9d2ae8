// Files that the build puts into the program (cmake/embed.cmake): what a page of the books is made
// of.
#pragma once

#include <string_view>

namespace fathom {

std::string_view d3_script();         // d3.min.js of Debian's node-d3
std::string_view d3_licence();        // page/d3_licence.txt
std::string_view cost_page_script();  // page/cost_page.js
std::string_view cost_page_style();   // page/cost_page.css

}  // namespace fathom
