// What fathom analyze does with its questions, whether they come from -q, a terminal or a pipe.
#pragma once

#include <string>
#include <vector>

#include "analysis/analyst.h"
#include "cli/analysis_printer.h"
#include "cli/answer_cost.h"

namespace fathom {

struct AnalyzeSessionOptions {
  AnalysisPrinterOptions printer;
  bool json = false;
  std::string svg, html;            // files, empty: none
  std::vector<std::string> tables;  // the files that were loaded, for the page
};

class AnalyzeSession {
 public:
  AnalyzeSession(Analyst& analyst, const Engine& engine, double watts,
                 AnalyzeSessionOptions options);
  /// All of them, each headed by its question where there are several. The exit code.
  int answer_all(const std::vector<std::string>& questions);
  /// A line each, until the end. The exit code.
  int converse();

 private:
  Status answer(const std::string& question);
  Status command(const std::string& line, bool& leave);
  Status show_schema(const std::string& table);
  void show_tables();
  Status write_chart(const AnalysisAnswer& answer);
  Status write_answers_page() const;
  void note(std::string_view text) const;
  void report(const Status& status);
  int exit_code() const { return failed_ ? 1 : 0; }

  Analyst& analyst_;
  AnalyzeSessionOptions options_;
  AnalysisPrinter printer_;
  AnswerCost cost_;
  std::vector<AnalysisAnswer> answers_;  // for the page
  int n_charts_ = 0;
  bool failed_ = false;
};

}  // namespace fathom
