// Which instruction sets the machine has and which of them fathom uses. FATHOM_ISA=scalar|avx2|avx512|avx512bf16 lowers the choice for
// tests. Highway's own run-time dispatch follows the same limit; *_avx512.cc files are called only at kAvx512Bf16.
#pragma once

#include <string>

namespace fathom {

enum class Isa { kScalar, kAvx2, kAvx512, kAvx512Bf16 };

/// The instruction set in use: the best the machine has, or a lower one by FATHOM_ISA. Read once, at the first call.
Isa isa();
/// "avx512bf16 (machine: avx2 avx512 avx512_bf16 avx512_vnni)"
std::string describe_isa();

}  // namespace fathom
