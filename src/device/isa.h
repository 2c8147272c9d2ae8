// Which instruction sets the machine has and which of them fathom uses. FATHOM_ISA=scalar|avx2|avx512|avx512bf16 lowers the choice for
// tests. Highway's own run-time dispatch follows the same limit; *_avx512.cc files are called only at kAvx512Bf16.
#pragma once

#include <string>

namespace fathom {

enum class Isa { kScalar, kAvx2, kAvx512, kAvx512Bf16 };

/// The instruction set in use: the best the machine has, or a lower one by FATHOM_ISA. Read once, at the first call.
Isa isa();
/// Whether VDPBF16PS multiplies faster than VFMADD on bf16 that was widened: so on Zen 4 and later, not on Intel's (Sapphire Rapids has it at
/// half VFMADD's rate, measured). Only of meaning at kAvx512Bf16.
bool has_fast_bf16_dot();
/// "avx512bf16 (machine: avx2 avx512 avx512_bf16 avx512_vnni)"
std::string describe_isa();

}  // namespace fathom
