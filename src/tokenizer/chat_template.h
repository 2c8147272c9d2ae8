// Chat templates: from a conversation to the text that a model was trained on. The published
// templates are Jinja programs; fathom holds no Jinja engine but one renderer for each known
// template, recognised by the SHA-256 of its text. A text that is not known is refused and never
// guessed. Judge: tests/golden/data/chat.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace fathom {

/// The template that models trained by fathom carry, in Jinja, so that other tools can render it
/// too: DeepSeek-R1's format without tools. System texts come first, joined by a blank line; of an
/// earlier answer only what follows its last </think> is kept; the prompt opens the thought.
extern const char* const kFathomChatTemplate;

/// A piece of the rendered conversation. The tokens of the whole are those of the pieces in order,
/// each encoded with EncodeOptions::parse_added_tokens as it says here and add_bos false (the text
/// begins with bos where the template writes it). True: control tokens that the template writes,
/// and an answer's own reasoning and tool-call tags. False: all other text, above all what people
/// and tools said, so that a user who spells "<｜Assistant｜>" gets those characters and no turn of
/// the assistant.
struct ChatSegment {
  std::string text;
  bool parse_added_tokens = false;
};

struct ChatMessage {
  std::string role;  // system, user, assistant
  std::string content;
};

struct ChatOptions {
  bool add_generation_prompt = true;
  /// The last message is the beginning of the answer; excludes the generation prompt.
  bool continue_final_message = false;
  /// V3.1's `thinking`, Qwen3's `enable_thinking`; absent: the template's own default.
  std::optional<bool> thinking = std::nullopt;
};

/// One known template. Thread-safe: reads only.
class ChatTemplate {
 public:
  /// The template with this text: SHA-256 of its bytes, with or without one newline at its end
  /// (which Jinja drops). The error names the way out, --template NAME.
  static Result<ChatTemplate> for_text(std::string_view template_text);
  /// The same from the hash, 64 lower-case hexadecimal digits.
  static Result<ChatTemplate> for_sha256(std::string_view template_sha256);
  static Result<ChatTemplate> by_name(std::string_view name);
  static std::vector<std::string> names();

  std::string_view name() const;

  /// messages: a list of {"role", "content", "tool_calls"? ...}; tools: a list or null; options: an
  /// object or null, with the names that transformers' apply_chat_template takes
  /// (add_generation_prompt, continue_final_message, and the template's variables: thinking,
  /// enable_thinking, date_string, tools_in_user_message, builtin_tools, custom_tools, bos_token,
  /// eos_token). The error is the template's own where it refuses the conversation, otherwise
  /// "place: wanted, found".
  Result<std::vector<ChatSegment>> segments(const nlohmann::ordered_json& messages,
                                            const nlohmann::ordered_json& tools,
                                            const nlohmann::ordered_json& options) const;
  Result<std::vector<ChatSegment>> segments(std::span<const ChatMessage> messages,
                                            const ChatOptions& options) const;
  /// The segments' texts in one.
  Result<std::string> render(const nlohmann::ordered_json& messages,
                             const nlohmann::ordered_json& tools,
                             const nlohmann::ordered_json& options) const;

 private:
  explicit ChatTemplate(const struct ChatTemplateEntry* entry) : entry_(entry) {}
  const ChatTemplateEntry* entry_;  // a row of the table in chat_template.cc, never null
};

}  // namespace fathom
