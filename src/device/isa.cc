#include "device/isa.h"

#include <hwy/targets.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fathom {
namespace {

Isa machine_isa() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::kScalar;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512cd");
  if (!wide) return Isa::kAvx2;
  const bool bf16 = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni");
  return bf16 ? Isa::kAvx512Bf16 : Isa::kAvx512;
}

const char* name(Isa i) {
  switch (i) {
    case Isa::kScalar: return "scalar";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kAvx512Bf16: return "avx512bf16";
  }
  return "";
}

Isa choose() {
  Isa best = machine_isa();
  if (const char* wanted = std::getenv("FATHOM_ISA")) {
    for (Isa i : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16}) {
      if (std::strcmp(wanted, name(i)) != 0) continue;
      if (i > best) {
        std::fprintf(stderr, "fathom: FATHOM_ISA: %s wanted, this machine has %s\n", wanted, name(best));
        std::exit(1);
      }
      // Highway numbers its targets from best to worst; keep what is no better than asked.
      if (i == Isa::kScalar) hwy::SetSupportedTargetsForTest(HWY_SSE4 | HWY_EMU128);
      if (i == Isa::kAvx2) hwy::SetSupportedTargetsForTest(HWY_AVX2 | HWY_SSE4);
      return i;
    }
    std::fprintf(stderr, "fathom: FATHOM_ISA: scalar, avx2, avx512 or avx512bf16 wanted, \"%s\" found\n", wanted);
    std::exit(1);
  }
  return best;
}

}  // namespace

Isa isa() {
  static const Isa chosen = choose();
  return chosen;
}

bool has_fast_bf16_dot() { return __builtin_cpu_is("amd") != 0; }

std::string describe_isa() {
  std::string text = name(isa());
  text += " (machine:";
  if (__builtin_cpu_supports("avx2")) text += " avx2";
  if (__builtin_cpu_supports("avx512f")) text += " avx512";
  if (__builtin_cpu_supports("avx512bf16")) text += " avx512_bf16";
  if (__builtin_cpu_supports("avx512vnni")) text += " avx512_vnni";
  return text + ")";
}

}  // namespace fathom
