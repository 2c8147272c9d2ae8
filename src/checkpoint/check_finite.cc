// Looks for NaN and infinity in every number of a checkpoint, eight bytes at a time: a lane whose
// exponent bits are all ones becomes zero, and subtracting one from it sets its highest bit, which
// no other lane reaches.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/threads.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/hf_directory_impl.h"

namespace fathom {
namespace {

constexpr int64_t kPieceBytes = int64_t{4} << 20;

/// What a non-finite number looks like: all bits of `mask` set in a lane of `bytes`.
struct Pattern {
  int64_t bytes;
  uint64_t mask;
};

Pattern pattern_of(DType t) {
  switch (t) {
    case DType::kF64:
      return {8, 0x7ff0000000000000u};
    case DType::kF32:
      return {4, 0x7f800000u};
    case DType::kBF16:
      return {2, 0x7f80u};
    case DType::kF16:
      return {2, 0x7c00u};
    case DType::kF8E4M3:
      return {1, 0x7fu};
    case DType::kF8E8M0:
      return {1, 0xffu};
    default:
      return {0, 0};
  }
}

bool lane_is_bad(const uint8_t* p, Pattern pattern) {
  uint64_t x = 0;
  std::memcpy(&x, p, static_cast<size_t>(pattern.bytes));
  return (x & pattern.mask) == pattern.mask;
}

/// Requires: the mask leaves the highest bit of a lane free.
bool any_bad(const uint8_t* data, int64_t n_words, Pattern pattern) {
  uint64_t ones = 1;
  for (int64_t b = pattern.bytes; b < 8; b += pattern.bytes) ones = ones << (8 * pattern.bytes) | 1;
  const uint64_t mask = ones * pattern.mask, high = ones << (8 * pattern.bytes - 1);
  uint64_t found = 0;
  for (int64_t i = 0; i < n_words; ++i) {
    uint64_t x;
    std::memcpy(&x, data + 8 * i, 8);
    found |= ((x & mask) ^ mask) - ones;
  }
  return (found & high) != 0;
}

/// Index of the first non-finite number of n, or -1.
int64_t first_bad(const uint8_t* data, int64_t n, Pattern pattern) {
  int64_t i = 0;
  if (pattern.mask != 0xff) {  // e8m0 has no sign bit to spare, and its grids are small
    constexpr int64_t kWords = 512;
    const int64_t step = kWords * 8 / pattern.bytes;
    while (i + step <= n && !any_bad(data + i * pattern.bytes, kWords, pattern)) i += step;
  }
  for (; i < n; ++i) {
    if (lane_is_bad(data + i * pattern.bytes, pattern)) return i;
  }
  return -1;
}

struct Piece {
  const std::string* name;
  const uint8_t* data;
  Pattern pattern;
  int64_t begin, end;  // elements
  int64_t cols;        // of the weight; 0: its scales
};

void add_pieces(std::vector<Piece>& pieces, const std::string& name, const void* data, DType dtype,
                int64_t n, int64_t cols) {
  const Pattern pattern = pattern_of(dtype);
  if (pattern.bytes == 0) return;
  const int64_t step = kPieceBytes / pattern.bytes;
  for (int64_t i = 0; i < n; i += step) {
    pieces.push_back(
        {&name, static_cast<const uint8_t*>(data), pattern, i, std::min(n, i + step), cols});
  }
}

std::string found_text(const Piece& piece, int64_t index) {
  uint64_t x = 0;
  std::memcpy(&x, piece.data + index * piece.pattern.bytes,
              static_cast<size_t>(piece.pattern.bytes));
  // Below the exponent an infinity has nothing but zeros; the one-byte formats have no infinity.
  const bool nan =
      piece.pattern.bytes == 1 || (x & ((piece.pattern.mask & -piece.pattern.mask) - 1)) != 0;
  const std::string what = nan ? "NaN" : "infinity";
  if (piece.cols == 0) return fmt::format("{} at scale {}", what, index);
  return fmt::format("{} at [{}, {}]", what, index / piece.cols, index % piece.cols);
}

}  // namespace

Status check_finite(const CheckpointReader& checkpoint) {
  const std::vector<std::string> names = checkpoint.names();
  std::vector<Piece> pieces;
  for (const std::string& name : names) {
    const auto weight = checkpoint.weight(name);
    if (!weight.ok()) continue;  // not a vector or matrix: nothing that the model reads
    const Weight& w = weight.value();
    add_pieces(pieces, name, w.data, w.dtype, w.size(), w.cols);
    if (w.scale_inv == nullptr) continue;
    const int64_t grid =
        (w.rows + w.block_rows - 1) / w.block_rows * ((w.cols + w.block_cols - 1) / w.block_cols);
    add_pieces(pieces, name, w.scale_inv, w.scale_dtype, grid, 0);
  }
  const auto n = static_cast<int64_t>(pieces.size());
  std::atomic<int64_t> first{n};  // the lowest piece with a bad number, whatever the threads' order
  std::vector<int64_t> index(pieces.size(), -1);
  parallel_for(n, [&](int64_t i) {
    const Piece& p = pieces[i];
    if (i > first.load(std::memory_order_relaxed)) return;
    const int64_t bad = first_bad(p.data + p.begin * p.pattern.bytes, p.end - p.begin, p.pattern);
    if (bad < 0) return;
    index[i] = p.begin + bad;
    int64_t seen = first.load();
    while (i < seen && !first.compare_exchange_weak(seen, i)) {
    }
  });
  if (first == n) return {};
  const Piece& p = pieces[first];
  return Status::error(fmt::format("{}: {}: finite values wanted, {} found",
                                   checkpoint.file_of(*p.name), *p.name,
                                   found_text(p, index[first])));
}

}  // namespace fathom
