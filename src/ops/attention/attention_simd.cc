// The vertical steps of attention's softmax, on Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/attention/attention_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>

#include <limits>

#include "ops/attention/attention_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::CappedTag<float, 16>;
using DI = hn::RebindToSigned<DF>;
using DU = hn::RebindToUnsigned<DF>;
using VF = hn::Vec<DF>;

constexpr float kHidden = -std::numeric_limits<float>::infinity();

// exp of x <= 0; exact zero from -87 down, where exp leaves the normal range (the products flush subnormals anyway).
HWY_INLINE VF exp_of(VF x) {
  const DF d;
  const auto small = hn::Lt(x, hn::Set(d, -87.0f));
  return hn::IfThenZeroElse(small, hn::Exp(d, hn::Max(x, hn::Set(d, -88.0f))));
}

HWY_INLINE hn::Vec<DU> bf16_bits(VF x) {  // round to nearest even; x is finite
  const DU du;
  const auto u = hn::BitCast(du, x);
  const auto lsb = hn::And(hn::ShiftRight<16>(u), hn::Set(du, 1u));
  return hn::ShiftRight<16>(hn::Add(hn::Add(u, hn::Set(du, 0x7fffu)), lsb));
}

struct Bounds {
  hn::Vec<DI> lo, hi;
  bool all;  // every lane sees every row
};

HWY_INLINE Bounds bounds(const int32_t* lo, const int32_t* hi, int64_t c, int64_t n_rows) {
  const DI di;
  Bounds b{hn::LoadU(di, lo + c), hn::LoadU(di, hi + c), false};
  const auto first = hn::Zero(di), last = hn::Set(di, static_cast<int32_t>(n_rows - 1));
  b.all = hn::AllFalse(di, hn::Or(hn::Gt(b.lo, first), hn::Lt(b.hi, last)));
  return b;
}

HWY_INLINE hn::Mask<DF> visible_at(const Bounds& b, int64_t r) {
  const DF d;
  const DI di;
  const auto row = hn::Set(di, static_cast<int32_t>(r));
  return hn::RebindMask(d, hn::Not(hn::Or(hn::Lt(row, b.lo), hn::Gt(row, b.hi))));
}

template <bool kWords>
bool softmax_tile(void* p, float* max, float* sum, float* alpha, const float* s, const int32_t* lo, const int32_t* hi, int64_t n_rows,
                  int64_t cols, int64_t stride, float scale) {
  const DF d;
  const DU du;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const VF vscale = hn::Set(d, scale), hidden = hn::Set(d, kHidden), one = hn::Set(d, 1.0f);
  bool rescale = false;
  for (int64_t c = 0; c < cols; c += lanes) {
    const Bounds b = bounds(lo, hi, c, n_rows);
    const VF old = hn::LoadU(d, max + c);
    VF top = old;
    if (b.all) {
      for (int64_t r = 0; r < n_rows; ++r) top = hn::Max(top, hn::Mul(hn::LoadU(d, s + r * stride + c), vscale));
    } else {
      for (int64_t r = 0; r < n_rows; ++r) {
        const VF v = hn::Mul(hn::LoadU(d, s + r * stride + c), vscale);
        top = hn::Max(top, hn::IfThenElse(visible_at(b, r), v, hidden));
      }
    }
    const auto none = hn::Eq(top, hidden);
    const VF base = hn::IfThenZeroElse(none, top);
    const VF a = hn::IfThenElse(hn::Eq(old, top), one, exp_of(hn::Sub(old, base)));
    VF total = hn::Zero(d);
    const auto probability = [&](int64_t r) {
      const VF e = exp_of(hn::Sub(hn::Mul(hn::LoadU(d, s + r * stride + c), vscale), base));
      return b.all ? e : hn::IfThenElseZero(visible_at(b, r), e);
    };
    if constexpr (kWords) {
      uint32_t* out = static_cast<uint32_t*>(p);
      for (int64_t r = 0; r < n_rows; r += 2) {
        const VF even = probability(r), odd = r + 1 < n_rows ? probability(r + 1) : hn::Zero(d);
        total = hn::Add(hn::Add(total, even), odd);
        hn::StoreU(hn::Or(bf16_bits(even), hn::ShiftLeft<16>(bf16_bits(odd))), du, out + r / 2 * stride + c);
      }
    } else {
      float* out = static_cast<float*>(p);
      for (int64_t r = 0; r < n_rows; ++r) {
        const VF e = probability(r);
        total = hn::Add(total, e);
        hn::StoreU(e, d, out + r * stride + c);
      }
    }
    hn::StoreU(top, d, max + c);
    hn::StoreU(hn::Add(hn::Mul(hn::LoadU(d, sum + c), a), total), d, sum + c);
    hn::StoreU(a, d, alpha + c);
    rescale |= !hn::AllTrue(d, hn::Eq(a, one));
  }
  return rescale;
}

bool softmax_tile_f32_hwy(float* p, float* max, float* sum, float* alpha, const float* s, const int32_t* lo, const int32_t* hi,
                          int64_t n_rows, int64_t cols, int64_t stride, float scale) {
  return softmax_tile<false>(p, max, sum, alpha, s, lo, hi, n_rows, cols, stride, scale);
}
bool softmax_tile_bf16_hwy(uint32_t* p, float* max, float* sum, float* alpha, const float* s, const int32_t* lo, const int32_t* hi,
                           int64_t n_rows, int64_t cols, int64_t stride, float scale) {
  return softmax_tile<true>(p, max, sum, alpha, s, lo, hi, n_rows, cols, stride, scale);
}

void scale_columns_hwy(float* acc, const float* alpha, int64_t n_rows, int64_t cols, int64_t stride) {
  const DF d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t c = 0; c < cols; c += lanes) {
    const VF a = hn::LoadU(d, alpha + c);
    for (int64_t r = 0; r < n_rows; ++r) {
      float* at = acc + r * stride + c;
      hn::StoreU(hn::Mul(hn::LoadU(d, at), a), d, at);
    }
  }
}

void softmax_tile_backward_f32_hwy(float* p_rows, float* ds_rows, const float* s, const float* dp, const float* lse, const float* delta,
                                   const int32_t* lo, const int32_t* hi, int64_t n_rows, int64_t cols, int64_t stride, float scale) {
  const DF d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const VF vscale = hn::Set(d, scale);
  for (int64_t c = 0; c < cols; c += lanes) {
    const Bounds b = bounds(lo, hi, c, n_rows);
    const VF vlse = hn::LoadU(d, lse + c), vdelta = hn::LoadU(d, delta + c);
    for (int64_t r = 0; r < n_rows; ++r) {
      const int64_t at = r * stride + c;
      const VF x = hn::Min(hn::Sub(hn::Mul(hn::LoadU(d, s + at), vscale), vlse), hn::Zero(d));
      const VF p = hn::IfThenElseZero(visible_at(b, r), exp_of(x));
      hn::StoreU(p, d, p_rows + at);
      hn::StoreU(hn::Mul(hn::Mul(p, hn::Sub(hn::LoadU(d, dp + at), vdelta)), vscale), d, ds_rows + at);
    }
  }
}

void softmax_tile_backward_bf16_hwy(uint16_t* p_rows, uint16_t* ds_rows, uint32_t* ds_words, const float* s, const float* dp,
                                    const float* lse, const float* delta, const int32_t* lo, const int32_t* hi, int64_t n_rows,
                                    int64_t cols, int64_t stride, float scale) {
  const DF d;
  const DU du;
  const hn::Rebind<uint16_t, DF> d16;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const VF vscale = hn::Set(d, scale);
  for (int64_t c = 0; c < cols; c += lanes) {
    const Bounds b = bounds(lo, hi, c, n_rows);
    const VF vlse = hn::LoadU(d, lse + c), vdelta = hn::LoadU(d, delta + c);
    auto even = hn::Zero(du);
    for (int64_t r = 0; r < n_rows; ++r) {
      const int64_t at = r * stride + c;
      const VF x = hn::Min(hn::Sub(hn::Mul(hn::LoadU(d, s + at), vscale), vlse), hn::Zero(d));
      VF p = exp_of(x);
      if (!b.all) p = hn::IfThenElseZero(visible_at(b, r), p);
      const auto p_bits = bf16_bits(p);
      const auto ds_bits = bf16_bits(hn::Mul(hn::Mul(p, hn::Sub(hn::LoadU(d, dp + at), vdelta)), vscale));
      hn::StoreU(hn::TruncateTo(d16, p_bits), d16, p_rows + at);
      hn::StoreU(hn::TruncateTo(d16, ds_bits), d16, ds_rows + at);
      if (r % 2 == 0) {
        even = ds_bits;
        if (r + 1 == n_rows) hn::StoreU(even, du, ds_words + r / 2 * stride + c);
      } else {
        hn::StoreU(hn::Or(even, hn::ShiftLeft<16>(ds_bits)), du, ds_words + r / 2 * stride + c);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fathom {
HWY_EXPORT(softmax_tile_f32_hwy);
HWY_EXPORT(softmax_tile_bf16_hwy);
HWY_EXPORT(scale_columns_hwy);
HWY_EXPORT(softmax_tile_backward_f32_hwy);
HWY_EXPORT(softmax_tile_backward_bf16_hwy);

bool softmax_tile_f32(float* p, float* max, float* sum, float* alpha, const float* s, const int32_t* lo, const int32_t* hi,
                      int64_t n_rows, int64_t cols, int64_t stride, float scale) {
  return HWY_DYNAMIC_DISPATCH(softmax_tile_f32_hwy)(p, max, sum, alpha, s, lo, hi, n_rows, cols, stride, scale);
}
bool softmax_tile_bf16(uint32_t* p, float* max, float* sum, float* alpha, const float* s, const int32_t* lo, const int32_t* hi,
                       int64_t n_rows, int64_t cols, int64_t stride, float scale) {
  return HWY_DYNAMIC_DISPATCH(softmax_tile_bf16_hwy)(p, max, sum, alpha, s, lo, hi, n_rows, cols, stride, scale);
}
void scale_columns(float* acc, const float* alpha, int64_t n_rows, int64_t cols, int64_t stride) {
  HWY_DYNAMIC_DISPATCH(scale_columns_hwy)(acc, alpha, n_rows, cols, stride);
}
void softmax_tile_backward_f32(float* p_rows, float* ds_rows, const float* s, const float* dp, const float* lse, const float* delta,
                               const int32_t* lo, const int32_t* hi, int64_t n_rows, int64_t cols, int64_t stride, float scale) {
  HWY_DYNAMIC_DISPATCH(softmax_tile_backward_f32_hwy)(p_rows, ds_rows, s, dp, lse, delta, lo, hi, n_rows, cols, stride, scale);
}
void softmax_tile_backward_bf16(uint16_t* p_rows, uint16_t* ds_rows, uint32_t* ds_words, const float* s, const float* dp,
                                const float* lse, const float* delta, const int32_t* lo, const int32_t* hi, int64_t n_rows,
                                int64_t cols, int64_t stride, float scale) {
  HWY_DYNAMIC_DISPATCH(softmax_tile_backward_bf16_hwy)
  (p_rows, ds_rows, ds_words, s, dp, lse, delta, lo, hi, n_rows, cols, stride, scale);
}
}  // namespace fathom
#endif
