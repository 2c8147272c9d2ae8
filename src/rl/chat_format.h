// From messages to tokens as post-training sees them: what the model is given (the rendered
// conversation, the thought opened where the template opens it) and what it is to write (thought,
// answer, eos). What the template writes becomes control tokens; what people, data and tables say
// never does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace fathom {

/// Thread-safe: reads only.
class ChatFormat {
 public:
  /// `where` names the tokenizer. Errors: no chat template, one that is not known, no eos token.
  static Result<ChatFormat> of(std::shared_ptr<const Tokenizer> tokenizer,
                               const std::string& where);

  struct Prompt {
    std::vector<int32_t> tokens;
    bool opens_thought = false;  // it ends in "<think>\n"
  };
  /// messages: all before the answer. Error: the template's.
  Result<Prompt> prompt(std::span<const ChatMessage> messages) const;
  /// What follows an answer and its eos up to the next one. messages: all between the two, none a
  /// system's. Errors: the template's, a system message.
  Result<Prompt> next_prompt(std::span<const ChatMessage> messages) const;
  /// Tokens of what follows a prompt, the eos at the end. Only <think> and </think> are parsed.
  std::vector<int32_t> completion(std::string_view text) const;

  std::string_view template_name() const { return template_.name(); }
  const Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  ChatFormat(std::shared_ptr<const Tokenizer> tokenizer, ChatTemplate chat_template)
      : tokenizer_(std::move(tokenizer)), template_(std::move(chat_template)) {}
  std::shared_ptr<const Tokenizer> tokenizer_;
  ChatTemplate template_;
};

/// A directory with the tokenizer of `tokenizer` and fathom's chat template: `tokenizer` itself
/// where it has a template; else `directory`, written now. Errors: as Tokenizer::open gives them; a
/// vocabulary without the template's control tokens; what cannot be written.
Result<std::filesystem::path> tokenizer_for_chat(const std::filesystem::path& tokenizer,
                                                 const std::filesystem::path& directory);

}  // namespace fathom
