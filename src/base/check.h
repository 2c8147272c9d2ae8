// FATHOM_CHECK: a contract of our own, always on, at the door of an operation. FATHOM_DCHECK: inside loops, debug builds only.
// Both end the program with the place and the condition; they are never the answer to bad input (status.h is).
#pragma once

namespace fathom {
[[noreturn]] void check_failed(const char* file, int line, const char* condition);
}  // namespace fathom

#define FATHOM_CHECK(condition)                                          \
  do {                                                                   \
    if (!(condition)) [[unlikely]]                                       \
      ::fathom::check_failed(__FILE__, __LINE__, #condition);            \
  } while (0)

#ifdef FATHOM_DEBUG
#define FATHOM_DCHECK(condition) FATHOM_CHECK(condition)
#else
#define FATHOM_DCHECK(condition) \
  do {                           \
  } while (0)
#endif
