// What the renderers of chat templates share: a cursor into the conversation that knows its path,
// the writer that collects segments and the first error, and the few Python string operations that
// templates use. Stays inside tokenizer/.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/chat_template.h"

namespace fathom::chat {

using Json = nlohmann::ordered_json;

/// A place in the conversation: a value, or none where the key or index does not exist (Jinja's
/// "undefined"), and the path to it for messages. Borrows the JSON.
class Node {
 public:
  Node(const Json* value, std::string path) : value_(value), path_(std::move(path)) {}
  Node operator[](std::string_view key) const;
  Node at(size_t idx) const;

  bool defined() const { return value_ != nullptr; }
  bool has(std::string_view key) const { return (*this)[key].defined(); }
  bool is_null() const { return defined() && value_->is_null(); }
  bool is_list() const { return defined() && value_->is_array(); }
  bool is_object() const { return defined() && value_->is_object(); }
  bool is_text() const { return defined() && value_->is_string(); }
  bool is_false() const { return defined() && value_->is_boolean() && !value_->get<bool>(); }
  bool equals(std::string_view text) const { return is_text() && this->text() == text; }
  /// As Python sees it: not none, not empty, not zero, not false.
  bool truthy() const;
  size_t size() const { return defined() ? value_->size() : 0; }
  /// Requires: is_text(). Lives as long as the JSON.
  std::string_view text() const { return value_->get_ref<const std::string&>(); }
  /// Requires: defined().
  const Json& json() const { return *value_; }
  const std::string& path() const { return path_; }
  /// "a list", "null", "nothing": the word for messages.
  std::string_view found() const;

 private:
  const Json* value_;
  std::string path_;
};

/// Collects the rendered text. The first error stays, and what is written after it is dropped, so
/// renderers read straight through.
class ChatWriter {
 public:
  /// tags: the reasoning and tool-call tags that are tokens of this template's models.
  void set_tags(std::initializer_list<std::string_view> tags) { tags_ = tags; }

  /// The template's own words: control tokens (<｜…｜>, <|…|>) and tags are marked as tokens.
  void literal(std::string_view words);
  /// What somebody said, or data: never a token.
  void data(std::string_view words) { append(words, false); }
  /// What a model said: its tags are tokens, control tokens are not.
  void answer(std::string_view words);

  /// The text at a place; an error and "" where it is not text.
  std::string_view text_of(const Node& node);
  void data(const Node& node) { data(text_of(node)); }
  void answer(const Node& node) { answer(text_of(node)); }
  /// Python's str() of a value, as Jinja prints it: "None", "True", "1.5"; nothing where undefined.
  /// An error for lists and objects.
  std::string shown(const Node& node);
  /// Python's json.dumps(ensure_ascii=False); indent < 0: on one line.
  std::string dumped(const Node& node, int indent = -1);
  /// The elements of a list; none where undefined; an error for anything else.
  std::vector<Node> items(const Node& node);

  /// "path: `wanted` wanted, … found".
  void fail_at(const Node& node, std::string_view wanted);
  void fail(std::string message);
  bool failed() const { return !status_.ok(); }
  const Status& status() const { return status_; }
  std::vector<ChatSegment> take() { return std::move(segments_); }

 private:
  void append(std::string_view words, bool parse_added_tokens);
  void split(std::string_view words, bool control_tokens);
  size_t token_bytes_at(std::string_view words, size_t at, bool control_tokens) const;

  std::vector<std::string_view> tags_;
  std::vector<ChatSegment> segments_;
  Status status_;
};

/// A conversation with its tools and options; paths begin with "messages", "tools", "options".
struct ChatInput {
  Node messages, tools, options;
  bool add_generation_prompt() const { return options["add_generation_prompt"].truthy(); }
};

/// A string option (bos_token, eos_token, date_string) or its default.
std::string_view option_or(ChatWriter& out, const ChatInput& in, std::string_view key,
                           std::string_view otherwise);

/// Python's str.strip(): Unicode white space at both ends.
std::string_view strip(std::string_view text);
std::string_view lstrip(std::string_view text);
std::string_view strip_newlines(std::string_view text, bool left, bool right);
/// text.split(mark)[-1] and text.split(mark, 1)[1], or all of it where there is no mark.
std::string_view after_last(std::string_view text, std::string_view mark);
std::string_view after_first(std::string_view text, std::string_view mark);

/// Appends json.dumps(value, ensure_ascii=False, indent=indent); false where lists nest deeper than
/// Python allows.
bool append_python_json(std::string& out, const Json& value, int indent);
/// repr() of a float: the shortest digits that read back, 1e+16 and 1e-05 beyond.
std::string python_float(double value);

inline bool is_role(const Node& message, std::string_view role) {
  return message["role"].equals(role);
}

// The renderers, one for each template; chat_template.cc has their names.
void render_fathom(ChatWriter& out, const ChatInput& in);
void render_deepseek_v2_chat(ChatWriter& out, const ChatInput& in);
void render_deepseek_v2_5(ChatWriter& out, const ChatInput& in);
void render_deepseek_v3(ChatWriter& out, const ChatInput& in);
void render_deepseek_v3_0324(ChatWriter& out, const ChatInput& in);
void render_deepseek_r1(ChatWriter& out, const ChatInput& in);
void render_deepseek_r1_first(ChatWriter& out, const ChatInput& in);
void render_deepseek_r1_0528(ChatWriter& out, const ChatInput& in);
void render_deepseek_r1_distill(ChatWriter& out, const ChatInput& in);
void render_deepseek_r1_distill_first(ChatWriter& out, const ChatInput& in);
void render_deepseek_v3_1(ChatWriter& out, const ChatInput& in);
void render_llama_3(ChatWriter& out, const ChatInput& in);
void render_llama_3_1(ChatWriter& out, const ChatInput& in);
void render_qwen2_5(ChatWriter& out, const ChatInput& in);
void render_qwen3(ChatWriter& out, const ChatInput& in);

}  // namespace fathom::chat
