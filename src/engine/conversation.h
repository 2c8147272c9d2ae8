// Conversation: messages, the chat template that makes a prompt of them, and the sequence that
// answers. A model without a chat template is a base model: it continues a text, and a conversation
// with it is that text.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "engine/sequence.h"
#include "tokenizer/chat_template.h"

namespace fathom {

/// The tokens of rendered segments: what people said is encoded without added tokens, so that
/// nobody can forge a role by spelling its token.
std::vector<int32_t> encode_segments(const Tokenizer& tokenizer,
                                     std::span<const ChatSegment> segments);

/// The template named `name`, or, where that is empty, the one that the tokenizer carries. Empty
/// where the checkpoint has none: a base model. Error: a template that is not known, with the way
/// out.
Result<std::optional<ChatTemplate>> choose_chat_template(const Engine& engine,
                                                         std::string_view name);

/// Not thread-safe. Requires: the engine has a tokenizer and outlives it.
class Conversation {
 public:
  struct Options {
    std::optional<ChatTemplate> chat_template;  // absent: text completion
    std::string system;                         // empty: no system message
    std::optional<bool> thinking;               // where the template has that switch
  };
  Conversation(Engine& engine, Options options);

  bool completes_text() const { return !options_.chat_template.has_value(); }
  /// Adds what the user says and starts the sequence on it; the caller then runs generate() on
  /// sequence() and calls answered(). Where the model completes text, `text` begins a new one, or,
  /// empty, the last one goes on. Error: as Sequence::start and the template give them; the
  /// conversation is then as it was.
  Status say(std::string_view text, const GenerationOptions& options);
  /// Takes the answer's text into the history.
  void answered(std::string_view text);
  Sequence& sequence() { return sequence_; }
  /// The prompt of the answer under way ends inside a thought.
  bool opens_thought() const { return opens_thought_; }

  /// The system message stays.
  void reset();
  const std::vector<ChatMessage>& messages() const { return messages_; }

  /// As JSON text: {"messages": [{"role", "content"}…]}, or {"text"} where the model completes
  /// text.
  std::string save() const;
  /// Replaces what was said by what save() wrote. `where` names the file in messages.
  Status load(std::string_view json_text, const std::string& where);

 private:
  Result<std::vector<int32_t>> prompt_of_messages();

  Engine* engine_;
  Options options_;
  Sequence sequence_;
  std::vector<ChatMessage> messages_;  // without a template: one of role "text"
  bool opens_thought_ = false;
};

}  // namespace fathom
