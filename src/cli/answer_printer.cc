// Pieces of text to bytes on standard output: dimmed, made safe for a terminal, flushed at once.
#include "cli/answer_printer.h"

#include <cstdio>
#include <string>

#include "cli/terminal.h"

namespace fathom {

AnswerPrinter::AnswerPrinter(bool opens_thought)
    : splitter_(opens_thought), terminal_(is_terminal(stdout)), color_(shows_color(stdout)) {
  if (opens_thought) print_pieces({{TextKind::kTag, "<think>\n"}});
}

void AnswerPrinter::echo_prompt(std::string_view prompt) {
  if (!terminal_ || prompt.empty()) return;
  const std::string text = printable(prompt);
  if (color_) std::fputs(style::kBold, stdout);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (color_) std::fputs(style::kPlain, stdout);
  std::fflush(stdout);
  at_line_start_ = text.ends_with('\n');
}

void AnswerPrinter::set_dim(bool dim) {
  if (!color_ || dim == dim_) return;
  std::fputs(dim ? style::kDim : style::kPlain, stdout);
  dim_ = dim;
}

void AnswerPrinter::print_pieces(const std::vector<TextPiece>& pieces) {
  for (const TextPiece& piece : pieces) {
    set_dim(piece.kind != TextKind::kAnswer);
    const std::string text = terminal_ ? printable(piece.text) : piece.text;
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (!text.empty()) at_line_start_ = text.back() == '\n';
  }
  std::fflush(stdout);
}

void AnswerPrinter::print(std::string_view text) { print_pieces(splitter_.push(text)); }

void AnswerPrinter::finish() {
  print_pieces(splitter_.finish());
  set_dim(false);
  if (!at_line_start_) std::fputc('\n', stdout);
  std::fflush(stdout);
}

}  // namespace fathom
