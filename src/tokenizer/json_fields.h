// Typed access to the fields of a JSON object, with the sentence that says which field was not as
// wanted. Included by .cc files of this folder only: it brings nlohmann's header along.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/status.h"

namespace fathom {

using Json = nlohmann::json;

/// One sentence for text that is not JSON, instead of nlohmann's exception.
inline Result<Json> parse_json(std::string_view text, const std::string& where) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    return Status::error(fmt::format("{}: valid JSON wanted, broken JSON found", where));
  if (!json.is_object())
    return Status::error(
        fmt::format("{}: a JSON object wanted, {} found", where, json.type_name()));
  return json;
}

inline Status field_error(const std::string& where, std::string_view wanted,
                          std::string_view found) {
  return Status::error(fmt::format("{}: {} wanted, {} found", where, wanted, found));
}

/// nullptr where the field is absent or null. Requires: object is an object.
inline const Json* find_field(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

inline Result<bool> bool_field(const Json& object, const char* key, bool fallback,
                               const std::string& where) {
  const Json* field = find_field(object, key);
  if (field == nullptr) return fallback;
  if (!field->is_boolean())
    return field_error(where + "." + key, "true or false", field->type_name());
  return field->get<bool>();
}

inline Result<std::string> text_field(const Json& object, const char* key,
                                      std::string_view fallback, const std::string& where) {
  const Json* field = find_field(object, key);
  if (field == nullptr) return std::string(fallback);
  if (!field->is_string()) return field_error(where + "." + key, "a string", field->type_name());
  return field->get<std::string>();
}

/// `type` of a tagged object such as {"type": "Split", ...}.
inline Result<std::string> type_field(const Json& json, const std::string& where) {
  if (!json.is_object()) return field_error(where, "an object", json.type_name());
  return text_field(json, "type", "", where);
}

}  // namespace fathom
