// AnalysisPrinter: an answer of fathom analyze on standard output: thoughts as they stream, dimmed;
// the query, its table, a chart, the answer in words. What comes from tables and models is made
// safe for a terminal.
#pragma once

#include <string>
#include <string_view>

#include "analysis/analyst.h"

namespace fathom {

struct AnalysisPrinterOptions {
  bool think = true;
  size_t max_rows = 20;
};

class AnalysisPrinter {
 public:
  explicit AnalysisPrinter(const AnalysisPrinterOptions& options);
  void print_question(std::string_view question);
  void print_thought(const TextPiece& piece);
  void print_failed(const FailedTurn& failed);
  void print(const AnalysisAnswer& answer);
  /// The query's table and chart alone, for /sql.
  void print_result(const AnalysisAnswer& answer);

 private:
  void print_dim(std::string_view text);
  void end_thought();

  AnalysisPrinterOptions options_;
  bool color_, in_thought_ = false, at_line_start_ = true;
  size_t width_;
};

}  // namespace fathom
