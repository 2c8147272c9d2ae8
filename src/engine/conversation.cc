// A conversation's turns: messages to segments, segments to tokens, and the history as JSON.
#include "engine/conversation.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/think_splitter.h"

namespace fathom {
namespace {

using nlohmann::ordered_json;

std::string dump(const ordered_json& object) {
  return object.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Status load_error(const std::string& where, std::string_view wanted, std::string_view found) {
  return Status::error(fmt::format("{}: {} wanted, {} found", where, wanted, found));
}

Result<ChatMessage> parse_message(const ordered_json& m, const std::string& where) {
  const bool whole = m.is_object() && m.contains("role") && m["role"].is_string() &&
                     m.contains("content") && m["content"].is_string();
  if (!whole)
    return load_error(where, "a message {\"role\", \"content\"} of two strings", m.dump());
  ChatMessage message{m["role"].get<std::string>(), m["content"].get<std::string>()};
  if (message.role != "system" && message.role != "user" && message.role != "assistant") {
    return load_error(where, "role \"system\", \"user\" or \"assistant\"", m["role"].dump());
  }
  return message;
}

}  // namespace

std::vector<int32_t> encode_segments(const Tokenizer& tokenizer,
                                     std::span<const ChatSegment> segments) {
  std::vector<int32_t> ids;
  for (const ChatSegment& s : segments) {
    const auto piece =
        tokenizer.encode(s.text, {.add_bos = false, .parse_added_tokens = s.parse_added_tokens});
    ids.insert(ids.end(), piece.begin(), piece.end());
  }
  return ids;
}

Result<std::optional<ChatTemplate>> choose_chat_template(const Engine& engine,
                                                         std::string_view name) {
  FATHOM_RETURN_IF_ERROR(engine.check_tokenizer());
  if (!name.empty()) {
    FATHOM_ASSIGN_OR_RETURN(ChatTemplate chosen, ChatTemplate::by_name(name));
    return std::optional(std::move(chosen));
  }
  const std::string& text = engine.tokenizer()->chat_template();
  if (text.empty()) return std::optional<ChatTemplate>();
  auto known = ChatTemplate::for_text(text);
  if (!known.ok()) return Status::error(fmt::format("{}: {}", engine.where(), known.message()));
  return std::optional(std::move(known).value());
}

Conversation::Conversation(Engine& engine, Options options)
    : engine_(&engine), options_(std::move(options)), sequence_(engine) {
  reset();
}

void Conversation::reset() {
  messages_.clear();
  if (!completes_text() && !options_.system.empty())
    messages_.push_back({"system", options_.system});
  opens_thought_ = false;
  sequence_.reset();
}

Result<std::vector<int32_t>> Conversation::prompt_of_messages() {
  if (completes_text()) {
    opens_thought_ = false;
    return engine_->encode(messages_.front().content);
  }
  ChatOptions options;
  options.thinking = options_.thinking;
  FATHOM_ASSIGN_OR_RETURN(const std::vector<ChatSegment> segments,
                          options_.chat_template->segments(messages_, options));
  std::string rendered;
  for (const ChatSegment& s : segments) rendered += s.text;
  opens_thought_ = fathom::opens_thought(rendered);
  return encode_segments(*engine_->tokenizer(), segments);
}

Status Conversation::say(std::string_view text, const GenerationOptions& options) {
  const std::vector<ChatMessage> before = messages_;
  const auto undo = [&](const Status& status) {
    messages_ = before;
    return status;
  };
  if (!completes_text()) {
    messages_.push_back({"user", std::string(text)});
  } else if (!text.empty() || messages_.empty()) {
    messages_ = {{"text", std::string(text)}};
  }
  auto prompt = prompt_of_messages();
  if (!prompt.ok()) return undo(prompt.status());
  const Status status = sequence_.start(std::move(prompt).value(), options);
  return status.ok() ? status : undo(status);
}

void Conversation::answered(std::string_view text) {
  if (completes_text()) {
    messages_.front().content += text;
    return;
  }
  std::string content(text);
  // A thought that was cut short must not become the answer that the next prompt shows.
  if (opens_thought_ && content.find("</think>") == std::string::npos) content += "\n</think>\n\n";
  messages_.push_back({"assistant", std::move(content)});
}

std::string Conversation::save() const {
  if (completes_text()) {
    return dump({{"text", messages_.empty() ? std::string() : messages_.front().content}});
  }
  ordered_json list = ordered_json::array();
  for (const ChatMessage& m : messages_) list.push_back({{"role", m.role}, {"content", m.content}});
  return dump({{"messages", std::move(list)}});
}

Status Conversation::load(std::string_view json_text, const std::string& where) {
  const ordered_json object = ordered_json::parse(json_text, nullptr, false);
  const char* key = completes_text() ? "text" : "messages";
  if (!object.is_object() || !object.contains(key)) {
    return load_error(where, fmt::format("a JSON object with \"{}\"", key), "none");
  }
  const ordered_json& value = object[key];
  std::vector<ChatMessage> loaded;
  if (completes_text()) {
    if (!value.is_string()) return load_error(where, "text: a string", value.type_name());
    loaded.push_back({"text", value.get<std::string>()});
  } else {
    if (!value.is_array()) return load_error(where, "messages: a list", value.type_name());
    for (const ordered_json& m : value) {
      FATHOM_ASSIGN_OR_RETURN(ChatMessage message, parse_message(m, where));
      loaded.push_back(std::move(message));
    }
  }
  messages_ = std::move(loaded);
  return {};
}

}  // namespace fathom
