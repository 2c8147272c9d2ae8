// From a path to an Engine: what the files beside the weights say about ends and sampling.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "engine/engine.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

Status wrong_key(const std::string& where, const char* key, const char* wanted, const json& found) {
  return Status::error(fmt::format("{}: {}: {} wanted, {} found", where, key, wanted,
                                   found.dump(-1, ' ', false, json::error_handler_t::replace)));
}

// An id or a list of ids.
Status append_eos_ids(std::vector<int32_t>& ids, const json& value, int64_t vocab_size,
                      const std::string& where) {
  for (const json& id : value.is_array() ? value : json::array({value})) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= vocab_size) {
      return wrong_key(where, "eos_token_id",
                       fmt::format("ids from 0 to {}", vocab_size - 1).c_str(), value);
    }
    ids.push_back(id.get<int32_t>());
  }
  return {};
}

Status read_number(double& out, const json& object, const char* key, const std::string& where) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return {};
  if (!it->is_number() || it->get<double>() < 0) return wrong_key(where, key, "a number >= 0", *it);
  out = it->get<double>();
  return {};
}

Status read_sampling(RecommendedSampling& out, const json& object, const std::string& where) {
  FATHOM_RETURN_IF_ERROR(read_number(out.temperature, object, "temperature", where));
  FATHOM_RETURN_IF_ERROR(read_number(out.top_p, object, "top_p", where));
  FATHOM_RETURN_IF_ERROR(read_number(out.min_p, object, "min_p", where));
  FATHOM_RETURN_IF_ERROR(read_number(out.repeat_penalty, object, "repetition_penalty", where));
  double top_k = -1;
  FATHOM_RETURN_IF_ERROR(read_number(top_k, object, "top_k", where));
  out.top_k = top_k < 1e9 ? static_cast<int64_t>(top_k) : 0;
  const auto sampled = object.find("do_sample");
  if (sampled != object.end() && sampled->is_boolean() && !sampled->get<bool>())
    out.temperature = 0;
  return {};
}

Status read_generation_config(EngineParts& parts, const fs::path& path, int64_t vocab_size) {
  std::error_code error;
  if (!fs::exists(path, error)) return {};
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) {
    return Status::error(fmt::format("{}: a JSON object wanted, none found", path.string()));
  }
  const auto eos = object.find("eos_token_id");
  if (eos != object.end() && !eos->is_null()) {
    FATHOM_RETURN_IF_ERROR(append_eos_ids(parts.eos_ids, *eos, vocab_size, path.string()));
  }
  return read_sampling(parts.recommended, object, path.string());
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(const fs::path& path, const EngineOptions& options) {
  FATHOM_ASSIGN_OR_RETURN(const fs::path directory, find_checkpoint(path));
  EngineParts parts;
  parts.where = directory.string();
  FATHOM_ASSIGN_OR_RETURN(parts.checkpoint, open_checkpoint(directory));
  const ModelConfig& config = parts.checkpoint->config();
  for (int64_t id : config.eos_token_ids) parts.eos_ids.push_back(static_cast<int32_t>(id));
  FATHOM_RETURN_IF_ERROR(
      read_generation_config(parts, directory / "generation_config.json", config.vocab_size));
  std::error_code error;
  if (fs::exists(directory / "tokenizer.json", error)) {
    FATHOM_ASSIGN_OR_RETURN(parts.tokenizer, Tokenizer::open(directory));
    if (parts.tokenizer->eos_id() >= 0) parts.eos_ids.push_back(parts.tokenizer->eos_id());
  }
  FATHOM_ASSIGN_OR_RETURN(parts.model, Model::open(parts.checkpoint, options.model));
  return create(std::move(parts), options);
}

}  // namespace fathom
