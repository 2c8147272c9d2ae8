// See fim.h.
#include "train/data/fim.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/rng.h"
#include "train/data/streams.h"

namespace fathom {
namespace {

int64_t character_start(std::string_view text, uint64_t at) {
  while (at > 0 && at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
  return static_cast<int64_t>(at);
}

}  // namespace

Result<FimTokens> find_fim_tokens(const Tokenizer& tokenizer) {
  const struct {
    const char *published, *plain;
  } spellings[] = {{"<｜fim▁begin｜>", "<|fim_begin|>"},
                   {"<｜fim▁hole｜>", "<|fim_hole|>"},
                   {"<｜fim▁end｜>", "<|fim_end|>"}};
  int32_t ids[3];
  for (int i = 0; i < 3; ++i) {
    ids[i] = tokenizer.token_id(spellings[i].published);
    if (ids[i] < 0) ids[i] = tokenizer.token_id(spellings[i].plain);
    if (ids[i] < 0) {
      return Status::error(
          fmt::format("data.fim_rate: a tokenizer with the token {} (or {}) wanted, none found",
                      spellings[i].plain, spellings[i].published));
    }
  }
  return FimTokens{ids[0], ids[1], ids[2]};
}

std::optional<FimCut> fim_cut(std::string_view text, uint64_t seed, uint64_t document,
                              double rate) {
  if (!(Rng(seed, kFimStream).uniform(document) < rate)) return std::nullopt;
  const Rng cuts(seed, kFimCutStream);
  const uint64_t n = text.size() + 1;
  uint64_t a = cuts.below(document, n), b = Rng(seed, kFimCutStream + 1).below(document, n);
  if (a > b) std::swap(a, b);
  const int64_t begin = character_start(text, a), end = character_start(text, b);
  return FimCut{text.substr(0, begin), text.substr(begin, end - begin), text.substr(end)};
}

}  // namespace fathom
