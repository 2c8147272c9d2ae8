// Added tokens: texts that become one token wherever they stand, before anything else looks at the
// text. At the leftmost place, the longest of those that begin there. Tokens with `normalized` are
// searched after the normalizer, the others in the raw text.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/regex.h"

namespace fathom {

struct AddedToken {
  int32_t id = -1;
  std::string content;
  bool special = false;
  bool normalized = false;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the spaces before it along
  bool rstrip = false;       // takes the spaces after it along
};

/// Finds a set of added tokens in text. Thread-safe after construction: reads only.
class AddedTokenMatcher {
 public:
  AddedTokenMatcher();
  /// Requires: content is not empty.
  void add(const AddedToken& token);
  bool empty() const { return nodes_.size() == 1; }

  /// Calls `part(id, text)` for each stretch of `text` from left to right: id -1 for text between
  /// tokens, never empty.
  void split(std::string_view text,
             const std::function<void(int32_t id, std::string_view text)>& part) const;

 private:
  struct Node {
    std::vector<std::pair<uint8_t, int32_t>> children;
    int32_t token_idx = -1;
  };
  struct Found {
    size_t begin, end;
    const AddedToken* token;
  };
  int32_t child(int32_t node, uint8_t byte) const;
  bool longest_at(std::string_view text, size_t begin, Found& found) const;
  bool stands_alone(std::string_view text, const Found& found) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::array<bool, 256> begins_token_{};
};

}  // namespace fathom
