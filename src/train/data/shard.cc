// See shard.h.
#include "train/data/shard.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace fathom {
namespace {

constexpr char kMagic[8] = {'F', 'T', 'H', 'M', 'S', 'H', 'R', 'D'};

uint64_t body_checksum(std::span<const uint8_t> offsets, std::span<const uint8_t> tokens) {
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  FATHOM_CHECK(state != nullptr);
  XXH3_64bits_reset(state.get());
  XXH3_64bits_update(state.get(), offsets.data(), offsets.size());
  XXH3_64bits_update(state.get(), tokens.data(), tokens.size());
  return XXH3_64bits_digest(state.get());
}

template <typename T>
int64_t largest(const uint8_t* tokens, int64_t n) {
  const T* p = reinterpret_cast<const T*>(tokens);
  T most = 0;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, p[i]);
  return static_cast<int64_t>(most);
}
template int64_t largest<uint16_t>(const uint8_t*, int64_t);
template int64_t largest<uint32_t>(const uint8_t*, int64_t);

Status bad(const std::filesystem::path& path, const std::string& what) {
  return Status::error(fmt::format("{}: {}", path.string(), what));
}

}  // namespace

void ShardBuilder::add(std::span<const int32_t> document) {
  const size_t at = tokens_.size();
  tokens_.resize(at + document.size() * token_bytes_);
  uint8_t* out = tokens_.data() + at;
  for (int32_t token : document) {
    FATHOM_DCHECK(token >= 0 && (token_bytes_ == 4 || token < 65536));
    std::memcpy(out, &token, token_bytes_);  // little-endian: the low bytes
    out += token_bytes_;
  }
  offsets_.push_back(offsets_.back() + document.size());
}

Status ShardBuilder::write(const std::filesystem::path& path, uint64_t fingerprint) {
  const std::span<const uint8_t> offsets(reinterpret_cast<const uint8_t*>(offsets_.data()),
                                         offsets_.size() * 8);
  ShardHeader header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = 1;
  header.token_bytes = static_cast<uint32_t>(token_bytes_);
  header.n_documents = static_cast<uint64_t>(n_documents());
  header.n_tokens = static_cast<uint64_t>(n_tokens());
  header.fingerprint = fingerprint;
  header.checksum = body_checksum(offsets, tokens_);
  FATHOM_ASSIGN_OR_RETURN(auto file, AtomicFile::create(path));
  FATHOM_RETURN_IF_ERROR(file->write(&header, sizeof header));
  FATHOM_RETURN_IF_ERROR(file->write(offsets.data(), offsets.size()));
  FATHOM_RETURN_IF_ERROR(file->write(tokens_.data(), tokens_.size()));
  FATHOM_RETURN_IF_ERROR(file->commit());
  offsets_.assign(1, 0);
  tokens_.clear();
  return {};
}

Result<std::shared_ptr<const Shard>> Shard::open(const std::filesystem::path& path,
                                                 uint64_t fingerprint, int64_t vocab_size) {
  FATHOM_ASSIGN_OR_RETURN(auto file, MappedFile::open(path));
  const std::span<const uint8_t> bytes = file->bytes();
  ShardHeader header;
  if (bytes.size() < sizeof header)
    return bad(path, "a shard of tokens wanted, a shorter file found");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.version != 1 ||
      (header.token_bytes != 2 && header.token_bytes != 4)) {
    return bad(path, "a shard of tokens (version 1) wanted, another file found");
  }
  if (header.fingerprint != fingerprint) {
    return bad(path, fmt::format("fingerprint {:016x} wanted, {:016x} found", fingerprint,
                                 header.fingerprint));
  }
  const uint64_t body = bytes.size() - sizeof header;
  if (header.n_documents >= body / 8 || header.n_tokens > body ||
      (header.n_documents + 1) * 8 + header.n_tokens * header.token_bytes != body) {
    return bad(path, fmt::format("{} documents with {} tokens wanted, a file of {} bytes found",
                                 header.n_documents, header.n_tokens, bytes.size()));
  }
  const auto offset_bytes = bytes.subspan(sizeof header, (header.n_documents + 1) * 8);
  const auto token_bytes = bytes.subspan(sizeof header + offset_bytes.size());
  if (body_checksum(offset_bytes, token_bytes) != header.checksum) {
    return bad(path,
               "its checksum does not match its content: the file is damaged; delete the folder to "
               "have it made again");
  }
  auto shard = std::make_shared<Shard>();
  shard->n_documents_ = static_cast<int64_t>(header.n_documents);
  shard->token_bytes_ = static_cast<int>(header.token_bytes);
  shard->offsets_ = reinterpret_cast<const uint64_t*>(offset_bytes.data());
  shard->tokens_ = token_bytes.data();
  shard->checksum_ = header.checksum;
  shard->file_ = file;
  const std::span<const uint64_t> offsets(shard->offsets_, header.n_documents + 1);
  if (offsets.front() != 0 || offsets.back() != header.n_tokens ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    return bad(path, "its document offsets are out of order");
  }
  const int64_t n = shard->n_tokens();
  const int64_t most = header.token_bytes == 2 ? largest<uint16_t>(shard->tokens_, n)
                                               : largest<uint32_t>(shard->tokens_, n);
  if (most >= vocab_size) {
    return bad(path, fmt::format("tokens below {} wanted, {} found", vocab_size, most));
  }
  return std::shared_ptr<const Shard>(std::move(shard));
}

void Shard::copy(std::span<int32_t> out, int64_t document, int64_t begin) const {
  FATHOM_CHECK(begin >= 0 && begin + static_cast<int64_t>(out.size()) <= length(document));
  const uint8_t* from = tokens_ + (offsets_[document] + begin) * token_bytes_;
  if (token_bytes_ == 2) {
    const auto* p = reinterpret_cast<const uint16_t*>(from);
    std::copy_n(p, out.size(), out.data());
  } else {
    std::memcpy(out.data(), from, out.size() * 4);
  }
}

}  // namespace fathom
