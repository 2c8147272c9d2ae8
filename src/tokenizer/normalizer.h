// Unicode normal forms, as tokenizer.json's normalizer asks for them (Qwen2 and Qwen3: NFC). The
// forms are utf8proc's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fathom {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

/// Applies the forms in order. The result is `text` itself where nothing changes, else it lies in
/// `storage`. Requires: text is valid UTF-8.
std::string_view normalize(const std::vector<NormalForm>& forms, std::string_view text,
                           std::string& storage);

}  // namespace fathom
