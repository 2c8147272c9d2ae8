// What an Engine checks of its parts. Opening one from files is in engine/open.cc.
#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>

namespace fathom {

Result<std::unique_ptr<Engine>> Engine::create(EngineParts parts, const EngineOptions& options) {
  const ModelConfig& config = parts.model->config();
  if (parts.tokenizer && parts.tokenizer->vocab_size() > config.vocab_size) {
    return Status::error(fmt::format(
        "{}: tokenizer.json: at most {} tokens wanted (vocab_size of config.json), {} found",
        parts.where, config.vocab_size, parts.tokenizer->vocab_size()));
  }
  if (options.n_ctx < 0 || options.n_ctx > config.max_position_embeddings) {
    return Status::error(
        fmt::format("{}: a context of at most {} tokens wanted (max_position_embeddings of "
                    "config.json), {} found",
                    parts.where, config.max_position_embeddings, options.n_ctx));
  }
  if (options.n_chunk < 1) {
    return Status::error(fmt::format("chunk: at least 1 token wanted, {} found", options.n_chunk));
  }
  std::sort(parts.eos_ids.begin(), parts.eos_ids.end());
  parts.eos_ids.erase(std::unique(parts.eos_ids.begin(), parts.eos_ids.end()), parts.eos_ids.end());
  const int64_t n_ctx = options.n_ctx > 0 ? options.n_ctx : config.max_position_embeddings;
  return std::unique_ptr<Engine>(new Engine(std::move(parts), n_ctx, options.n_chunk));
}

bool Engine::is_eos(int32_t id) const {
  return std::binary_search(parts_.eos_ids.begin(), parts_.eos_ids.end(), id);
}

Status Engine::check_tokenizer() const {
  if (parts_.tokenizer) return {};
  return Status::error(
      fmt::format("{}: a tokenizer.json wanted, none found; without one a model gives logits only "
                  "(fathom logits)",
                  parts_.where));
}

Result<std::vector<int32_t>> Engine::encode(std::string_view text, bool parse_added_tokens) const {
  FATHOM_RETURN_IF_ERROR(check_tokenizer());
  return parts_.tokenizer->encode(text, {.add_bos = parts_.tokenizer->add_bos_token(),
                                         .parse_added_tokens = parse_added_tokens});
}

}  // namespace fathom
