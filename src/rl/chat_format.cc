// See chat_format.h.
#include "rl/chat_format.h"

#include <fmt/format.h>

#include <algorithm>

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

Result<ChatFormat::Prompt> ChatFormat::next_prompt(std::span<const ChatMessage> messages) const {
  for (const ChatMessage& m : messages) {
    if (m.role == "system")
      return Status::error(
          "a system message before the first answer that is learnt from wanted, "
          "one behind it found");
  }
  // Behind the shortest conversation, whose answer ends with the eos after those of its prompt.
  std::vector<ChatMessage> whole = {{"user", "-"}, {"assistant", "-"}};
  FATHOM_ASSIGN_OR_RETURN(const Prompt first, prompt({whole.data(), 1}));
  whole.insert(whole.end(), messages.begin(), messages.end());
  FATHOM_ASSIGN_OR_RETURN(Prompt all, prompt(whole));
  const int32_t eos = tokenizer_->eos_id();
  auto end = all.tokens.begin();
  for (auto n = std::count(first.tokens.begin(), first.tokens.end(), eos); n >= 0; --n) {
    end = std::find(end, all.tokens.end(), eos);
    if (end == all.tokens.end())
      return Status::error(
          "a chat template that ends an answer with the eos wanted, another found");
    ++end;
  }
  all.tokens.erase(all.tokens.begin(), end);
  return all;
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
