// A search for the one tag that can come next: <think> outside a thought, </think> inside.
#include "engine/think_splitter.h"

#include <algorithm>

namespace fathom {
namespace {

constexpr std::string_view kOpen = "<think>", kClose = "</think>";

void append(std::vector<TextPiece>& pieces, TextKind kind, std::string_view text) {
  if (text.empty()) return;
  if (!pieces.empty() && pieces.back().kind == kind && kind != TextKind::kTag) {
    pieces.back().text += text;
  } else {
    pieces.push_back({kind, std::string(text)});
  }
}

// Length of the longest end of `text` that begins `tag`.
size_t begun(std::string_view text, std::string_view tag) {
  for (size_t n = std::min(text.size(), tag.size() - 1); n > 0; --n) {
    if (tag.starts_with(text.substr(text.size() - n))) return n;
  }
  return 0;
}

}  // namespace

std::vector<TextPiece> ThinkSplitter::push(std::string_view text) {
  std::vector<TextPiece> pieces;
  held_ += text;
  std::string_view rest = held_;
  for (;;) {
    const std::string_view tag = inside_ ? kClose : kOpen;
    const TextKind kind = inside_ ? TextKind::kThought : TextKind::kAnswer;
    const size_t at = rest.find(tag);
    if (at == std::string_view::npos) {
      const size_t n_held = begun(rest, tag);
      append(pieces, kind, rest.substr(0, rest.size() - n_held));
      held_ = std::string(rest.substr(rest.size() - n_held));
      return pieces;
    }
    append(pieces, kind, rest.substr(0, at));
    append(pieces, TextKind::kTag, tag);
    rest.remove_prefix(at + tag.size());
    inside_ = !inside_;
  }
}

std::vector<TextPiece> ThinkSplitter::finish() {
  std::vector<TextPiece> pieces;
  append(pieces, inside_ ? TextKind::kThought : TextKind::kAnswer, held_);
  held_.clear();
  return pieces;
}

bool opens_thought(std::string_view prompt) {
  const size_t end = prompt.find_last_not_of(" \t\r\n");
  return end != std::string_view::npos && prompt.substr(0, end + 1).ends_with(kOpen);
}

}  // namespace fathom
