// Llama 3 and 3.1. Contents are trimmed; 3.1 always prints a system turn with the date, puts the
// tools into the first user message unless told otherwise, and refuses more than one call at a
// time.
#include "tokenizer/chat_template_impl.h"

namespace fathom::chat {
namespace {

constexpr std::string_view kLlamaBos = "<|begin_of_text|>";
constexpr std::string_view kTurnEnd = "<|eot_id|>";

void write_header(ChatWriter& out, std::string_view role) {
  out.literal("<|start_header_id|>");
  out.data(role);
  out.literal("<|end_header_id|>\n\n");
}

/// Jinja's trim: str() first, so null is the word None.
std::string trimmed(ChatWriter& out, const Node& node) {
  return std::string(strip(out.shown(node)));
}

void write_turn(ChatWriter& out, const Node& message) {
  write_header(out, out.text_of(message["role"]));
  const std::string text = trimmed(out, message["content"]);
  if (message["role"].equals("assistant")) {
    out.answer(text);
  } else {
    out.data(text);
  }
  out.literal(kTurnEnd);
}

/// What Llama 3.1's template decides once for the conversation.
struct Llama31 {
  Node tools, builtin_tools;
  bool tools_in_user_message;
  bool has_tools() const { return tools.defined() && !tools.is_null(); }
};

void write_tools(ChatWriter& out, const Llama31& llama) {
  out.literal(
      "Respond in the format {\"name\": function name, \"parameters\": dictionary of argument name "
      "and its value}.Do not use variables.\n\n");
  for (const Node& tool : out.items(llama.tools)) {
    out.data(out.dumped(tool, 4));
    out.literal("\n\n");
  }
}

void write_system(ChatWriter& out, const ChatInput& in, const Llama31& llama,
                  std::string_view system) {
  write_header(out, "system");
  if (llama.builtin_tools.defined() || llama.has_tools()) out.literal("Environment: ipython\n");
  if (llama.builtin_tools.defined()) {
    if (!llama.builtin_tools.is_list()) out.fail_at(llama.builtin_tools, "a list");
    out.literal("Tools: ");
    std::string_view separator = "";
    for (const Node& tool : out.items(llama.builtin_tools)) {
      if (tool.equals("code_interpreter")) continue;
      out.literal(separator);
      out.data(out.shown(tool));
      separator = ", ";
    }
    out.literal("\n\n");
  }
  out.literal("Cutting Knowledge Date: December 2023\nToday Date: ");
  out.data(option_or(out, in, "date_string", "26 Jul 2024"));
  out.literal("\n\n");
  if (llama.has_tools() && !llama.tools_in_user_message) {
    out.literal(
        "You have access to the following functions. To call a function, please respond with JSON "
        "for a function call.");
    write_tools(out, llama);
  }
  out.data(system);
  out.literal(kTurnEnd);
}

void write_first_user(ChatWriter& out, const Llama31& llama, const Node& message) {
  write_header(out, "user");
  out.literal(
      "Given the following functions, please respond with a JSON for a function call with its "
      "proper arguments that best answers the given prompt.\n\n");
  write_tools(out, llama);
  out.data(trimmed(out, message["content"]));
  out.literal(kTurnEnd);
}

bool is_builtin(ChatWriter& out, const Llama31& llama, std::string_view name) {
  for (const Node& tool : out.items(llama.builtin_tools)) {
    if (tool.equals(name)) return true;
  }
  return false;
}

/// name.call(key="value", …) after the python tag.
void write_python_call(ChatWriter& out, const Node& function) {
  out.literal("<|python_tag|>");
  out.data(function["name"]);
  out.literal(".call(");
  const Node arguments = function["arguments"];
  if (arguments.defined() && !arguments.is_object()) out.fail_at(arguments, "an object");
  if (arguments.is_object()) {
    std::string_view separator = "";
    for (const auto& argument : arguments.json().items()) {
      out.literal(separator);
      out.data(argument.key());
      out.literal("=\"");
      out.data(arguments[argument.key()]);
      out.literal("\"");
      separator = ", ";
    }
  }
  out.literal(")");
}

void write_call(ChatWriter& out, const Llama31& llama, const Node& message) {
  const Node calls = message["tool_calls"];
  if (!calls.is_list()) out.fail_at(calls, "a list");
  if (calls.size() != 1) out.fail("This model only supports single tool-calls at once!");
  const Node function = calls.at(0)["function"];
  const std::string_view name = out.text_of(function["name"]);
  write_header(out, "assistant");
  if (is_builtin(out, llama, name)) {
    write_python_call(out, function);
  } else {
    out.literal("{\"name\": \"");
    out.data(name);
    out.literal("\", \"parameters\": ");
    out.data(out.dumped(function["arguments"]));
    out.literal("}");
  }
  out.literal(llama.builtin_tools.defined() ? "<|eom_id|>" : kTurnEnd);
}

/// A string is iterable in Jinja and so is written as JSON, with quotes.
void write_result(ChatWriter& out, const Node& content) {
  const bool iterable =
      !content.defined() || content.is_text() || content.is_list() || content.is_object();
  write_header(out, "ipython");
  out.data(iterable ? out.dumped(content) : out.shown(content));
  out.literal(kTurnEnd);
}

}  // namespace

void render_llama_3(ChatWriter& out, const ChatInput& in) {
  const std::vector<Node> messages = out.items(in.messages);
  if (!messages.empty()) out.literal(option_or(out, in, "bos_token", kLlamaBos));
  for (const Node& message : messages) write_turn(out, message);
  if (in.add_generation_prompt()) write_header(out, "assistant");
}

void render_llama_3_1(ChatWriter& out, const ChatInput& in) {
  const Node in_user = in.options["tools_in_user_message"];
  const Node custom = in.options["custom_tools"];
  const Llama31 llama = {custom.defined() ? custom : in.tools, in.options["builtin_tools"],
                         !in_user.defined() || in_user.truthy()};
  const std::vector<Node> messages = out.items(in.messages);
  if (messages.empty()) return out.fail_at(in.messages, "at least one message");

  size_t next = 0;
  std::string system;
  if (messages[0]["role"].equals("system")) system = trimmed(out, messages[next++]["content"]);
  out.literal(option_or(out, in, "bos_token", kLlamaBos));
  write_system(out, in, llama, system);
  if (llama.tools_in_user_message && llama.has_tools()) {
    if (next == messages.size()) {
      return out.fail(
          "Cannot put tools in the first user message when there's no first user message!");
    }
    write_first_user(out, llama, messages[next++]);
  }
  for (; next < messages.size(); ++next) {
    const Node& message = messages[next];
    if (message.has("tool_calls")) {
      write_call(out, llama, message);
    } else if (message["role"].equals("tool") || message["role"].equals("ipython")) {
      write_result(out, message["content"]);
    } else {
      write_turn(out, message);
    }
  }
  if (in.add_generation_prompt()) write_header(out, "assistant");
}

}  // namespace fathom::chat
