// The commit that this program was built from, for the ledgers it writes.
#pragma once

namespace fathom {

/// 40 hexadecimal digits, "+changes" behind them where tracked files differed; empty: unknown.
const char* program_commit();

}  // namespace fathom
