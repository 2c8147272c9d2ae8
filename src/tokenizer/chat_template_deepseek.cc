// DeepSeek's chat formats from V2-Chat to V3.1, and fathom's own, which follows R1. Three ways of
// printing tool calls exist:
//   early (V2.5, V3, R1, R1-Distill): flags for the first call and the first output live as long as
//   the conversation, so a second
//     round begins in the middle of a list; the published templates do so and the models have seen
//     it;
//   late (V3-0324, R1-0528): every round has its own list, and the assistant's marker follows the
//   user's text at once; V3.1: calls without fence or type, and a reasoning tag after every marker
//   of the assistant.
#include "tokenizer/chat_template_impl.h"

namespace fathom::chat {
namespace {

constexpr std::string_view kDeepseekBos = "<｜begin▁of▁sentence｜>";
constexpr std::string_view kEos = "<｜end▁of▁sentence｜>";
constexpr std::string_view kUser = "<｜User｜>";
constexpr std::string_view kAssistant = "<｜Assistant｜>";
constexpr std::string_view kCallsBegin = "<｜tool▁calls▁begin｜>";
constexpr std::string_view kCallsEnd = "<｜tool▁calls▁end｜>";
constexpr std::string_view kCallBegin = "<｜tool▁call▁begin｜>";
constexpr std::string_view kCallEnd = "<｜tool▁call▁end｜>";
constexpr std::string_view kSep = "<｜tool▁sep｜>";
constexpr std::string_view kOutputsBegin = "<｜tool▁outputs▁begin｜>";
constexpr std::string_view kOutputsEnd = "<｜tool▁outputs▁end｜>";
constexpr std::string_view kOutputBegin = "<｜tool▁output▁begin｜>";
constexpr std::string_view kOutputEnd = "<｜tool▁output▁end｜>";
constexpr std::string_view kThinkEnd = "</think>";

void write_bos(ChatWriter& out, const ChatInput& in) {
  out.literal(option_or(out, in, "bos_token", kDeepseekBos));
}

/// bos and all system texts, wherever they stand in the conversation.
void write_systems_joined(ChatWriter& out, const ChatInput& in) {
  write_bos(out, in);
  bool first = true;
  for (const Node& message : out.items(in.messages)) {
    if (!is_role(message, "system")) continue;
    if (!first) out.literal("\n\n");
    out.data(message["content"]);
    first = false;
  }
}

/// bos and the last system text. margin: what the template leaves before bos for each system
/// message.
void write_last_system(ChatWriter& out, const ChatInput& in, std::string_view margin) {
  std::string system;
  for (const Node& message : out.items(in.messages)) {
    if (!is_role(message, "system")) continue;
    out.literal(margin);
    system = out.shown(message["content"]);
  }
  write_bos(out, in);
  out.data(system);
}

/// type<sep>name and the arguments fenced, between the marks of one call.
void write_fenced_call(ChatWriter& out, const Node& call) {
  out.literal(kCallBegin);
  out.data(call["type"]);
  out.literal(kSep);
  out.data(call["function"]["name"]);
  out.literal("\n```json\n");
  out.data(call["function"]["arguments"]);
  out.literal("\n```");
  out.literal(kCallEnd);
}

void write_output(ChatWriter& out, const Node& content) {
  out.literal(kOutputBegin);
  out.data(content);
  out.literal(kOutputEnd);
}

void write_calls_end(ChatWriter& out) {
  out.literal(kCallsEnd);
  out.literal(kEos);
}

void write_answer(ChatWriter& out, std::string_view text) {
  out.answer(text);
  out.literal(kEos);
}

enum class Reasoning { kKept, kDropped };

std::string_view answer_text(ChatWriter& out, const Node& message, Reasoning reasoning) {
  const std::string_view text = out.text_of(message["content"]);
  return reasoning == Reasoning::kDropped ? after_last(text, kThinkEnd) : text;
}

// ---- early ----

struct EarlyRules {
  bool joins_systems;
  std::string_view margin;  // where systems are not joined
  bool
      calls_by_key;  // a message with the key tool_calls calls; otherwise one whose content is null
  Reasoning reasoning;
  std::string_view between_outputs;
  std::string_view prompt;
};

/// Never reset within a conversation, but for after_output.
struct EarlyState {
  bool call_written = false, output_written = false, after_output = false;
};

/// content null: "begin" and the end only after the second and later calls; with content (R1): the
/// end after the last.
void write_early_calls(ChatWriter& out, EarlyState& state, const Node& message,
                       const EarlyRules& rules) {
  state.after_output = false;
  const Node calls = message["tool_calls"];
  for (const Node& call : out.items(calls)) {
    const bool first = !state.call_written;
    if (first) {
      out.literal(kAssistant);
      if (!message["content"].is_null()) out.answer(message["content"]);
      out.literal(kCallsBegin);
    } else {
      out.literal("\n");
    }
    write_fenced_call(out, call);
    if (!first && !rules.calls_by_key) write_calls_end(out);
    state.call_written = true;
  }
  if (rules.calls_by_key) write_calls_end(out);
}

void write_early_answer(ChatWriter& out, EarlyState& state, const Node& message,
                        const EarlyRules& rules) {
  if (state.after_output) {
    out.literal(kOutputsEnd);
    write_answer(out, answer_text(out, message, Reasoning::kKept));
  } else {
    out.literal(kAssistant);
    write_answer(out, answer_text(out, message, rules.reasoning));
  }
  state.after_output = false;
}

void write_early_output(ChatWriter& out, EarlyState& state, const Node& message,
                        const EarlyRules& rules) {
  out.literal(state.output_written ? rules.between_outputs : kOutputsBegin);
  write_output(out, message["content"]);
  state.output_written = true;
  state.after_output = true;
}

void render_early(ChatWriter& out, const ChatInput& in, const EarlyRules& rules) {
  if (rules.joins_systems) {
    write_systems_joined(out, in);
  } else {
    write_last_system(out, in, rules.margin);
  }
  EarlyState state;
  for (const Node& message : out.items(in.messages)) {
    if (is_role(message, "user")) {
      state.after_output = false;
      out.literal(kUser);
      out.data(message["content"]);
    } else if (is_role(message, "assistant")) {
      const bool calls =
          rules.calls_by_key ? message.has("tool_calls") : message["content"].is_null();
      (calls ? write_early_calls : write_early_answer)(out, state, message, rules);
    } else if (is_role(message, "tool")) {
      write_early_output(out, state, message, rules);
    }
  }
  if (state.after_output) {
    out.literal(kOutputsEnd);
  } else if (in.add_generation_prompt()) {
    out.literal(rules.prompt);
  }
}

constexpr std::string_view kThinkPrompt = "<｜Assistant｜><think>\n";

constexpr EarlyRules kV25 = {false, "        ", false, Reasoning::kKept, "\n", kAssistant};
constexpr EarlyRules kV3 = {true, "", false, Reasoning::kKept, "\n", kAssistant};
constexpr EarlyRules kR1 = {true, "", true, Reasoning::kDropped, "", kThinkPrompt};
constexpr EarlyRules kR1First = {true, "", true, Reasoning::kDropped, "", kAssistant};
constexpr EarlyRules kDistill = {false, "", false, Reasoning::kDropped, "\n", kThinkPrompt};
constexpr EarlyRules kDistillFirst = {false, "", false, Reasoning::kDropped, "\n", kAssistant};

// ---- late ----

struct LateState {
  bool output_written = false, after_output = false, after_user = false;
};

/// A call of V3-0324 and later: the key is there and not null.
bool has_calls(const Node& message) {
  return message.has("tool_calls") && !message["tool_calls"].is_null();
}

void write_late_calls(ChatWriter& out, LateState& state, const Node& message, Reasoning reasoning) {
  if (state.after_output) out.literal(kOutputsEnd);
  state = {};
  bool first = true;
  for (const Node& call : out.items(message["tool_calls"])) {
    if (first) {
      const bool silent = message["content"].is_null();
      if (!silent) out.answer(answer_text(out, message, reasoning));
      out.literal(kCallsBegin);
    } else {
      out.literal("\n");
    }
    write_fenced_call(out, call);
    first = false;
  }
  write_calls_end(out);
}

void write_late_output(ChatWriter& out, LateState& state, const Node& message) {
  out.literal(state.output_written ? "\n" : kOutputsBegin);
  write_output(out, message["content"]);
  state = {.output_written = true, .after_output = true, .after_user = false};
}

void write_late_assistant(ChatWriter& out, LateState& state, const Node& message,
                          Reasoning reasoning) {
  // Where reasoning is dropped the content is looked into first, so null is refused even beside
  // an empty list of calls.
  if (reasoning == Reasoning::kDropped && message.has("content")) out.text_of(message["content"]);
  if (has_calls(message)) {
    write_late_calls(out, state, message, reasoning);
    return;
  }
  if (state.after_output) out.literal(kOutputsEnd);
  write_answer(out, answer_text(out, message, reasoning));
  state.after_output = state.after_user = false;
}

void render_late(ChatWriter& out, const ChatInput& in, Reasoning reasoning) {
  write_systems_joined(out, in);
  LateState state;
  for (const Node& message : out.items(in.messages)) {
    if (is_role(message, "user")) {
      state.after_output = false;
      state.after_user = true;
      out.literal(kUser);
      out.data(message["content"]);
      out.literal(kAssistant);
    } else if (is_role(message, "assistant")) {
      write_late_assistant(out, state, message, reasoning);
    } else if (is_role(message, "tool")) {
      write_late_output(out, state, message);
    }
  }
  if (state.after_output) {
    out.literal(kOutputsEnd);
  } else if (in.add_generation_prompt() && !state.after_user) {
    out.literal(kAssistant);
  }
}

// ---- V3.1 ----

struct V31State {
  bool after_output = false, after_user = false;
};

void write_v31_calls(ChatWriter& out, const Node& message) {
  bool first = true;
  for (const Node& call : out.items(message["tool_calls"])) {
    if (first && !message["content"].is_null()) out.answer(message["content"]);
    if (first) out.literal(kCallsBegin);
    out.literal(kCallBegin);
    out.data(call["function"]["name"]);
    out.literal(kSep);
    out.data(call["function"]["arguments"]);
    out.literal(kCallEnd);
    first = false;
  }
  write_calls_end(out);
}

void write_v31_assistant(ChatWriter& out, V31State& state, const Node& message, bool thinking) {
  const bool calls = has_calls(message);
  if (state.after_user) {
    out.literal(kAssistant);
    const bool opens = !calls && message["prefix"].truthy() && thinking;
    out.literal(opens ? "<think>" : kThinkEnd);
  }
  if (calls) {
    write_v31_calls(out, message);
  } else {
    const std::string_view text = out.text_of(message["content"]);
    write_answer(out, state.after_output ? text : after_first(text, kThinkEnd));
  }
  state = {};
}

}  // namespace

void render_deepseek_v2_5(ChatWriter& out, const ChatInput& in) { render_early(out, in, kV25); }
void render_deepseek_v3(ChatWriter& out, const ChatInput& in) { render_early(out, in, kV3); }

void render_deepseek_r1(ChatWriter& out, const ChatInput& in) {
  out.set_tags({"<think>", "</think>"});
  render_early(out, in, kR1);
}

void render_deepseek_r1_first(ChatWriter& out, const ChatInput& in) {
  out.set_tags({"<think>", "</think>"});
  render_early(out, in, kR1First);
}

void render_deepseek_r1_distill(ChatWriter& out, const ChatInput& in) {
  out.set_tags({"<think>", "</think>"});
  render_early(out, in, kDistill);
}

void render_deepseek_r1_distill_first(ChatWriter& out, const ChatInput& in) {
  out.set_tags({"<think>", "</think>"});
  render_early(out, in, kDistillFirst);
}

void render_deepseek_v3_0324(ChatWriter& out, const ChatInput& in) {
  render_late(out, in, Reasoning::kKept);
}

void render_deepseek_r1_0528(ChatWriter& out, const ChatInput& in) {
  out.set_tags({"<think>", "</think>"});
  render_late(out, in, Reasoning::kDropped);
}

void render_deepseek_v2_chat(ChatWriter& out, const ChatInput& in) {
  write_bos(out, in);
  for (const Node& message : out.items(in.messages)) {
    if (is_role(message, "user")) {
      out.literal("User: ");
      out.data(message["content"]);
      out.literal("\n\n");
    } else if (is_role(message, "assistant")) {
      out.literal("Assistant: ");
      out.answer(message["content"]);
      out.literal(option_or(out, in, "eos_token", kEos));
    } else if (is_role(message, "system")) {
      out.data(message["content"]);
      out.literal("\n\n");
    }
  }
  if (in.add_generation_prompt()) out.literal("Assistant:");
}

void render_deepseek_v3_1(ChatWriter& out, const ChatInput& in) {
  out.set_tags({"<think>", "</think>"});
  const bool thinking = in.options["thinking"].truthy();
  write_systems_joined(out, in);
  V31State state;
  for (const Node& message : out.items(in.messages)) {
    if (is_role(message, "user")) {
      state = {.after_output = false, .after_user = true};
      out.literal(kUser);
      out.data(message["content"]);
    } else if (is_role(message, "assistant")) {
      write_v31_assistant(out, state, message, thinking);
    } else if (is_role(message, "tool")) {
      state = {.after_output = true, .after_user = false};
      write_output(out, message["content"]);
    }
  }
  if (in.add_generation_prompt() && state.after_user) {
    out.literal(kAssistant);
    out.literal(thinking ? "<think>" : kThinkEnd);
  }
}

void render_fathom(ChatWriter& out, const ChatInput& in) {
  out.set_tags({"<think>", "</think>"});
  write_systems_joined(out, in);
  for (const Node& message : out.items(in.messages)) {
    if (is_role(message, "user")) {
      out.literal(kUser);
      out.data(message["content"]);
    } else if (is_role(message, "assistant")) {
      out.literal(kAssistant);
      write_answer(out, answer_text(out, message, Reasoning::kDropped));
    } else if (!is_role(message, "system")) {
      out.fail("Only system, user and assistant messages are known to this model.");
    }
  }
  if (in.add_generation_prompt()) out.literal(kThinkPrompt);
}

}  // namespace fathom::chat
