// See chat_format.h.
#include "rl/chat_format.h"

#include <fmt/format.h>

#include "base/file.h"
#include "engine/conversation.h"
#include "engine/think_splitter.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kThinkTags[] = {"<think>", "</think>"};

// The nearest tag in `text`, or npos.
size_t find_tag(std::string_view text, std::string_view& tag) {
  size_t first = std::string_view::npos;
  for (const std::string_view t : kThinkTags) {
    const size_t at = text.find(t);
    if (at < first) {
      first = at;
      tag = t;
    }
  }
  return first;
}

}  // namespace

Result<ChatFormat> ChatFormat::of(std::shared_ptr<const Tokenizer> tokenizer,
                                  const std::string& where) {
  if (tokenizer->eos_id() < 0)
    return Status::error(where + ": an eos token to end answers with wanted, none found");
  if (tokenizer->chat_template().empty())
    return Status::error(where + ": a chat template wanted, none found");
  auto known = ChatTemplate::for_text(tokenizer->chat_template());
  if (!known.ok()) return Status::error(where + ": " + known.message());
  return ChatFormat(std::move(tokenizer), std::move(known).value());
}

Result<ChatFormat::Prompt> ChatFormat::prompt(std::span<const ChatMessage> messages) const {
  FATHOM_ASSIGN_OR_RETURN(const std::vector<ChatSegment> segments,
                          template_.segments(messages, ChatOptions{}));
  std::string rendered;
  for (const ChatSegment& s : segments) rendered += s.text;
  return Prompt{encode_segments(*tokenizer_, segments), fathom::opens_thought(rendered)};
}

std::vector<int32_t> ChatFormat::completion(std::string_view text) const {
  std::vector<int32_t> ids;
  const auto append = [&](std::string_view piece, bool parse) {
    if (piece.empty()) return;
    const auto more = tokenizer_->encode(piece, {.add_bos = false, .parse_added_tokens = parse});
    ids.insert(ids.end(), more.begin(), more.end());
  };
  while (!text.empty()) {
    std::string_view tag;
    const size_t at = find_tag(text, tag);
    append(text.substr(0, at), false);
    if (at == std::string_view::npos) break;
    append(tag, true);
    text.remove_prefix(at + tag.size());
  }
  ids.push_back(tokenizer_->eos_id());
  return ids;
}

Result<fs::path> tokenizer_for_chat(const fs::path& tokenizer, const fs::path& directory) {
  FATHOM_ASSIGN_OR_RETURN(const auto opened, Tokenizer::open(tokenizer));
  if (!opened->chat_template().empty()) return tokenizer;
  for (const char* token : {"<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"}) {
    if (opened->token_id(token) >= 0) continue;
    return Status::error(
        fmt::format("{}: a chat template, or the token {} for fathom's, wanted, neither found",
                    tokenizer.string(), token));
  }
  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    return Status::error(fmt::format("{}: cannot create: {}", directory.string(), error.message()));
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "generation_config.json"}) {
    if (!fs::exists(tokenizer / name, error)) continue;
    FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(tokenizer / name));
    FATHOM_RETURN_IF_ERROR(write_file_atomic(directory / name, text));
  }
  FATHOM_RETURN_IF_ERROR(write_file_atomic(directory / "chat_template.jinja", kFathomChatTemplate));
  return directory;
}

}  // namespace fathom
