// Learning the merges of byte-level BPE: again and again the most frequent pair of neighbours
// becomes a symbol (Sennrich et al. 2016). Counts of pairs are kept up to date at the places a
// merge touches, so a corpus costs about n log n and not n times the merges.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fathom {

struct PieceCount {
  std::string_view bytes;
  int64_t count;
};

/// Symbols 0 to 255 are the bytes, 256 + i is tokens[i].
struct LearnedBpe {
  struct Merge {
    int32_t left, right, merged;
  };
  std::vector<std::string> tokens;
  std::vector<Merge>
      merges;  // at least one for each token; more where two pairs spell the same bytes
};

struct BpeLearning {
  int64_t n_tokens = 0;         // wanted beyond the bytes; fewer where no pair is left
  int64_t min_count = 2;        // a rarer pair is not merged
  int64_t max_token_bytes = 0;  // 0: no limit
  std::function<void(int64_t done, int64_t wanted)>
      progress;  // may be empty; called for each token
};

/// Pairs of equal count are taken by the lower left symbol, then the lower right one: the result
/// depends on the pieces' counts alone. Requires: pieces are distinct, counts >= 1, 2^31 bytes at
/// most in all.
LearnedBpe learn_bpe(std::span<const PieceCount> pieces, const BpeLearning& options);

}  // namespace fathom
