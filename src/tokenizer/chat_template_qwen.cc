// Qwen2.5 and Qwen3: ChatML turns, tools listed in the system turn, consecutive tool results in one
// turn of the user. Qwen3 keeps reasoning only in answers after the last question.
#include "tokenizer/chat_template_impl.h"

namespace fathom::chat {
namespace {

constexpr std::string_view kDefaultSystem =
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";
constexpr std::string_view kTurnEnd = "<|im_end|>\n";

void open_turn(ChatWriter& out, std::string_view role) {
  out.literal("<|im_start|>");
  out.literal(role);
}

void write_turn(ChatWriter& out, const Node& message) {
  open_turn(out, message["role"].text());
  out.literal("\n");
  if (is_role(message, "assistant")) {
    out.answer(message["content"]);
  } else {
    out.data(message["content"]);
  }
  out.literal(kTurnEnd);
}

void write_tools(ChatWriter& out, const Node& tools) {
  out.literal(
      "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are "
      "provided with function signatures within <tools></tools> XML tags:\n<tools>");
  for (const Node& tool : out.items(tools)) {
    out.literal("\n");
    out.data(out.dumped(tool));
  }
  out.literal(
      "\n</tools>\n\nFor each function call, return a json object with function name and arguments "
      "within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, "
      "\"arguments\": <args-json-object>}\n</tool_call>");
  out.literal(kTurnEnd);
}

/// One result; the first of a row opens the user's turn and the last closes it.
void write_result(ChatWriter& out, const std::vector<Node>& messages, size_t idx) {
  if (idx == 0 || !is_role(messages[idx - 1], "tool")) open_turn(out, "user");
  out.literal("\n<tool_response>\n");
  out.data(out.shown(messages[idx]["content"]));
  out.literal("\n</tool_response>");
  const bool last = idx + 1 == messages.size() || !is_role(messages[idx + 1], "tool");
  if (last) out.literal(kTurnEnd);
}

void write_call(ChatWriter& out, const Node& call, bool text_as_it_is) {
  const Node arguments = call["arguments"];
  out.literal("<tool_call>\n{\"name\": \"");
  out.data(out.shown(call["name"]));
  out.literal("\", \"arguments\": ");
  out.data(text_as_it_is && arguments.is_text() ? std::string(arguments.text())
                                                : out.dumped(arguments));
  out.literal("}\n</tool_call>");
}

/// The first message, which decides the system turn. An error where there is none.
Node first_message(ChatWriter& out, const ChatInput& in) {
  if (in.messages.size() == 0) out.fail_at(in.messages, "at least one message");
  return in.messages.at(0);
}

void write_qwen2_5_system(ChatWriter& out, const ChatInput& in) {
  const Node first = first_message(out, in);
  open_turn(out, "system\n");
  if (!is_role(first, "system")) {
    out.literal(kDefaultSystem);
  } else if (in.tools.truthy()) {
    out.data(out.shown(first["content"]));
  } else {
    out.data(first["content"]);
  }
  if (in.tools.truthy()) {
    out.literal("\n\n");
    write_tools(out, in.tools);
  } else {
    out.literal(kTurnEnd);
  }
}

void write_qwen2_5_calls(ChatWriter& out, const Node& message) {
  open_turn(out, "assistant");
  if (message["content"].truthy()) {
    out.literal("\n");
    out.answer(message["content"]);
  }
  for (const Node& call : out.items(message["tool_calls"])) {
    out.literal("\n");
    write_call(out, call.has("function") ? call["function"] : call, false);
  }
  out.literal(kTurnEnd);
}

void write_qwen3_system(ChatWriter& out, const ChatInput& in) {
  const Node first = first_message(out, in);
  const bool system = is_role(first, "system"), tools = in.tools.truthy();
  if (!system && !tools) return;
  open_turn(out, "system\n");
  if (system) out.data(first["content"]);
  if (system && tools) out.literal("\n\n");
  if (tools) {
    write_tools(out, in.tools);
  } else {
    out.literal(kTurnEnd);
  }
}

/// Where the last message of a user stands that is no tool result in disguise; the last message
/// where there is none.
size_t last_question(ChatWriter& out, const std::vector<Node>& messages) {
  for (size_t idx = messages.size(); idx-- > 0;) {
    if (!is_role(messages[idx], "user")) continue;
    const std::string_view text = out.text_of(messages[idx]["content"]);
    if (!text.starts_with("<tool_response>") || !text.ends_with("</tool_response>")) return idx;
  }
  return messages.empty() ? 0 : messages.size() - 1;
}

struct Qwen3Answer {
  std::string_view reasoning, content;
};

/// Reasoning beside the content, or what stands between the tags within it.
Qwen3Answer split_answer(ChatWriter& out, const Node& message) {
  const Node reasoning = message["reasoning_content"];
  const std::string_view text = out.text_of(message["content"]);
  if (reasoning.defined() && !reasoning.is_null()) return {out.text_of(reasoning), text};
  const size_t end = text.find("</think>");
  if (end == std::string_view::npos) return {"", text};
  const std::string_view before = strip_newlines(text.substr(0, end), false, true);
  return {strip_newlines(after_last(before, "<think>"), true, false),
          strip_newlines(after_last(text, "</think>"), true, false)};
}

void write_qwen3_assistant(ChatWriter& out, const Node& message, bool after_question, bool last) {
  const Qwen3Answer answer = split_answer(out, message);
  open_turn(out, "assistant\n");
  if (after_question && (last || !answer.reasoning.empty())) {
    out.literal("<think>\n");
    out.answer(strip_newlines(answer.reasoning, true, true));
    out.literal("\n</think>\n\n");
    out.answer(strip_newlines(answer.content, true, false));
  } else {
    out.answer(answer.content);
  }
  if (message["tool_calls"].truthy()) {
    bool separate = !answer.content.empty();
    for (const Node& call : out.items(message["tool_calls"])) {
      if (separate) out.literal("\n");
      write_call(out, call["function"].truthy() ? call["function"] : call, true);
      separate = true;
    }
  }
  out.literal(kTurnEnd);
}

}  // namespace

void render_qwen2_5(ChatWriter& out, const ChatInput& in) {
  out.set_tags({"<tool_call>", "</tool_call>"});
  write_qwen2_5_system(out, in);
  const std::vector<Node> messages = out.items(in.messages);
  for (size_t idx = 0; idx < messages.size(); ++idx) {
    const Node& message = messages[idx];
    const bool calls = message["tool_calls"].truthy();
    if (is_role(message, "user") || (is_role(message, "system") && idx > 0) ||
        (is_role(message, "assistant") && !calls)) {
      write_turn(out, message);
    } else if (is_role(message, "assistant")) {
      write_qwen2_5_calls(out, message);
    } else if (is_role(message, "tool")) {
      write_result(out, messages, idx);
    }
  }
  if (in.add_generation_prompt()) open_turn(out, "assistant\n");
}

void render_qwen3(ChatWriter& out, const ChatInput& in) {
  out.set_tags({"<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>",
                "</tool_response>"});
  write_qwen3_system(out, in);
  const std::vector<Node> messages = out.items(in.messages);
  const size_t question = last_question(out, messages);
  for (size_t idx = 0; idx < messages.size(); ++idx) {
    const Node& message = messages[idx];
    if (is_role(message, "user") || (is_role(message, "system") && idx > 0)) {
      write_turn(out, message);
    } else if (is_role(message, "assistant")) {
      write_qwen3_assistant(out, message, idx > question, idx + 1 == messages.size());
    } else if (is_role(message, "tool")) {
      write_result(out, messages, idx);
    }
  }
  if (!in.add_generation_prompt()) return;
  open_turn(out, "assistant\n");
  if (in.options["enable_thinking"].is_false()) out.literal("<think>\n\n</think>\n\n");
}

}  // namespace fathom::chat
