// See prepare.h. Documents are read in order in batches; a batch is tokenized on all threads and
// appended in order, so that the shards are the same for every thread count.
#include "train/data/prepare.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "base/rng.h"
#include "base/threads.h"
#include "train/checksum.h"
#include "train/data/fim.h"
#include "train/data/shard.h"
#include "train/data/streams.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFormat = 1;
constexpr int64_t kBatchBytes = int64_t{4} << 20;

struct Listed {
  const DataSource* source;
  bool validation;
  std::vector<SourceFile> files;
};

Result<std::vector<Listed>> list_sources(const DataOptions& options) {
  std::vector<Listed> listed;
  for (bool validation : {false, true}) {
    for (const DataSource& source : validation ? options.validation : options.sources) {
      FATHOM_ASSIGN_OR_RETURN(auto files, list_files(source));
      listed.push_back({&source, validation, std::move(files)});
    }
  }
  return listed;
}

// What the tokens depend on, the files' content aside.
uint64_t fingerprint_of(const DataOptions& options, const Tokenizer& tokenizer,
                        uint64_t tokenizer_hash, const PrepareOptions& how) {
  json j = {{"format", kFormat},
            {"tokenizer", checksum_hex(tokenizer_hash)},
            {"fim_rate", options.fim_rate},
            {"validation_fraction", options.validation_fraction},
            {"seed", options.seed},
            {"bos", tokenizer.add_bos_token()}};
  if (how.lines) j["lines"] = how.lines->name;
  for (const auto* sources : {&options.sources, &options.validation}) {
    json list = json::array();
    for (const DataSource& s : *sources) list.push_back({s.path.string(), s.glob, s.separator});
    j["sources"].push_back(list);
  }
  return checksum(j.dump(-1, ' ', false, json::error_handler_t::replace));
}

// The files as they lie there now.
uint64_t inputs_of(const std::vector<Listed>& listed) {
  std::string all;
  for (const Listed& l : listed) {
    for (const SourceFile& f : l.files)
      all += fmt::format("{}\n{} {}\n", f.path.string(), f.n_bytes, f.mtime_ns);
  }
  return checksum(all);
}

struct ShardEntry {
  std::string file;
  bool validation = false;
  int64_t source = 0;
};

struct Index {
  uint64_t fingerprint = 0, inputs = 0;
  std::vector<ShardEntry> shards;  // train sources in order, then validation
  int64_t n_train_sources = 0;
  DataSummary summary;
};

std::string index_text(const Index& index) {
  json shards = json::array();
  for (const ShardEntry& s : index.shards) {
    shards.push_back({{"file", s.file}, {"validation", s.validation}, {"source", s.source}});
  }
  const DocumentCounts& c = index.summary.counts;
  const json j = {{"format", kFormat},
                  {"fingerprint", checksum_hex(index.fingerprint)},
                  {"inputs", checksum_hex(index.inputs)},
                  {"train_sources", index.n_train_sources},
                  {"files", index.summary.files},
                  {"documents", c.documents},
                  {"bytes", c.bytes},
                  {"empty", c.empty},
                  {"not_utf8", c.not_utf8},
                  {"too_long", c.too_long},
                  {"first_not_utf8", c.first_not_utf8},
                  {"shards", shards}};
  return j.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

// Nothing if there is no index or not one of ours: then the data is made anew.
std::optional<Index> read_index(const fs::path& path) {
  auto text = read_file(path);
  if (!text.ok()) return std::nullopt;
  try {
    const json j = json::parse(text.value());
    if (j.at("format") != kFormat) return std::nullopt;
    Index index;
    index.fingerprint = std::stoull(j.at("fingerprint").get<std::string>(), nullptr, 16);
    index.inputs = std::stoull(j.at("inputs").get<std::string>(), nullptr, 16);
    index.n_train_sources = j.at("train_sources");
    index.summary.files = j.at("files");
    DocumentCounts& c = index.summary.counts;
    c.documents = j.at("documents");
    c.bytes = j.at("bytes");
    c.empty = j.at("empty");
    c.not_utf8 = j.at("not_utf8");
    c.too_long = j.value("too_long", int64_t{0});
    c.first_not_utf8 = j.at("first_not_utf8");
    for (const json& s : j.at("shards"))
      index.shards.push_back({s.at("file"), s.at("validation"), s.at("source")});
    return index;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// Reads, tokenizes and writes; one object for one build.
class Build {
 public:
  Build(const DataOptions& options, const Tokenizer& tokenizer, const PrepareOptions& how,
        const fs::path& directory, Index& index)
      : options_(options),
        tokenizer_(tokenizer),
        how_(how),
        directory_(directory),
        index_(index),
        train_(tokenizer.vocab_size() <= 65536 ? 2 : 4),
        validation_(tokenizer.vocab_size() <= 65536 ? 2 : 4) {}

  Status run(const std::vector<Listed>& listed) {
    if (tokenizer_.eos_id() < 0) {
      return Status::error(
          "tokenizer: an end-of-sentence token wanted to close documents with, none found");
    }
    if (options_.fim_rate > 0) {
      FATHOM_ASSIGN_OR_RETURN(fim_, find_fim_tokens(tokenizer_));
    }
    for (const Listed& l : listed) {
      for (const SourceFile& f : l.files) total_bytes_ += f.n_bytes;
    }
    for (const Listed& l : listed) FATHOM_RETURN_IF_ERROR(run_source(l));
    return write_shard(validation_, true);
  }

 private:
  struct Pending {
    std::string text;
    bool validation;
    int64_t line = 0;  // of file_, where lines are encoded
  };

  Status run_source(const Listed& listed) {
    for (const SourceFile& file : listed.files) {
      if (how_.lines) {
        FATHOM_RETURN_IF_ERROR(read_samples(file, listed.validation));
      } else {
        FATHOM_RETURN_IF_ERROR(read_documents(
            file, listed.source->separator, index_.summary.counts,
            [&](std::string_view text) { return take(text, listed.validation, 0); }));
      }
      ++index_.summary.files;
      read_bytes_ += file.n_bytes;
      file_text_bytes_ = 0;
    }
    FATHOM_RETURN_IF_ERROR(flush_batch());
    FATHOM_RETURN_IF_ERROR(write_shard(train_, false));
    if (!listed.validation) ++source_;
    return {};
  }

  Status read_samples(const SourceFile& file, bool validation) {
    file_ = file.path.string();
    FATHOM_RETURN_IF_ERROR(read_lines(file, [&](std::string_view line, int64_t number) {
      ++index_.summary.counts.documents;
      index_.summary.counts.bytes += static_cast<int64_t>(line.size());
      return take(line, validation, number);
    }));
    return flush_batch();  // a batch is of one file, whose name its errors bear
  }

  Status take(std::string_view text, bool validation_source, int64_t line) {
    const uint64_t document = checksum(text);
    const bool held_out =
        options_.validation_fraction > 0 &&
        Rng(options_.seed, kValidationStream).uniform(document) < options_.validation_fraction;
    batch_.push_back({std::string(text), validation_source || held_out, line});
    batch_bytes_ += static_cast<int64_t>(text.size());
    file_text_bytes_ += static_cast<int64_t>(text.size());
    return batch_bytes_ >= kBatchBytes ? flush_batch() : Status();
  }

  Result<std::vector<int32_t>> tokens_of(const Pending& document) const {
    if (how_.lines)
      return how_.lines->encode(document.text, fmt::format("{}:{}", file_, document.line));
    const EncodeOptions plain{.add_bos = false, .parse_added_tokens = false};
    std::vector<int32_t> ids;
    const auto append = [&](std::string_view text) {
      const std::vector<int32_t> more = tokenizer_.encode(text, plain);
      ids.insert(ids.end(), more.begin(), more.end());
    };
    if (tokenizer_.add_bos_token() && tokenizer_.bos_id() >= 0) ids.push_back(tokenizer_.bos_id());
    std::optional<FimCut> cut;
    if (!document.validation)
      cut = fim_cut(document.text, options_.seed, checksum(document.text), options_.fim_rate);
    if (cut) {
      ids.push_back(fim_.begin);
      append(cut->prefix);
      ids.push_back(fim_.hole);
      append(cut->suffix);
      ids.push_back(fim_.end);
      append(cut->middle);
    } else {
      append(document.text);
    }
    ids.push_back(tokenizer_.eos_id());
    return ids;
  }

  Status flush_batch() {
    std::vector<std::vector<int32_t>> tokens(batch_.size());
    std::vector<Status> errors(batch_.size());
    parallel_for(static_cast<int64_t>(batch_.size()), [&](int64_t i) {
      auto encoded = tokens_of(batch_[i]);
      errors[i] = encoded.status();
      if (encoded.ok()) tokens[i] = std::move(encoded).value();
    });
    for (const Status& e : errors) FATHOM_RETURN_IF_ERROR(e);
    for (size_t i = 0; i < batch_.size(); ++i) {
      if (tokens[i].empty()) {
        ++index_.summary.counts.too_long;
        continue;
      }
      const bool validation = batch_[i].validation;
      ShardBuilder& builder = validation ? validation_ : train_;
      builder.add(tokens[i]);
      if (builder.n_bytes() >= how_.shard_bytes)
        FATHOM_RETURN_IF_ERROR(write_shard(builder, validation));
    }
    batch_.clear();
    batch_bytes_ = 0;
    if (how_.progress &&
        !how_.progress(std::min(total_bytes_, read_bytes_ + file_text_bytes_), total_bytes_)) {
      return Status::error("stopped while tokenizing the data");
    }
    return {};
  }

  Status write_shard(ShardBuilder& builder, bool validation) {
    if (builder.n_documents() == 0) return {};
    int& number = validation ? validation_shards_ : train_shards_;
    const std::string file =
        fmt::format("{}-{:05}.tokens", validation ? "validation" : "train", number++);
    index_.shards.push_back({file, validation, validation ? 0 : source_});
    return builder.write(directory_ / file, index_.fingerprint);
  }

  const DataOptions& options_;
  const Tokenizer& tokenizer_;
  const PrepareOptions& how_;
  const fs::path& directory_;
  Index& index_;
  std::string file_;
  FimTokens fim_;
  ShardBuilder train_, validation_;
  std::vector<Pending> batch_;
  int64_t batch_bytes_ = 0, source_ = 0;
  int64_t read_bytes_ = 0, file_text_bytes_ = 0, total_bytes_ = 0;  // for progress
  int train_shards_ = 0, validation_shards_ = 0;
};

Result<TokenData> open_data(const fs::path& directory, const Index& index, int64_t vocab_size) {
  std::vector<std::shared_ptr<const Shard>> shards(index.shards.size());
  std::vector<Status> errors(index.shards.size());
  parallel_for(static_cast<int64_t>(shards.size()), [&](int64_t i) {
    auto shard = Shard::open(directory / index.shards[i].file, index.fingerprint, vocab_size);
    if (shard.ok()) {
      shards[i] = std::move(shard).value();
    } else {
      errors[i] = shard.status();
    }
  });
  for (const Status& e : errors) FATHOM_RETURN_IF_ERROR(e);
  TokenData data;
  std::string content;
  for (int64_t source = 0; source < index.n_train_sources; ++source) {
    for (size_t i = 0; i < shards.size(); ++i) {
      if (!index.shards[i].validation && index.shards[i].source == source)
        data.train.add(shards[i]);
    }
    data.train.end_source();
    content += fmt::format("source {} ends at {}\n", source, data.train.n_documents());
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    if (index.shards[i].validation) data.validation.add(shards[i]);
    content += fmt::format("{} {:016x}\n", index.shards[i].file, shards[i]->checksum());
  }
  data.validation.end_source();
  data.content = checksum(content);
  data.summary = index.summary;
  data.summary.train_documents = data.train.n_documents();
  data.summary.train_tokens = data.train.n_tokens();
  data.summary.validation_documents = data.validation.n_documents();
  data.summary.validation_tokens = data.validation.n_tokens();
  if (data.train.n_documents() == 0) {
    return Status::error(fmt::format(
        "data.sources: documents to train on wanted, none found in {} files", index.summary.files));
  }
  return data;
}

}  // namespace

Result<TokenData> prepare_data(const DataOptions& options, const Tokenizer& tokenizer,
                               uint64_t tokenizer_hash, const PrepareOptions& how) {
  const uint64_t fingerprint = fingerprint_of(options, tokenizer, tokenizer_hash, how);
  const fs::path directory = how.shared ? how.directory / checksum_hex(fingerprint) : how.directory;
  const std::optional<Index> old = read_index(directory / "data.json");
  const bool same = old && old->fingerprint == fingerprint;
  if (same && how.trust) return open_data(directory, *old, tokenizer.vocab_size());
  FATHOM_ASSIGN_OR_RETURN(const std::vector<Listed> listed, list_sources(options));
  const uint64_t inputs = inputs_of(listed);
  if (same && old->inputs == inputs) return open_data(directory, *old, tokenizer.vocab_size());

  Index index{.fingerprint = fingerprint,
              .inputs = inputs,
              .shards = {},
              .n_train_sources = static_cast<int64_t>(options.sources.size()),
              .summary = {}};
  const fs::path part = directory.string() + fmt::format(".{}.part", getpid());
  std::error_code error;
  fs::remove_all(part, error);
  fs::create_directories(part, error);
  if (error)
    return Status::error(fmt::format("{}: cannot create: {}", part.string(), error.message()));
  Status built = Build(options, tokenizer, how, part, index).run(listed);
  if (built.ok()) built = write_file_atomic(part / "data.json", index_text(index));
  if (built.ok()) {
    fs::remove_all(directory, error);
    fs::rename(part, directory, error);
    if (error)
      built =
          Status::error(fmt::format("{}: cannot replace: {}", directory.string(), error.message()));
  }
  if (!built.ok()) {
    fs::remove_all(part, error);
    return built;
  }
  FATHOM_ASSIGN_OR_RETURN(TokenData data, open_data(directory, index, tokenizer.vocab_size()));
  data.summary.built = true;
  return data;
}

}  // namespace fathom
