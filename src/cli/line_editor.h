// LineEditor: messages typed at a terminal, with editing and history (libedit), or lines of a pipe.
// A pasted text is one message whatever lines it has (bracketed paste), and a line that ends in a
// backslash goes on.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace fathom {

class LineEditor {
 public:
  enum class Outcome { kLine, kInterrupted, kEnd };

  /// `history_file` may be empty: no history is kept beyond the program.
  explicit LineEditor(std::filesystem::path history_file);
  ~LineEditor();
  /// Waits for a message; its last newline is taken off. kInterrupted: Ctrl-C (catch_interrupt must
  /// be on); kEnd: Ctrl-D on an empty line, or the end of the pipe.
  Outcome read(std::string& message);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// $XDG_STATE_HOME/fathom/history or ~/.local/state/fathom/history, its directory made; empty where
/// there is no home.
std::filesystem::path chat_history_file();

}  // namespace fathom
