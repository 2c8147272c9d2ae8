// The cursor and the writer of the chat renderers; see chat_template_impl.h.
#include <algorithm>

#include "tokenizer/chat_template_impl.h"

namespace fathom::chat {

Node Node::operator[](std::string_view key) const {
  const Json* value = nullptr;
  if (is_object()) {
    const auto it = value_->find(std::string(key));
    if (it != value_->end()) value = &*it;
  }
  return {value, path_ + "." + std::string(key)};
}

Node Node::at(size_t idx) const {
  const Json* value = is_list() && idx < value_->size() ? &(*value_)[idx] : nullptr;
  return {value, path_ + "[" + std::to_string(idx) + "]"};
}

bool Node::truthy() const {
  if (!defined() || value_->is_null()) return false;
  if (value_->is_boolean()) return value_->get<bool>();
  if (value_->is_number()) return value_->get<double>() != 0;
  if (value_->is_string()) return !text().empty();
  return !value_->empty();
}

std::string_view Node::found() const {
  if (!defined()) return "nothing";
  if (value_->is_null()) return "null";
  if (value_->is_boolean()) return "a boolean";
  if (value_->is_number()) return "a number";
  if (value_->is_string()) return "text";
  return value_->is_array() ? "a list" : "an object";
}

void ChatWriter::append(std::string_view words, bool parse_added_tokens) {
  if (words.empty() || failed()) return;
  if (segments_.empty() || segments_.back().parse_added_tokens != parse_added_tokens) {
    segments_.push_back({"", parse_added_tokens});
  }
  segments_.back().text += words;
}

size_t ChatWriter::token_bytes_at(std::string_view words, size_t at, bool control_tokens) const {
  const std::string_view rest = words.substr(at);
  for (const std::string_view tag : tags_) {
    if (rest.starts_with(tag)) return tag.size();
  }
  for (const std::string_view bar : {"｜", "|"}) {
    if (!control_tokens || !rest.substr(1).starts_with(bar)) continue;
    const std::string close = std::string(bar) + ">";
    const size_t end = rest.find(close, 1 + bar.size());
    if (end != std::string_view::npos) return end + close.size();
  }
  return 0;
}

void ChatWriter::split(std::string_view words, bool control_tokens) {
  size_t plain = 0;
  for (size_t at = words.find('<'); at != std::string_view::npos;) {
    const size_t n = token_bytes_at(words, at, control_tokens);
    if (n > 0) {
      append(words.substr(plain, at - plain), false);
      append(words.substr(at, n), true);
      plain = at + n;
    }
    at = words.find('<', at + std::max<size_t>(n, 1));
  }
  append(words.substr(plain), false);
}

void ChatWriter::literal(std::string_view words) { split(words, true); }
void ChatWriter::answer(std::string_view words) { split(words, false); }

void ChatWriter::fail(std::string message) {
  if (!failed()) status_ = Status::error(std::move(message));
}

void ChatWriter::fail_at(const Node& node, std::string_view wanted) {
  fail(node.path() + ": " + std::string(wanted) + " wanted, " + std::string(node.found()) +
       " found");
}

std::string_view ChatWriter::text_of(const Node& node) {
  if (node.is_text()) return node.text();
  fail_at(node, "text");
  return "";
}

std::string ChatWriter::shown(const Node& node) {
  if (!node.defined()) return "";
  if (node.is_text()) return std::string(node.text());
  if (node.is_null()) return "None";
  if (node.is_list() || node.is_object()) {
    fail_at(node, "text");
    return "";
  }
  if (node.json().is_boolean()) return node.json().get<bool>() ? "True" : "False";
  return node.json().is_number_float() ? python_float(node.json().get<double>()) : dumped(node);
}

std::string ChatWriter::dumped(const Node& node, int indent) {
  std::string out;
  if (!node.defined()) {
    fail_at(node, "a value");
  } else if (!append_python_json(out, node.json(), indent)) {
    fail(node.path() + ": nested too deep");
  }
  return out;
}

std::vector<Node> ChatWriter::items(const Node& node) {
  std::vector<Node> elements;
  if (node.defined() && !node.is_list()) fail_at(node, "a list");
  if (!node.is_list()) return elements;
  for (size_t i = 0; i < node.size(); ++i) elements.push_back(node.at(i));
  return elements;
}

std::string_view option_or(ChatWriter& out, const ChatInput& in, std::string_view key,
                           std::string_view otherwise) {
  const Node option = in.options[key];
  return option.defined() ? out.text_of(option) : otherwise;
}

}  // namespace fathom::chat
