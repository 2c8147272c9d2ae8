// tokenizer.json's pre_tokenizer and normalizer, read into what pre_tokenizer.h and normalizer.h
// run.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"

namespace fathom {

/// Sequence, Split, Digits, Punctuation and ByteLevel; any other is refused by name, and so is one
/// without exactly one ByteLevel.
Result<PreTokenizer> read_pre_tokenizer(const nlohmann::json& json, const std::string& where);
/// null, Sequence, NFC, NFD, NFKC, NFKD; any other is refused by name.
Result<std::vector<NormalForm>> read_normalizer(const nlohmann::json& json,
                                                const std::string& where);

}  // namespace fathom
