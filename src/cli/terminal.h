// The terminal: colour where it is wanted, Ctrl-C as a flag, text made safe to print.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace fathom {

/// `file` is a terminal that shows colour: NO_COLOR is not set and TERM is not "dumb".
bool shows_color(std::FILE* file);
bool is_terminal(std::FILE* file);
/// Its width; 80 where it is no terminal or does not say.
int terminal_columns(std::FILE* file);

namespace style {
inline constexpr const char* kDim = "\x1b[2m";
inline constexpr const char* kBold = "\x1b[1m";
inline constexpr const char* kPlain = "\x1b[0m";
}  // namespace style

/// Ctrl-C sets a flag from now on instead of ending the program; where `once`, a second one ends
/// it.
void catch_interrupt(bool once);
bool interrupted();
void clear_interrupt();

/// Without control characters but newline and tab: a model's text must not steer the terminal.
std::string printable(std::string_view text);

/// "1.5 MB", in powers of 1000.
std::string human_bytes(int64_t n_bytes);

}  // namespace fathom
