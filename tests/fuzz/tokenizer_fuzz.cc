// A tokenizer.json of any content, then text of any bytes through it. An input is `json NUL text`;
// where the json part is empty the text goes through a sound tokenizer with DeepSeek-V3's splits,
// whose ids must decode to the same bytes.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/train.h"
#include "tokenizer/utf8.h"

namespace {

constexpr size_t kTextBytes =
    4096;  // a pattern that backtracks for ever is cut off at each search, not over all of them

std::shared_ptr<const fathom::Tokenizer> sound_tokenizer() {
  fathom::TokenizerTraining options;
  options.vocab_size = 320;
  auto trainer = std::move(fathom::TokenizerTrainer::create(options)).value();
  trainer->add_text(
      "over the water, under the water: 12 rivers; ünder över 河流 河流 \n\n\t the end of the  "
      "river");
  const auto files = trainer->train();
  return fathom::Tokenizer::parse(files.value().tokenizer_json, files.value().tokenizer_config_json,
                                  "")
      .value();
}

/// Ids are the vocabulary's, and a stream of them gives what one decode gives.
std::string check_encoding(const fathom::Tokenizer& tokenizer, std::string_view text) {
  fathom::StreamDecoder stream(tokenizer, /*skip_special=*/false);
  std::string streamed;
  const std::vector<int32_t> ids = tokenizer.encode(text);
  for (const int32_t id : ids) {
    FATHOM_CHECK(id >= 0 && id < tokenizer.vocab_size());
    streamed += stream.push(id);
  }
  streamed += stream.finish();
  const std::string bytes = tokenizer.decode(ids);
  std::string whole;
  if (fathom::append_valid_utf8(whole, bytes) > 0) whole += fathom::kReplacementCharacter;
  FATHOM_CHECK(streamed == whole);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t nul = std::min(input.find('\0'), input.size());
  const std::string_view json = input.substr(0, nul);
  const std::string_view text = input.substr(std::min(nul + 1, input.size())).substr(0, kTextBytes);
  if (json.empty()) {
    static const std::shared_ptr<const fathom::Tokenizer> sound = sound_tokenizer();
    FATHOM_CHECK(check_encoding(*sound, text) == text);
    return 0;
  }
  const auto parsed = fathom::Tokenizer::parse(json, "", "fuzz");
  if (parsed.ok()) {
    check_encoding(*parsed.value(), text);
  } else {
    FATHOM_CHECK(!parsed.message().empty());
  }
  return 0;
}
