// The table of known templates, their recognition, and what holds for all of them: continuing the
// final message.
#include "tokenizer/chat_template.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "tokenizer/chat_template_impl.h"

namespace fathom {

const char* const kFathomChatTemplate =
    "{% set ns = namespace(system='', first=true) %}"
    "{% for message in messages %}{% if message['role'] == 'system' %}"
    "{% set ns.system = ns.system + ('' if ns.first else '\\n\\n') + message['content'] %}"
    "{% set ns.first = false %}"
    "{% endif %}{% endfor %}"
    "{{ bos_token + ns.system }}"
    "{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '<｜User｜>' + message['content'] }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ '<｜Assistant｜>' + message['content'].split('</think>')[-1] + '<｜end▁of▁sentence｜>' }}"
    "{% elif message['role'] != 'system' %}"
    "{{ raise_exception('Only system, user and assistant messages are known to this model.') }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}";

struct ChatTemplateEntry {
  std::string_view name;
  void (*render)(chat::ChatWriter& out, const chat::ChatInput& in);
  /// The published text first; then texts that say the same, line breaks within Jinja's strings
  /// written as such or as \n, or laid out over lines.
  std::vector<std::string_view> sha256;
};

namespace {

using chat::ChatInput;
using chat::ChatWriter;
using chat::Json;
using chat::Node;

std::string sha256_hex(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += kHex[byte >> 4];
    hex += kHex[byte & 15];
  }
  return hex;
}

const std::vector<ChatTemplateEntry>& table() {
  static const std::string fathom_sha256 = sha256_hex(kFathomChatTemplate);
  static const std::vector<ChatTemplateEntry> entries = {
      {"fathom", chat::render_fathom, {fathom_sha256}},
      {"deepseek-v2-chat",
       chat::render_deepseek_v2_chat,
       {"8aeba567270fa9a8d5372caf4b04affea947c4421d96adc01e3ff94021b0ae8e",
        "5b0c475e85b3954175a606f8e7540ec0c6a16edb516e2b8cd0c000dff7b1ad65"}},
      {"deepseek-v2.5",
       chat::render_deepseek_v2_5,
       {"cac8d3ea82bac9a92114e474c67bed1497208570426258f9c447a1b355322117",
        "b6393ba31b03906b9c898fca7fe9c1179f11d2390787797764eec36766e3564a"}},
      {"deepseek-v3",
       chat::render_deepseek_v3,
       {"3b8267e54b67df6500f231ffa969955cc9d26b3444a291ced4eb96ca7d3ca1ea",
        "1abb11869cb1ab4f7003d1c40de7c11b046c7844da22a67e6154d29e7d14d994"}},
      {"deepseek-v3-0324",
       chat::render_deepseek_v3_0324,
       {"86c9eb894f13402f6a30ad06ba7b05d436db0c7e1cc2ba84791a957fb4f6210d",
        "22e97ba043dacf9df1f071a9de9d2bb6b0757491f16e96e810834b86e1641286"}},
      {"deepseek-r1",
       chat::render_deepseek_r1,
       {"563b1ce7d61d50a9b4c7439a912a1116f095b712df5b5e4d3e1116049874eb64",
        "5b7a90c17faa4288745d78ec7097e9a571a3bb7cddc0ab0282d552bd63c7fb51"}},
      {"deepseek-r1-first",
       chat::render_deepseek_r1_first,
       {"3a3036eeb96ca0e48565fc1f19b4d7d3fa17ada32bb1b3d5ed539ae74cf22923",
        "3564be42d3171962fc65e6a1187f991cb23b4114c15159c524c701be44da3964"}},
      {"deepseek-r1-0528",
       chat::render_deepseek_r1_0528,
       {"53671bac29bcb3e1f95f51b8c77d85a6011b66dc38bd23dce64eef04384a976b",
        "f04e2c07c639ea5fb4d3ce97d23b64236bf28b2a7b28a280e41176abf393f5fb"}},
      {"deepseek-v3.1",
       chat::render_deepseek_v3_1,
       {"45690185067ea25c073bff2d3e425a45ee2564d2bbf6cdf7d885e139d460b8e0",
        "37cabd20b2b62e3efe7fa55533ef0bc6e1eae63b60cf77265b2a09632aa1358d"}},
      {"deepseek-r1-distill",
       chat::render_deepseek_r1_distill,
       {"56a1447ad31926fdc21fb07e56e5642bd9c850c4f52d8c8af7bbe5f079a84f5f",
        "dd2675619a64a449cdcdd2b93e605a0a50764cee41e344f244752bc93643936c",
        "795ba6276beff6e84e75213f77a7e7fff71b6c587618a6ed43c1f90c2ad2334a"}},
      {"deepseek-r1-distill-first",
       chat::render_deepseek_r1_distill_first,
       {"b6835114b7303ddd78919a82e4d9f7d8c26ed0d7dfc36beeb12d524f6144eab1",
        "1546232b56f9c33a5d7fcdc270b0014d67dff9c3df06737f091a4a7dee729c3a"}},
      {"llama-3-instruct",
       chat::render_llama_3,
       {"ba03a121d097859c7b5b9cd03af99aafe95275210d2876f642ad9929a150f122",
        "4f46ecd43418f216df8c26936c60e5d04bcc81db47db5d86fbe889f64212dd4c"}},
      {"llama-3.1-instruct",
       chat::render_llama_3_1,
       {"e10ca381b1ccc5cf9db52e371f3b6651576caee0a630b452e2816b2d404d4b65"}},
      {"qwen2.5-instruct",
       chat::render_qwen2_5,
       {"cd8e9439f0570856fd70470bf8889ebd8b5d1107207f67a5efb46e342330527f"}},
      {"qwen3",
       chat::render_qwen3,
       {"87a2728cb8dc9fe424d624542f6060ec05a1d285ebbec578bb078900e33396b5"}},
  };
  return entries;
}

std::string all_names() {
  std::string list;
  for (const ChatTemplateEntry& entry : table()) {
    if (!list.empty()) list += ", ";
    list += entry.name;
  }
  return list;
}

const ChatTemplateEntry* find_sha256(std::string_view sha256) {
  for (const ChatTemplateEntry& entry : table()) {
    if (std::find(entry.sha256.begin(), entry.sha256.end(), sha256) != entry.sha256.end()) {
      return &entry;
    }
  }
  return nullptr;
}

/// Keeps the first n bytes of the whole text.
void cut_after(std::vector<ChatSegment>& segments, size_t n) {
  for (size_t i = 0; i < segments.size(); ++i) {
    if (n > segments[i].text.size()) {
      n -= segments[i].text.size();
      continue;
    }
    segments[i].text.resize(n);
    segments.resize(n > 0 ? i + 1 : i);
    return;
  }
}

std::string text_of(const std::vector<ChatSegment>& segments) {
  std::string text;
  for (const ChatSegment& segment : segments) text += segment.text;
  return text;
}

/// Cuts the text after the last message's content, as transformers does: with the white space after
/// it where the template left it.
Status cut_after_final_message(std::vector<ChatSegment>& segments, const Node& messages) {
  const Node last = messages.at(messages.size() - 1);
  const Node content = last["content"];
  if (!content.is_text()) {
    return Status::error(content.path() + ": text to continue wanted, " +
                         std::string(content.found()) + " found");
  }
  const std::string whole = text_of(segments);
  const std::string_view stripped = chat::strip(content.text());
  const size_t at = whole.rfind(stripped);
  if (at == std::string::npos) {
    return Status::error(content.path() +
                         ": text to continue wanted, but the template leaves it out");
  }
  const size_t with_spaces = chat::lstrip(content.text()).size();
  const bool spaces_left = std::string_view(whole).substr(at, with_spaces) == content.text();
  cut_after(segments, at + (spaces_left ? with_spaces : stripped.size()));
  return {};
}

Status check_input(const ChatInput& in) {
  if (!in.messages.is_list()) {
    return Status::error("messages: a list wanted, " + std::string(in.messages.found()) + " found");
  }
  for (size_t i = 0; i < in.messages.size(); ++i) {
    const Node message = in.messages.at(i);
    if (message.is_object()) continue;
    return Status::error(message.path() + ": an object wanted, " + std::string(message.found()) +
                         " found");
  }
  if (!in.tools.is_list() && !in.tools.is_null()) {
    return Status::error("tools: a list wanted, " + std::string(in.tools.found()) + " found");
  }
  if (!in.options.is_object() && !in.options.is_null()) {
    return Status::error("options: an object wanted, " + std::string(in.options.found()) +
                         " found");
  }
  return {};
}

}  // namespace

Result<ChatTemplate> ChatTemplate::for_sha256(std::string_view template_sha256) {
  if (const ChatTemplateEntry* entry = find_sha256(template_sha256)) return ChatTemplate(entry);
  return Status::error(
      "chat template with SHA-256 " + std::string(template_sha256) +
      ": not one that fathom knows; choose one with --template NAME: " + all_names());
}

Result<ChatTemplate> ChatTemplate::for_text(std::string_view template_text) {
  // Jinja drops one newline at the end, so a text with it and the text without it say the same.
  std::string other(template_text);
  if (other.ends_with('\n')) {
    other.pop_back();
  } else {
    other += '\n';
  }
  if (const ChatTemplateEntry* entry = find_sha256(sha256_hex(other))) return ChatTemplate(entry);
  return for_sha256(sha256_hex(template_text));
}

Result<ChatTemplate> ChatTemplate::by_name(std::string_view name) {
  for (const ChatTemplateEntry& entry : table()) {
    if (entry.name == name) return ChatTemplate(&entry);
  }
  return Status::error("chat template \"" + std::string(name) +
                       "\": not one that fathom knows; --template takes " + all_names());
}

std::vector<std::string> ChatTemplate::names() {
  std::vector<std::string> names;
  for (const ChatTemplateEntry& entry : table()) names.emplace_back(entry.name);
  return names;
}

std::string_view ChatTemplate::name() const { return entry_->name; }

Result<std::vector<ChatSegment>> ChatTemplate::segments(const Json& messages, const Json& tools,
                                                        const Json& options) const {
  const ChatInput in = {{&messages, "messages"}, {&tools, "tools"}, {&options, "options"}};
  FATHOM_RETURN_IF_ERROR(check_input(in));
  const bool continues = in.options["continue_final_message"].truthy();
  if (continues && in.add_generation_prompt()) {
    return Status::error(
        "options: continue_final_message or add_generation_prompt wanted, both found");
  }
  if (continues && messages.empty()) {
    return Status::error("messages: a message to continue wanted, none found");
  }
  ChatWriter out;
  entry_->render(out, in);
  FATHOM_RETURN_IF_ERROR(out.status());
  std::vector<ChatSegment> segments = out.take();
  if (continues) FATHOM_RETURN_IF_ERROR(cut_after_final_message(segments, in.messages));
  return segments;
}

Result<std::vector<ChatSegment>> ChatTemplate::segments(std::span<const ChatMessage> messages,
                                                        const ChatOptions& options) const {
  Json list = Json::array();
  for (const ChatMessage& message : messages) {
    list.push_back(Json{{"role", message.role}, {"content", message.content}});
  }
  Json variables = {{"add_generation_prompt", options.add_generation_prompt},
                    {"continue_final_message", options.continue_final_message}};
  if (options.thinking) {
    variables["thinking"] = *options.thinking;
    variables["enable_thinking"] = *options.thinking;
  }
  return segments(list, nullptr, variables);
}

Result<std::string> ChatTemplate::render(const Json& messages, const Json& tools,
                                         const Json& options) const {
  FATHOM_ASSIGN_OR_RETURN(const std::vector<ChatSegment> pieces,
                          segments(messages, tools, options));
  return text_of(pieces);
}

}  // namespace fathom
