#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace fathom {

void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "fathom: %s:%d: broken contract: %s\n", file, line, condition);
  std::abort();
}

}  // namespace fathom
