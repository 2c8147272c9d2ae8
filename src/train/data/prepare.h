// From sources to tokens: reads every document once, holds some out, cuts some for
// fill-in-the-middle, tokenizes, and writes shards with an index (data.json) that says what they
// were made from. A second run with the same inputs opens what is there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "tokenizer/tokenizer.h"
#include "train/data/corpus.h"
#include "train/data/documents.h"

namespace fathom {

struct DataOptions {
  std::vector<DataSource> sources = {};
  /// Held out: sources of their own, and a fraction of the other documents, chosen by a hash of
  /// their text, so that more data moves none across.
  std::vector<DataSource> validation = {};
  double validation_fraction = 0.0;
  double fim_rate = 0.0;
  uint64_t seed = 0;
};

struct DataSummary {
  int64_t files = 0;
  DocumentCounts counts;
  int64_t train_documents = 0, train_tokens = 0;
  int64_t validation_documents = 0, validation_tokens = 0;
  bool built = false;  // by this call
};

/// What a run trains on. `content` is a hash of all tokens: two corpora with the same content give
/// the same stream.
struct TokenData {
  Corpus train, validation;
  uint64_t content = 0;
  DataSummary summary;
};

/// What makes tokens of a line where the data are samples and no text; called on several threads.
struct LineEncoder {
  std::string name;  // what the tokens depend on beside the line and the tokenizer
  /// where: "file:line". Empty: the sample is too long and left out, which is counted.
  std::function<Result<std::vector<int32_t>>(std::string_view line, const std::string& where)>
      encode;
};

struct PrepareOptions {
  /// Where the shards lie; made if absent, made anew if it holds other data.
  std::filesystem::path directory;
  /// Several runs share the directory: each data in a folder below, named by what it was made from.
  bool shared = false;
  /// Open what is there without asking whether the sources still are as they were.
  bool trust = false;
  int64_t shard_bytes = int64_t{64} << 20;
  /// Absent: the sources are text. Else each line of each file is a document of its tokens.
  std::optional<LineEncoder> lines = {};
  /// May be empty; false: stop, which is an error.
  std::function<bool(int64_t bytes_done, int64_t bytes_total)> progress = {};
};

/// A document's tokens: [bos] text eos, where bos stands if the tokenizer adds one; FIM'd ones as
/// [bos] <|fim_begin|> prefix <|fim_hole|> suffix <|fim_end|> middle eos. Text that spells an added
/// token stays text. tokenizer_hash: of the tokenizer's files. Errors: unreadable sources, no
/// documents, a tokenizer without eos or FIM tokens, a full disk (then nothing half-made is left).
Result<TokenData> prepare_data(const DataOptions& options, const Tokenizer& tokenizer,
                               uint64_t tokenizer_hash, const PrepareOptions& how);

}  // namespace fathom
