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

void add_work(Completion& c, const GenerationStats& stats) {
  c.n_generated += stats.n_generated;
  c.n_computed += stats.n_prefill + stats.n_decode;
  c.n_decoded += stats.n_decode;
  c.prefill_s += stats.prefill_s;
  c.decode_s += stats.decode_s;
}

void set_prompt(Completion& c, const GenerationStats& stats) {
  c.n_prompt = stats.n_prompt;
  c.n_reused = stats.n_reused;
}

std::string text_of(std::span<const ChatSegment> segments) {
  std::string text;
  for (const ChatSegment& s : segments) text += s.text;
  return text;
}

// A completion's text as it comes, token by token.
class CompletionText {
 public:
  explicit CompletionText(bool in_thought) : splitter_(in_thought) {}

  const std::vector<TextPiece>& push(const std::string& text) {
    completion_.text += text;
    return keep(splitter_.push(text));
  }

  // show gets the pieces that were held back.
  template <typename Show>
  Completion finish(Sequence& sequence, const Show& show) {
    if (!sequence.finished()) completion_.text += sequence.cancel();
    show(keep(splitter_.finish()));
    switch (sequence.finish_reason()) {
      case FinishReason::kLength:
      case FinishReason::kContext:
        completion_.end = Completion::End::kLength;
        break;
      case FinishReason::kCancelled:
        completion_.end = Completion::End::kStopped;
        break;
      default:
        completion_.end = Completion::End::kDone;
    }
    return std::move(completion_);
  }

 private:
  const std::vector<TextPiece>& keep(std::vector<TextPiece> pieces) {
    last_ = std::move(pieces);
    completion_.pieces.insert(completion_.pieces.end(), last_.begin(), last_.end());
    return last_;
  }

  ThinkSplitter splitter_;
  Completion completion_;
  std::vector<TextPiece> last_;
};

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
  CompletionText text(opens_thought(text_of(rendered)));
  bool go_on = true;
  const auto show = [&](const std::vector<TextPiece>& pieces) {
    for (const TextPiece& piece : pieces) go_on = on_piece(piece) && go_on;
  };
  Sequence* const list[] = {&sequence_};
  FATHOM_ASSIGN_OR_RETURN(const GenerationStats stats,
                          generate(engine_, list, [&](const StepResult& result) {
                            for (const StepEvent& e : result.events) show(text.push(e.token.text));
                            // A pass over the prompt brings no text; Ctrl-C must end it too.
                            if (result.events.empty()) go_on = on_piece({}) && go_on;
                            return go_on;
                          }));
  Completion completion = text.finish(sequence_, show);
  set_prompt(completion, stats);
  add_work(completion, stats);
  return completion;
}

Result<std::vector<Completion>> EngineAnswerer::complete_several(
    std::span<const ChatMessage> messages, int n, const OnPiece& on_piece) {
  FATHOM_ASSIGN_OR_RETURN(const auto rendered, segments(messages));
  const std::vector<int32_t> prompt = encode_segments(*engine_.tokenizer(), rendered);
  std::vector<CompletionText> texts(static_cast<size_t>(n),
                                    CompletionText(opens_thought(text_of(rendered))));
  while (static_cast<int>(others_.size()) + 1 < n)
    others_.push_back(std::make_unique<Sequence>(engine_));
  FATHOM_RETURN_IF_ERROR(sequence_.start(prompt, generation_));
  std::vector<Sequence*> list = {&sequence_};
  const auto push = [&](const StepResult& result) {
    for (const StepEvent& e : result.events)
      texts[static_cast<size_t>(e.sequence_idx)].push(e.token.text);
    return on_piece({});
  };
  // The prompt is read once; the others begin behind it.
  bool go_on = true;
  FATHOM_ASSIGN_OR_RETURN(const GenerationStats reading,
                          generate(engine_, list, [&](const StepResult& result) {
                            go_on = push(result);
                            return go_on && sequence_.in_prompt();
                          }));
  GenerationOptions drawn = generation_;
  drawn.sampling = {.temp = 1, .top_p = 1, .seed = generation_.sampling.seed};
  for (int i = 1; i < n && go_on; ++i) {
    Sequence& other = *others_[static_cast<size_t>(i - 1)];
    other.reset();
    other.share_prefix(sequence_, static_cast<int64_t>(prompt.size()) - 1);
    drawn.stream = static_cast<uint64_t>(i);
    FATHOM_RETURN_IF_ERROR(other.start(prompt, drawn));
    list.push_back(&other);
  }
  GenerationStats writing;
  if (go_on) {
    FATHOM_ASSIGN_OR_RETURN(writing, generate(engine_, list, push));
  }
  std::vector<Completion> all;
  for (size_t i = 0; i < list.size(); ++i)
    all.push_back(texts[i].finish(*list[i], [](const std::vector<TextPiece>&) {}));
  for (const auto& other : others_) other->reset();
  set_prompt(all[0], reading);
  add_work(all[0], reading);
  add_work(all[0], writing);
  return all;
}

Result<AnalystOptions> analyst_options_of(const std::filesystem::path& model_directory) {
  const std::filesystem::path path = model_directory / "fathom.json";
  AnalystOptions options;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return options;
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto bad = [&](std::string_view wanted) {
    return Status::error(fmt::format("{}: {} wanted, another text found", path.string(), wanted));
  };
  if (!json.is_object()) return bad("an object");
  const auto prompt = json.value("table_prompt", nlohmann::json("full"));
  if (prompt != "short" && prompt != "full") return bad("table_prompt \"short\" or \"full\"");
  if (prompt == "short") options.prompt = TaskPrompt::kShort;
  const auto samples = json.value("samples", nlohmann::json(1));
  if (!samples.is_number_integer() || samples < 1 || samples > kMaxSamples)
    return bad(fmt::format("samples, a number from 1 to {},", kMaxSamples));
  options.n_samples = samples;
  return options;
}

}  // namespace fathom
