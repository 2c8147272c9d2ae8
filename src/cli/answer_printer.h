// AnswerPrinter: a model's answer on standard output as it streams; thoughts are dimmed on a
// terminal.
#pragma once

#include <string_view>

#include "engine/think_splitter.h"

namespace fathom {

class AnswerPrinter {
 public:
  /// opens_thought: the prompt ended inside <think>, so the answer begins there; the tag is shown
  /// first.
  explicit AnswerPrinter(bool opens_thought);
  /// On a terminal, the text that the model is to continue, so that both read as one.
  void echo_prompt(std::string_view prompt);
  void print(std::string_view text);
  /// What waits, the end of the colours, and a newline.
  void finish();

 private:
  void print_pieces(const std::vector<TextPiece>& pieces);
  void set_dim(bool dim);

  ThinkSplitter splitter_;
  bool terminal_, color_, dim_ = false, at_line_start_ = true;
};

}  // namespace fathom
