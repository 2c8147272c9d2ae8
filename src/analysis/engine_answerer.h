// The engine as an Answerer. One sequence serves all questions, so that tables which stand in front
// of each of them are read once.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "analysis/answerer.h"
#include "engine/engine.h"
#include "engine/sequence.h"
#include "toolbox/table_task.h"

namespace fathom {

struct EngineAnswererOptions {
  std::string chat_template;     // its name; empty: the checkpoint's own
  GenerationOptions generation;  // n_predict: most tokens of an answer; -1: what the context leaves
};

/// Not thread-safe. Requires: the engine outlives it.
class EngineAnswerer : public Answerer {
 public:
  /// Error: a base model, which has no chat template, or one that is not known.
  static Result<std::unique_ptr<EngineAnswerer>> create(Engine& engine,
                                                        EngineAnswererOptions options);
  Result<Completion> complete(std::span<const ChatMessage> messages,
                              const OnPiece& on_piece) override;
  Result<bool> fits(std::span<const ChatMessage> messages) override;

 private:
  EngineAnswerer(Engine& engine, ChatTemplate chat_template, GenerationOptions generation)
      : engine_(engine),
        template_(std::move(chat_template)),
        generation_(std::move(generation)),
        sequence_(engine) {}
  Result<std::vector<ChatSegment>> segments(std::span<const ChatMessage> messages) const;

  Engine& engine_;
  ChatTemplate template_;
  GenerationOptions generation_;
  Sequence sequence_;
};

/// How tables are put to the model of this directory: kShort where its fathom.json says
/// {"table_prompt": "short"}, else kFull. Error: a fathom.json that says neither short nor full.
Result<TaskPrompt> table_prompt_of(const std::filesystem::path& model_directory);

}  // namespace fathom
