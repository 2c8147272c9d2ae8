// fathom logits: what a model gives for a list of tokens, as an array that numpy reads. Works
// without a tokenizer.
#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/command.h"
#include "cli/model_flags.h"
#include "engine/finite.h"

namespace fathom {
namespace {

using nlohmann::json;

struct LogitsFlags {
  ModelFlags model;
  std::string tokens, out;
  bool mtp = false;
};

Result<std::vector<int32_t>> read_tokens(const std::string& path, int64_t vocab_size) {
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  const json list = json::parse(text, nullptr, false);
  if (!list.is_array()) {
    return Status::error(fmt::format("{}: a JSON list of token ids wanted, {} found", path,
                                     list.is_discarded() ? "no JSON" : list.type_name()));
  }
  if (list.empty()) {
    return Status::error(
        fmt::format("{}: at least one token id wanted, an empty list found", path));
  }
  std::vector<int32_t> tokens;
  for (const json& id : list) {
    const bool fits =
        id.is_number_unsigned() && id.get<uint64_t>() < static_cast<uint64_t>(vocab_size);
    if (!fits) {
      return Status::error(fmt::format("{}: token {}: an id from 0 to {} wanted, {} found", path,
                                       tokens.size(), vocab_size - 1,
                                       id.dump(-1, ' ', false, json::error_handler_t::replace)));
    }
    tokens.push_back(id.get<int32_t>());
  }
  return tokens;
}

// The header of an f32 matrix in .npy format 1.0, 128 bytes: magic, version, length, a Python dict,
// spaces.
std::string npy_header(int64_t n_rows, int64_t n_cols) {
  std::string header("\x93NUMPY\x01\x00", 8);
  std::string dict = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
                                 n_rows, n_cols);
  dict.resize(128 - 10 - 1, ' ');
  dict += '\n';
  header += static_cast<char>(dict.size());
  header += '\0';
  return header + dict;
}

Status write_rows(AtomicFile& out, View<const float> logits, const Engine& engine) {
  const auto n = static_cast<size_t>(logits.size());
  if (!all_finite(std::span(logits.data(), n))) return explain_not_finite(engine.checkpoint());
  return out.write(logits.data(), n * sizeof(float));
}

// Chunk by chunk, so that memory holds n_chunk rows and not all of them.
Status write_logits(AtomicFile& out, const Engine& engine, std::span<const int32_t> tokens) {
  const int64_t vocab_size = engine.model().config().vocab_size;
  SequenceCache cache(&engine.model().cache());
  const auto n_tokens = static_cast<int64_t>(tokens.size());
  const int64_t n_chunk = std::min(engine.n_chunk(), n_tokens);
  Tensor<float> logits({n_chunk, vocab_size});
  for (int64_t begin = 0; begin < n_tokens; begin += n_chunk) {
    const int64_t n = std::min(n_chunk, n_tokens - begin);
    const SequenceChunk chunk{
        .cache = &cache,
        .tokens = tokens.subspan(static_cast<size_t>(begin), static_cast<size_t>(n)),
        .all_logits = true};
    const View<float> rows = logits.view().slice(0, n);
    engine.model().forward(rows, std::span(&chunk, 1));
    FATHOM_RETURN_IF_ERROR(write_rows(out, rows, engine));
  }
  return {};
}

Status write_mtp_logits(AtomicFile& out, const Engine& engine, std::span<const int32_t> tokens) {
  Tensor<float> logits(
      {static_cast<int64_t>(tokens.size()) - 1, engine.model().config().vocab_size});
  engine.model().mtp_logits(logits.view(), tokens);
  return write_rows(out, logits.view(), engine);
}

Status check_length(const Engine& engine, const LogitsFlags& flags, int64_t n_tokens) {
  if (n_tokens > engine.n_ctx()) {
    return Status::error(
        fmt::format("{}: at most {} tokens wanted (max_position_embeddings of {}), {} found",
                    flags.tokens, engine.n_ctx(), engine.where(), n_tokens));
  }
  if (flags.mtp && n_tokens < 2) {
    return Status::error(
        fmt::format("{}: at least 2 tokens wanted for --mtp, 1 found", flags.tokens));
  }
  if (flags.mtp && engine.model().config().num_nextn_predict_layers < 1) {
    return Status::error(
        fmt::format("{}: an MTP layer wanted (num_nextn_predict_layers of config.json), none found",
                    engine.where()));
  }
  return {};
}

Status run_logits(const LogitsFlags& flags) {
  FATHOM_ASSIGN_OR_RETURN(const auto engine, open_engine(flags.model));
  const int64_t vocab_size = engine->model().config().vocab_size;
  FATHOM_ASSIGN_OR_RETURN(const auto tokens, read_tokens(flags.tokens, vocab_size));
  const auto n_tokens = static_cast<int64_t>(tokens.size());
  FATHOM_RETURN_IF_ERROR(check_length(*engine, flags, n_tokens));
  FATHOM_ASSIGN_OR_RETURN(const auto out, AtomicFile::create(flags.out));
  const std::string header = npy_header(flags.mtp ? n_tokens - 1 : n_tokens, vocab_size);
  FATHOM_RETURN_IF_ERROR(out->write(header.data(), header.size()));
  FATHOM_RETURN_IF_ERROR(flags.mtp ? write_mtp_logits(*out, *engine, tokens)
                                   : write_logits(*out, *engine, tokens));
  return out->commit();
}

}  // namespace

std::function<int()> add_logits(CLI::App& sub) {
  auto flags = std::make_shared<LogitsFlags>();
  add_model_flags(sub, flags->model);
  sub.add_option("--tokens", flags->tokens, "A JSON list of token ids")
      ->required()
      ->type_name("FILE.json");
  sub.add_option("--out", flags->out, "The .npy file to write: f32 [n_tokens, vocab_size]")
      ->required()
      ->type_name("FILE.npy");
  sub.add_flag(
      "--mtp", flags->mtp,
      "Logits of the MTP layer instead: [n_tokens - 1, vocab_size], row i predicts token i + 2");
  sub.add_flag("--mtp-prenorm", flags->model.mtp_prenorm,
               "The MTP layer reads the main model's output before its last norm, not after it");
  return [flags] {
    const Status status = run_logits(*flags);
    return status.ok() ? 0 : fail(status);
  };
}

}  // namespace fathom
