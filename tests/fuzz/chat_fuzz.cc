// Conversations of any shape through every chat template. The input's bytes choose the template and
// build JSON that often has the keys and types of a conversation and sometimes does not: a renderer
// answers with text or a sentence, and never crashes.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "tokenizer/chat_template.h"

namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 4;

const char* const kWords[] = {"",
                              "a b",
                              " \n",
                              "</think>",
                              "<think>",
                              "\u00a0é",
                              "user",
                              "0",
                              "<｜User｜>",
                              "tool",
                              "<tool_response>",
                              "</tool_response>",
                              "code_interpreter",
                              "<|eot_id|>",
                              "｜>",
                              "<"};
const char* const kRoles[] = {"system", "user", "assistant", "tool", "ipython", "developer"};
const char* const kOptions[] = {"add_generation_prompt",
                                "continue_final_message",
                                "thinking",
                                "enable_thinking",
                                "date_string",
                                "tools_in_user_message",
                                "builtin_tools",
                                "custom_tools",
                                "bos_token",
                                "eos_token"};

/// Reads the input as a row of choices; zeros after its end.
class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool done() const { return at_ >= size_; }
  unsigned below(unsigned n) { return done() ? 0 : data_[at_++] % n; }
  template <size_t N>
  const char* of(const char* const (&words)[N]) {
    return words[below(N)];
  }
  std::string text() {
    std::string words;
    for (unsigned n = below(4); n > 0; --n) words += of(kWords);
    return words;
  }

 private:
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

Json any_value(Choices& choices, int depth) {
  switch (choices.below(depth < kMaxDepth ? 10 : 7)) {
    case 0:
      return nullptr;
    case 1:
      return true;
    case 2:
      return false;
    case 3:
      return static_cast<int>(choices.below(256)) - 128;
    case 4:
      return choices.below(256) * 1e-7;
    case 5:
    case 6:
      return choices.text();
    case 7: {
      Json list = Json::array();
      for (unsigned n = choices.below(4); n > 0; --n) list.push_back(any_value(choices, depth + 1));
      return list;
    }
    default: {
      Json object = Json::object();
      for (unsigned n = choices.below(4); n > 0; --n)
        object[choices.text()] = any_value(choices, depth + 1);
      return object;
    }
  }
}

/// `usual` mostly, anything at times.
Json mostly(Choices& choices, Json usual) {
  return choices.below(16) == 15 ? any_value(choices, 0) : usual;
}

Json call(Choices& choices) {
  Json function;
  function["name"] = mostly(choices, choices.text());
  function["arguments"] = choices.below(2) != 0 ? Json(choices.text()) : any_value(choices, 1);
  Json call;
  call["type"] = mostly(choices, "function");
  call["function"] = mostly(choices, function);
  return call;
}

Json message(Choices& choices) {
  Json message = Json::object();
  if (choices.below(16) != 15) message["role"] = mostly(choices, choices.of(kRoles));
  if (choices.below(16) != 15) message["content"] = mostly(choices, choices.text());
  if (choices.below(4) == 3) message["reasoning_content"] = mostly(choices, choices.text());
  if (choices.below(4) == 3) message["prefix"] = any_value(choices, kMaxDepth);
  if (choices.below(4) == 3) {
    Json calls = Json::array();
    for (unsigned n = choices.below(4); n > 0; --n) calls.push_back(mostly(choices, call(choices)));
    message["tool_calls"] = mostly(choices, calls);
    if (choices.below(2) != 0) message["content"] = nullptr;
  }
  return mostly(choices, message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Choices choices(data, size);
  const std::vector<std::string> names = fathom::ChatTemplate::names();
  const auto chat =
      fathom::ChatTemplate::by_name(names[choices.below(static_cast<unsigned>(names.size()))]);
  Json options = Json::object(), tools, messages = Json::array();
  for (unsigned n = choices.below(5); n > 0; --n) {
    const char* name = choices.of(kOptions);
    options[name] = any_value(choices, 2);
  }
  if (choices.below(2) != 0)
    tools = choices.below(8) == 7 ? any_value(choices, 0) : Json::array({any_value(choices, 0)});
  while (!choices.done()) messages.push_back(message(choices));
  messages = mostly(choices, messages);

  const auto text = chat.value().render(messages, tools, options);
  const auto segments = chat.value().segments(messages, tools, options);
  FATHOM_CHECK(text.ok() == segments.ok());
  if (!text.ok()) {
    FATHOM_CHECK(!text.message().empty());
    return 0;
  }
  std::string joined;
  for (const fathom::ChatSegment& segment : segments.value()) {
    FATHOM_CHECK(!segment.text.empty());
    joined += segment.text;
  }
  FATHOM_CHECK(joined == text.value());
  return 0;
}
