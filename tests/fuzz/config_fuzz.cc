// Any text as a config.json: refused in one sentence, or a config that is written and read back as
// itself and whose sizes do not overflow.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/model_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = fathom::parse_model_config(text, "config.json");
  if (!config.ok()) {
    FATHOM_CHECK(config.message().starts_with("config.json: "));
    FATHOM_CHECK(config.message().find('\n') == std::string::npos);
    return 0;
  }
  const fathom::ModelConfig& c = config.value();
  const auto again = fathom::parse_model_config(fathom::write_model_config(c), "again");
  FATHOM_CHECK(again.ok() && again.value() == c);
  FATHOM_CHECK(c.cache_entry_dim() > 0 && std::isfinite(c.softmax_scale()));
  if (c.n_routed_experts * (c.num_hidden_layers + c.num_nextn_predict_layers) > 1000) return 0;
  int64_t n = 0;
  for (const fathom::ParameterSpec& p : fathom::parameters(c)) {
    FATHOM_CHECK(p.size() > 0);
    FATHOM_CHECK(!__builtin_add_overflow(n, p.size(), &n));
  }
  return 0;
}
