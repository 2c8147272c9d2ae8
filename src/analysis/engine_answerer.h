// The engine as an Answerer. One sequence serves all questions, so that tables which stand in front
// of each of them are read once.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/analyst.h"
#include "analysis/answerer.h"
#include "engine/engine.h"
#include "engine/sequence.h"

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
  Result<std::vector<Completion>> complete_several(std::span<const ChatMessage> messages, int n,
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
  std::vector<std::unique_ptr<Sequence>> others_;  // of complete_several
};

/// How this directory's model is asked about tables, by its fathom.json: {"table_prompt": "short",
/// "samples": 8}. Without it, kFull and 1. Error: a fathom.json that says something else.
Result<AnalystOptions> analyst_options_of(const std::filesystem::path& model_directory);

}  // namespace fathom
