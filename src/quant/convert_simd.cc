// The conversions on Highway, compiled once per instruction set. Small floats are widened with
// integer shifts and one exact subtraction, so that subnormals need neither a table nor the
// processor's slow path, and every value is exact.
#include <stdint.h>
#include <string.h>

#include "device/isa.h"
#include "quant/convert_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quant/convert_simd.cc"
#include <hwy/foreach_target.h>  // NOLINT: includes this file again, once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using F32 = hn::ScalableTag<float>;
using U32 = hn::RebindToUnsigned<F32>;
using U16 = hn::Rebind<uint16_t, F32>;
using U8 = hn::Rebind<uint8_t, F32>;
using VF = hn::Vec<F32>;
using VU = hn::Vec<U32>;

// A float of kExponent and kMantissa bits, magnitude in the low bits of `mag`, without its sign, to
// f32 bits. Subnormals: with an exponent of one and its implicit bit the value is too large by
// exactly the smallest normal number.
template <int kExponent, int kMantissa>
HWY_INLINE VU widen_magnitude(VU mag) {
  const F32 f32;
  const U32 u32;
  constexpr uint32_t kRebias = 127 - ((1 << (kExponent - 1)) - 1);
  const VU shifted = hn::ShiftLeft<23 - kMantissa>(mag);
  const VU normal = hn::Add(shifted, hn::Set(u32, kRebias << 23));
  const VF smallest = hn::BitCast(f32, hn::Set(u32, (kRebias + 1) << 23));
  const VF above = hn::BitCast(f32, hn::Add(shifted, hn::Set(u32, (kRebias + 1) << 23)));
  const VU subnormal = hn::BitCast(u32, hn::Sub(above, smallest));
  return hn::IfThenElse(hn::Lt(mag, hn::Set(u32, 1u << kMantissa)), subnormal, normal);
}

struct LoadF32 {
  using T = float;
  HWY_INLINE VF operator()(const T* p) const { return hn::LoadU(F32(), p); }
};
struct LoadBf16 {
  using T = uint16_t;
  HWY_INLINE VF operator()(const T* p) const {
    return hn::BitCast(F32(), hn::ShiftLeft<16>(hn::PromoteTo(U32(), hn::LoadU(U16(), p))));
  }
};
struct LoadF16 {
  using T = uint16_t;
  HWY_INLINE VF operator()(const T* p) const {
    const U32 u32;
    const VU h = hn::PromoteTo(u32, hn::LoadU(U16(), p));
    const VU mag = hn::And(h, hn::Set(u32, 0x7fffu));
    const VU sign = hn::ShiftLeft<16>(hn::AndNot(hn::Set(u32, 0x7fffu), h));
    // Exponent 31 (infinity, NaN) moves on to 255; a NaN becomes quiet.
    const VU finite = widen_magnitude<5, 10>(mag);
    const VU infinite = hn::Or(hn::ShiftLeft<13>(mag), hn::Set(u32, 0x7f800000u));
    const VU quiet =
        hn::IfThenElse(hn::Gt(mag, hn::Set(u32, 0x7c00u)), hn::Set(u32, 0x7fc00000u), infinite);
    const VU bits = hn::IfThenElse(hn::Lt(mag, hn::Set(u32, 0x7c00u)), finite, quiet);
    return hn::BitCast(F32(), hn::Or(bits, sign));
  }
};
struct LoadE4m3 {
  using T = uint8_t;
  VF scale;
  HWY_INLINE VF operator()(const T* p) const {
    const U32 u32;
    const VU code = hn::PromoteTo(u32, hn::LoadU(U8(), p));
    const VU mag = hn::And(code, hn::Set(u32, 0x7fu));
    const VU sign = hn::ShiftLeft<24>(hn::AndNot(hn::Set(u32, 0x7fu), code));
    const VU bits = hn::IfThenElse(hn::Eq(mag, hn::Set(u32, 0x7fu)), hn::Set(u32, 0x7fc00000u),
                                   widen_magnitude<4, 3>(mag));
    return hn::Mul(hn::BitCast(F32(), hn::Or(bits, sign)), scale);
  }
};

struct StoreF32 {
  using T = float;
  HWY_INLINE void operator()(T* p, VF x) const { hn::StoreU(x, F32(), p); }
};
struct StoreBf16 {
  using T = uint16_t;
  HWY_INLINE void operator()(T* p, VF x) const {
    const U32 u32;
    const VU bits = hn::BitCast(u32, x);
    const VU upper = hn::ShiftRight<16>(bits);
    const VU odd = hn::And(upper, hn::Set(u32, 1u));
    const VU rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(u32, 0x7fffu))));
    const VU quiet = hn::Or(upper, hn::Set(u32, 0x40u));
    const VU nan = hn::VecFromMask(u32, hn::RebindMask(u32, hn::IsNaN(x)));
    hn::StoreU(hn::DemoteTo(U16(), hn::BitCast(hn::RebindToSigned<U32>(),
                                               hn::IfVecThenElse(nan, quiet, rounded))),
               U16(), p);
  }
};

// Whole vectors, then the rest through a small buffer: the same arithmetic for every element,
// whatever n is.
template <class Load, class Store>
HWY_INLINE void convert(typename Store::T* dst, const void* src, int64_t n, Load load) {
  const int64_t step = static_cast<int64_t>(hn::Lanes(F32()));
  const Store store;
  const auto* s = static_cast<const typename Load::T*>(src);
  int64_t i = 0;
  for (; i + step <= n; i += step) store(dst + i, load(s + i));
  if (i == n) return;
  HWY_ALIGN typename Load::T in[hn::MaxLanes(F32())] = {};
  HWY_ALIGN typename Store::T out[hn::MaxLanes(F32())];
  memcpy(in, s + i, static_cast<size_t>(n - i) * sizeof(in[0]));
  store(out, load(in));
  memcpy(dst + i, out, static_cast<size_t>(n - i) * sizeof(out[0]));
}

void f32_to_f32(float* dst, const void* src, int64_t n, float) {
  memcpy(dst, src, static_cast<size_t>(n) * 4);
}
void bf16_to_f32(float* dst, const void* src, int64_t n, float) {
  convert<LoadBf16, StoreF32>(dst, src, n, {});
}
void f16_to_f32(float* dst, const void* src, int64_t n, float) {
  convert<LoadF16, StoreF32>(dst, src, n, {});
}
void e4m3_to_f32(float* dst, const void* src, int64_t n, float scale) {
  convert<LoadE4m3, StoreF32>(dst, src, n, {hn::Set(F32(), scale)});
}
void f32_to_bf16(uint16_t* dst, const void* src, int64_t n, float) {
  convert<LoadF32, StoreBf16>(dst, src, n, {});
}
void bf16_to_bf16(uint16_t* dst, const void* src, int64_t n, float) {
  memcpy(dst, src, static_cast<size_t>(n) * 2);
}
void f16_to_bf16(uint16_t* dst, const void* src, int64_t n, float) {
  convert<LoadF16, StoreBf16>(dst, src, n, {});
}
void e4m3_to_bf16(uint16_t* dst, const void* src, int64_t n, float scale) {
  convert<LoadE4m3, StoreBf16>(dst, src, n, {hn::Set(F32(), scale)});
}

// x / scale, rounded to odd where it is inexact, so that the rounding to e4m3 that follows is the
// only one.
HWY_INLINE VF quotient_to_odd(VF x, VF scale) {
  const F32 f32;
  const U32 u32;
  const VF q = hn::Div(x, scale);
  const VF residual = hn::NegMulAdd(q, scale, x);  // exact: x - q * scale, in a fused operation
  const VU bits = hn::BitCast(u32, q);
  const auto even = hn::Eq(hn::And(bits, hn::Set(u32, 1u)), hn::Zero(u32));
  const auto inexact = hn::RebindMask(u32, hn::Ne(residual, hn::Zero(f32)));
  // The true magnitude lies above |q| where residual and q have the same sign (scale is positive).
  const VU differ = hn::ShiftRight<31>(hn::Xor(bits, hn::BitCast(u32, residual)));
  const VU moved = hn::Sub(hn::Add(bits, hn::Set(u32, 1u)), hn::Add(differ, differ));
  return hn::BitCast(f32, hn::IfThenElse(hn::And(even, inexact), moved, bits));
}

HWY_INLINE hn::Vec<U8> encode_vector(VF x) {
  const F32 f32;
  const U32 u32;
  const VU sign = hn::ShiftLeft<7>(hn::ShiftRight<31>(hn::BitCast(u32, x)));
  const VF magnitude = hn::Min(hn::Abs(x), hn::Set(f32, 448.0f));
  const VU bits = hn::BitCast(u32, magnitude);
  const VU odd = hn::And(hn::ShiftRight<20>(bits), hn::Set(u32, 1u));
  const VU rounded = hn::ShiftRight<20>(hn::Add(bits, hn::Add(odd, hn::Set(u32, 0x7ffffu))));
  const VU normal = hn::Sub(rounded, hn::Set(u32, 120u << 3));
  // The step of a float in [2^14, 2^15) is 2^-9, that of e4m3's subnormals: the addition rounds,
  // the low bits are the code.
  const VU shifted = hn::BitCast(u32, hn::Add(magnitude, hn::Set(f32, 16384.0f)));
  const VU subnormal = hn::And(shifted, hn::Set(u32, 15u));
  const auto small = hn::RebindMask(u32, hn::Lt(magnitude, hn::Set(f32, 0x1p-6f)));
  const VU code = hn::Or(sign, hn::IfThenElse(small, subnormal, normal));
  const auto nan = hn::RebindMask(u32, hn::IsNaN(x));
  return hn::U8FromU32(hn::IfThenElse(nan, hn::Set(u32, 0x7fu), code));
}

void f32_to_e4m3(uint8_t* codes, const float* src, int64_t n, float scale) {
  const F32 f32;
  const int64_t step = static_cast<int64_t>(hn::Lanes(f32));
  const VF s = hn::Set(f32, scale);
  int64_t i = 0;
  for (; i + step <= n; i += step) {
    hn::StoreU(encode_vector(quotient_to_odd(hn::LoadU(f32, src + i), s)), U8(), codes + i);
  }
  if (i == n) return;
  HWY_ALIGN float in[hn::MaxLanes(F32())] = {};
  HWY_ALIGN uint8_t out[hn::MaxLanes(F32())];
  memcpy(in, src + i, static_cast<size_t>(n - i) * 4);
  hn::StoreU(encode_vector(quotient_to_odd(hn::LoadU(f32, in), s)), U8(), out);
  memcpy(codes + i, out, static_cast<size_t>(n - i));
}

float max_abs(const float* src, int64_t n) {
  const F32 f32;
  const int64_t step = static_cast<int64_t>(hn::Lanes(f32));
  VF m = hn::Zero(f32);
  int64_t i = 0;
  for (; i + step <= n; i += step) {
    const VF a = hn::Abs(hn::LoadU(f32, src + i));
    m = hn::IfThenElse(hn::Gt(a, m), a, m);
  }
  float best = hn::GetLane(hn::MaxOfLanes(f32, m));
  for (; i < n; ++i) {
    const float a = src[i] < 0 ? -src[i] : src[i];
    if (a > best) best = a;
  }
  return best;
}

const ConvertKernels kKernels = {
    f32_to_f32,   bf16_to_f32, f16_to_f32,   e4m3_to_f32, f32_to_bf16,
    bf16_to_bf16, f16_to_bf16, e4m3_to_bf16, f32_to_e4m3, max_abs,
};

}  // namespace

const ConvertKernels* kernels() { return &kKernels; }

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fathom {

HWY_EXPORT(kernels);

const ConvertKernels& convert_kernels_simd() {
  if (isa() == Isa::kScalar) return convert_kernels_ref();
  return *HWY_DYNAMIC_DISPATCH(kernels)();
}

}  // namespace fathom
#endif
