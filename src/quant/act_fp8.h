// FP8 activations: e4m3 codes with one scale per token and 128 channels, as the published FP8 code
// quantizes the input of a linear layer. Source: DeepSeek-V3 §3.3.2; golden/README.md, v3-tiny-fp8
// and formats.
#pragma once

#include <cstdint>

#include "tensor/view.h"

namespace fathom {

inline constexpr int64_t kActFp8Piece =
    128;  // channels that share a scale; a row's last piece may be shorter

/// codes [n_tokens, dim] e4m3 and scales [n_tokens, ceil(dim/128)] f32, overwritten: scale =
/// max(amax, 1e-4) / 448, with ue8m0 the smallest power of two not below it; code = e4m3(x /
/// scale), rounded once. x [n_tokens, dim] f32, rows may be strided. A row's result depends on that
/// row alone. Uses parallel_for.
void quantize_act_fp8(View<uint8_t> codes, View<float> scales, View<const float> x, bool ue8m0);

/// y = codes * scale, the f32 products: what a linear layer then computes with. y may be x. Same
/// shapes.
void round_act_fp8(View<float> y, View<const float> x, bool ue8m0);

}  // namespace fathom
