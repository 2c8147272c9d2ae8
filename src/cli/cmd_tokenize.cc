// fathom tokenize: text to ids and pieces, ids to text; fathom tokenize train: a new tokenizer from
// text.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/threads.h"
#include "cli/command.h"
#include "cli/model_path.h"
#include "cli/progress.h"
#include "engine/engine.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/train.h"
#include "tokenizer/utf8.h"
#include "train/data/documents.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct TokenizeOptions {
  std::string model, text, file, ids;
  bool json = false, ids_only = false, add_bos = false, plain = false;
  CLI::Option* text_option = nullptr;
  CLI::Option* decode_option = nullptr;
};

struct TokenizerTrainOptions {
  std::vector<std::string> sources;
  TokenizerTraining training;
  std::string glob, out, chat_template_file;
  int n_threads = available_threads();
  bool json = false;
};

/// The tokenizer of whatever -m names: a directory with tokenizer.json, that file itself, a run.
Result<std::shared_ptr<const Tokenizer>> open_tokenizer(const std::string& model) {
  FATHOM_ASSIGN_OR_RETURN(const fs::path found, find_model(model));
  if (found.filename() == "tokenizer.json") return Tokenizer::open(found.parent_path());
  std::error_code error;
  if (fs::exists(found / "tokenizer.json", error)) return Tokenizer::open(found);
  FATHOM_ASSIGN_OR_RETURN(const fs::path path, find_checkpoint(found));
  if (fs::is_directory(path, error)) return Tokenizer::open(path);
  return Status::error(
      fmt::format("{}: a directory with tokenizer.json wanted, none found", path.string()));
}

Result<std::string> read_input(const std::string& path) {
  if (path != "-") return read_file(path);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

std::string as_utf8(std::string_view bytes) {
  std::string text;
  if (append_valid_utf8(text, bytes) > 0) text += kReplacementCharacter;
  return text;
}

/// Between quotes, with control characters, quotes and what is not UTF-8 spelled out, so that no
/// two pieces look alike.
std::string quoted_piece(std::string_view bytes) {
  std::string out = "\"";
  while (!bytes.empty()) {
    const Utf8Char c = first_utf8_char(bytes);
    const std::string_view part = bytes.substr(0, c.n_bytes);
    if (c.kind != Utf8Kind::kValid || c.code_point < 0x20 || c.code_point == 0x7F) {
      for (const char b : part) {
        out += b == '\n'   ? "\\n"
               : b == '\t' ? "\\t"
                           : fmt::format("\\x{:02x}", static_cast<uint8_t>(b));
      }
    } else {
      if (c.code_point == '"' || c.code_point == '\\') out += '\\';
      out += part;
    }
    bytes.remove_prefix(c.n_bytes);
  }
  return out + '"';
}

/// A JSON list, or numbers with commas or spaces between.
Result<std::vector<int32_t>> parse_ids(const std::string& text) {
  std::vector<int32_t> ids;
  constexpr const char* kBetween = "[], \t\r\n";
  for (size_t at = text.find_first_not_of(kBetween); at != std::string::npos;) {
    const size_t end = std::min(text.find_first_of(kBetween, at), text.size());
    const std::string word = text.substr(at, end - at);
    if (word.size() > 9 || word.find_first_not_of("0123456789") != std::string::npos) {
      return Status::error(fmt::format("--decode: a list of ids wanted, \"{}\" found", word));
    }
    ids.push_back(std::stoi(word));
    at = text.find_first_not_of(kBetween, end);
  }
  return ids;
}

int print_decoded(const Tokenizer& tokenizer, const TokenizeOptions& o) {
  const Result<std::string> list = o.ids == "-" ? read_input("-") : Result<std::string>(o.ids);
  if (!list.ok()) return fail(list.status());
  const Result<std::vector<int32_t>> ids = parse_ids(list.value());
  if (!ids.ok()) return fail(ids.status());
  for (const int32_t id : ids.value()) {
    if (id < tokenizer.vocab_size() && !tokenizer.token_bytes(id).empty()) continue;
    return fail(Status::error(fmt::format("--decode: ids of the vocabulary wanted, {} found", id)));
  }
  const std::string text = tokenizer.decode(ids.value());
  if (o.json) {
    fmt::print(
        "{}\n",
        Json{{"text", as_utf8(text)}, {"n_tokens", ids.value().size()}, {"n_bytes", text.size()}}
            .dump());
    return 0;
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.ends_with('\n')) std::fputc('\n', stdout);
  return 0;
}

void print_json(const Tokenizer& tokenizer, std::string_view text,
                const std::vector<int32_t>& ids) {
  Json pieces = Json::array();
  for (const int32_t id : ids) pieces.push_back(as_utf8(tokenizer.token_bytes(id)));
  fmt::print("{}\n", Json{{"n_tokens", ids.size()},
                          {"n_bytes", text.size()},
                          {"vocab_size", tokenizer.vocab_size()},
                          {"ids", ids},
                          {"pieces", std::move(pieces)}}
                         .dump());
}

void print_table(const Tokenizer& tokenizer, std::string_view text,
                 const std::vector<int32_t>& ids) {
  for (const int32_t id : ids)
    fmt::print("{:>8}  {}\n", id, quoted_piece(tokenizer.token_bytes(id)));
  fmt::print("{} tokens, {} bytes", ids.size(), text.size());
  if (!ids.empty())
    fmt::print(", {:.2f} bytes a token",
               static_cast<double>(text.size()) / static_cast<double>(ids.size()));
  fmt::print("\n");
}

int run_tokenize(const TokenizeOptions& o) {
  if (o.model.empty()) {
    fmt::print(stderr, "fathom: tokenize: -m MODEL wanted, none found\n");
    return 2;
  }
  const auto tokenizer = open_tokenizer(o.model);
  if (!tokenizer.ok()) return fail(tokenizer.status());
  if (o.decode_option->count() > 0) return print_decoded(*tokenizer.value(), o);
  const bool given = o.text_option->count() > 0;
  const Result<std::string> text =
      given ? Result<std::string>(o.text) : read_input(o.file.empty() ? "-" : o.file);
  if (!text.ok()) return fail(text.status());
  EncodeOptions options;
  options.add_bos = o.add_bos;
  options.parse_added_tokens = !o.plain;
  const std::vector<int32_t> ids = tokenizer.value()->encode(text.value(), options);
  if (o.json) {
    print_json(*tokenizer.value(), text.value(), ids);
  } else if (o.ids_only) {
    fmt::print("[{}]\n", fmt::join(ids, ", "));
  } else {
    print_table(*tokenizer.value(), text.value(), ids);
  }
  return 0;
}

/// The files of all sources, in the order given.
Result<std::vector<SourceFile>> list_sources(const TokenizerTrainOptions& o) {
  std::vector<SourceFile> files;
  for (const std::string& path : o.sources) {
    DataSource source;
    source.path = path;
    source.glob = o.glob;
    FATHOM_ASSIGN_OR_RETURN(std::vector<SourceFile> found, list_files(source));
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

Result<DocumentCounts> count_documents(TokenizerTrainer& trainer,
                                       const std::vector<SourceFile>& files) {
  int64_t total = 0;
  for (const SourceFile& file : files) total += file.n_bytes;
  DocumentCounts counts;
  Progress progress("reading", "MB", 1e6);
  for (const SourceFile& file : files) {
    FATHOM_RETURN_IF_ERROR(read_documents(file, "", counts, [&](std::string_view text) {
      trainer.add_text(text);
      progress.update(trainer.n_text_bytes(), total);
      return Status();
    }));
  }
  return counts;
}

Status write_tokenizer(const fs::path& directory, const TrainedTokenizer& trained) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    return Status::error(fmt::format("{}: cannot create: {}", directory.string(), error.message()));
  FATHOM_RETURN_IF_ERROR(write_file_atomic(directory / "tokenizer.json", trained.tokenizer_json));
  return write_file_atomic(directory / "tokenizer_config.json", trained.tokenizer_config_json);
}

void report_training(const TokenizerTrainOptions& o, const TokenizerTrainer& trainer,
                     const DocumentCounts& counts, const TrainedTokenizer& trained,
                     double seconds) {
  if (o.json) {
    fmt::print("{}\n", Json{{"vocab_size", trained.vocab_size},
                            {"n_merges", trained.n_merges},
                            {"n_documents", counts.documents},
                            {"n_bytes", counts.bytes},
                            {"n_documents_not_utf8", counts.not_utf8},
                            {"n_distinct_pieces", trainer.n_distinct_pieces()},
                            {"seconds", seconds},
                            {"directory", o.out}}
                           .dump());
    return;
  }
  fmt::print(
      "{}: {} tokens, {} merges, from {} documents of {:.1f} MB with {} distinct pieces in {:.1f} "
      "s\n",
      o.out, trained.vocab_size, trained.n_merges, counts.documents,
      static_cast<double>(counts.bytes) / 1e6, trainer.n_distinct_pieces(), seconds);
}

Status run_training(TokenizerTrainOptions& o) {
  const auto start = std::chrono::steady_clock::now();
  set_num_threads(o.n_threads);
  if (!o.chat_template_file.empty()) {
    FATHOM_ASSIGN_OR_RETURN(o.training.chat_template, read_file(o.chat_template_file));
  }
  FATHOM_ASSIGN_OR_RETURN(const auto trainer, TokenizerTrainer::create(o.training));
  FATHOM_ASSIGN_OR_RETURN(const auto files, list_sources(o));
  FATHOM_ASSIGN_OR_RETURN(const DocumentCounts counts, count_documents(*trainer, files));
  Progress progress("merging", "tokens");
  FATHOM_ASSIGN_OR_RETURN(
      const TrainedTokenizer trained,
      trainer->train([&](int64_t done, int64_t wanted) { progress.update(done, wanted); }));
  progress.finish();
  FATHOM_RETURN_IF_ERROR(write_tokenizer(o.out, trained));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (counts.not_utf8 > 0) {
    fmt::print(stderr, "fathom: {} documents left out that are not UTF-8, the first {}\n",
               counts.not_utf8, counts.first_not_utf8);
  }
  if (trained.vocab_size < o.training.vocab_size) {
    fmt::print(stderr, "fathom: the text gives {} tokens only: no other pair occurs {} times\n",
               trained.vocab_size, o.training.min_count);
  }
  report_training(o, *trainer, counts, trained, seconds);
  return {};
}

void add_train(CLI::App& tokenize, const std::shared_ptr<TokenizerTrainOptions>& o) {
  CLI::App* sub = tokenize.add_subcommand("train", "Train a byte-level BPE tokenizer on text");
  sub->add_option("FILES", o->sources,
                  "Text files, .jsonl files (field \"text\"), directories of these")
      ->required();
  sub->add_option("--vocab-size", o->training.vocab_size,
                  "Tokens in all: special, bytes, merged, added")
      ->required();
  sub->add_option("-o,--out", o->out,
                  "Directory to write tokenizer.json and tokenizer_config.json to")
      ->required();
  sub->add_option("--glob", o->glob,
                  "Which files of a directory, e.g. '*.html'; without it *.txt, *.md, *.jsonl");
  sub->add_option("--min-count", o->training.min_count, "Merge no pair that occurs less often")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  sub->add_option("--max-token-bytes", o->training.max_token_bytes, "Longest token; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  sub->add_option("--chat-template", o->chat_template_file,
                  "File with a chat template to put into the config");
  sub->add_option("-t,--threads", o->n_threads, "Threads")->check(CLI::PositiveNumber);
  sub->add_flag("--json", o->json, "Report as JSON");
}

}  // namespace

std::function<int()> add_tokenize(CLI::App& sub) {
  const auto o = std::make_shared<TokenizeOptions>();
  const auto training = std::make_shared<TokenizerTrainOptions>();
  sub.add_option("-m,--model", o->model, kModelHelp);
  o->text_option = sub.add_option("TEXT", o->text, "Text; without it and -f, standard input");
  sub.add_option("-f,--file", o->file, "File with the text; - is standard input")
      ->excludes(o->text_option);
  o->decode_option = sub.add_option(
      "--decode", o->ids, "Print the text of these ids (1,2,3 or a JSON list; - reads them)");
  sub.add_flag("--json", o->json, "Print JSON");
  sub.add_flag("--ids", o->ids_only, "Print only the ids, as a JSON list");
  sub.add_flag("--bos", o->add_bos, "Put the bos token first");
  sub.add_flag("--plain", o->plain, "Text that spells an added token stays text");
  add_train(sub, training);
  return [&sub, o, training] {
    if (!sub.got_subcommand("train")) return run_tokenize(*o);
    const Status status = run_training(*training);
    return status.ok() ? 0 : fail(status);
  };
}

}  // namespace fathom
