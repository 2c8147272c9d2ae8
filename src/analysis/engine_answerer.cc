// See engine_answerer.h.
#include "analysis/engine_answerer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "base/file.h"
#include "engine/conversation.h"
#include "engine/generate.h"

namespace fathom {
namespace {

constexpr int64_t kRoomForAnAnswer = 256;  // tokens

void add_stats(Completion& c, const GenerationStats& stats) {
  c.n_prompt = stats.n_prompt;
  c.n_reused = stats.n_reused;
  c.n_generated = stats.n_generated;
  c.n_computed = stats.n_prefill + stats.n_decode;
  c.n_decoded = stats.n_decode;
  c.prefill_s = stats.prefill_s;
  c.decode_s = stats.decode_s;
}

std::string text_of(std::span<const ChatSegment> segments) {
  std::string text;
  for (const ChatSegment& s : segments) text += s.text;
  return text;
}

}  // namespace

Result<std::unique_ptr<EngineAnswerer>> EngineAnswerer::create(Engine& engine,
                                                               EngineAnswererOptions options) {
  FATHOM_ASSIGN_OR_RETURN(auto chosen, choose_chat_template(engine, options.chat_template));
  if (!chosen)
    return Status::error(
        fmt::format("{}: a model that answers wanted, a base model found (it has no chat template "
                    "and continues "
                    "text); -m names another model, --template a template",
                    engine.where()));
  return std::unique_ptr<EngineAnswerer>(
      new EngineAnswerer(engine, std::move(*chosen), std::move(options.generation)));
}

Result<std::vector<ChatSegment>> EngineAnswerer::segments(
    std::span<const ChatMessage> messages) const {
  return template_.segments(messages, ChatOptions());
}

Result<bool> EngineAnswerer::fits(std::span<const ChatMessage> messages) {
  FATHOM_ASSIGN_OR_RETURN(const auto rendered, segments(messages));
  const auto n = static_cast<int64_t>(encode_segments(*engine_.tokenizer(), rendered).size());
  return n + std::min(kRoomForAnAnswer, engine_.n_ctx() / 4) <= engine_.n_ctx();
}

Result<Completion> EngineAnswerer::complete(std::span<const ChatMessage> messages,
                                            const OnPiece& on_piece) {
  FATHOM_ASSIGN_OR_RETURN(const auto rendered, segments(messages));
  FATHOM_RETURN_IF_ERROR(
      sequence_.start(encode_segments(*engine_.tokenizer(), rendered), generation_));
  ThinkSplitter splitter(opens_thought(text_of(rendered)));
  Completion completion;
  bool go_on = true;
  const auto show = [&](const std::vector<TextPiece>& pieces) {
    for (const TextPiece& piece : pieces) go_on = on_piece(piece) && go_on;
  };
  Sequence* const list[] = {&sequence_};
  FATHOM_ASSIGN_OR_RETURN(const GenerationStats stats,
                          generate(engine_, list, [&](const StepResult& result) {
                            for (const StepEvent& e : result.events) {
                              completion.text += e.token.text;
                              show(splitter.push(e.token.text));
                            }
                            // A pass over the prompt brings no text; Ctrl-C must end it too.
                            if (result.events.empty()) go_on = on_piece({}) && go_on;
                            return go_on;
                          }));
  if (!sequence_.finished()) completion.text += sequence_.cancel();
  show(splitter.finish());
  add_stats(completion, stats);
  switch (sequence_.finish_reason()) {
    case FinishReason::kLength:
    case FinishReason::kContext:
      completion.end = Completion::End::kLength;
      break;
    case FinishReason::kCancelled:
      completion.end = Completion::End::kStopped;
      break;
    default:
      completion.end = Completion::End::kDone;
  }
  return completion;
}

Result<TaskPrompt> table_prompt_of(const std::filesystem::path& model_directory) {
  const std::filesystem::path path = model_directory / "fathom.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return TaskPrompt::kFull;
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && !json.contains("table_prompt")) return TaskPrompt::kFull;
  if (json.is_object() && json["table_prompt"] == "short") return TaskPrompt::kShort;
  if (json.is_object() && json["table_prompt"] == "full") return TaskPrompt::kFull;
  return Status::error(fmt::format(
      "{}: an object whose table_prompt is \"short\" or \"full\" wanted, another text found",
      path.string()));
}

}  // namespace fathom
