// See analysis_printer.h.
#include "cli/analysis_printer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "analysis/cell_text.h"
#include "analysis/chart.h"
#include "analysis/chart_text.h"
#include "analysis/result_table.h"
#include "cli/terminal.h"

namespace fathom {
namespace {

constexpr int kMaxPrintedWidth = 140;

/// Each line after two spaces.
std::string indented(std::string_view text) {
  std::string out = "  ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "  ";
  }
  return out;
}

}  // namespace

AnalysisPrinter::AnalysisPrinter(const AnalysisPrinterOptions& options)
    : options_(options),
      color_(shows_color(stdout)),
      width_(static_cast<size_t>(std::clamp(terminal_columns(stdout), 20, kMaxPrintedWidth))) {}

void AnalysisPrinter::print_dim(std::string_view text) {
  fmt::print("{}{}{}", color_ ? style::kDim : "", text, color_ ? style::kPlain : "");
}

void AnalysisPrinter::print_question(std::string_view question) {
  fmt::print("{}{}{}\n", color_ ? style::kBold : "", cell_text(question),
             color_ ? style::kPlain : "");
  std::fflush(stdout);
}

void AnalysisPrinter::print_thought(const TextPiece& piece) {
  if (!options_.think || piece.kind != TextKind::kThought || piece.text.empty()) return;
  std::string text = block_text(piece.text);
  if (!in_thought_) text.erase(0, text.find_first_not_of("\n "));  // blank lines before it
  if (text.empty()) return;
  in_thought_ = true;
  print_dim(text);
  at_line_start_ = text.back() == '\n';
  std::fflush(stdout);
}

void AnalysisPrinter::end_thought() {
  if (!in_thought_) return;
  fmt::print("{}\n", at_line_start_ ? "" : "\n");
  in_thought_ = false;
  at_line_start_ = true;
}

void AnalysisPrinter::print_failed(const FailedTurn& failed) {
  end_thought();
  if (!failed.sql.empty()) print_dim(indented(block_text(failed.sql)) + "\n");
  print_dim(fmt::format("  → {}; asked again\n\n", cell_text(failed.why, 300)));
  std::fflush(stdout);
}

void AnalysisPrinter::print_result(const AnalysisAnswer& answer) {
  const bool one_value = answer.result.rows.size() == 1 && answer.columns.size() == 1;
  if (!answer.result.rows.empty() && !one_value) {
    const ResultTableOptions table{.width = width_, .max_rows = options_.max_rows};
    fmt::print("{}\n", result_table(answer.columns, answer.result, table));
  }
  if (const auto chart = choose_chart(answer.columns, answer.result))
    fmt::print("{}\n", chart_text(*chart, width_));
  fmt::print("{}{}{}\n", color_ ? style::kBold : "", answer.answer, color_ ? style::kPlain : "");
  std::fflush(stdout);
}

void AnalysisPrinter::print(const AnalysisAnswer& answer) {
  end_thought();
  if (!answer.ok()) {
    std::fflush(stdout);
    return;
  }
  if (!answer.sql.empty()) fmt::print("{}\n\n", indented(block_text(answer.sql)));
  print_result(answer);
  if (!answer.unused.empty())
    fmt::print("The query leaves out: {}\n",
               printable(fmt::format("{}", fmt::join(answer.unused, ", "))));
  if (answer.n_samples > 1)
    print_dim(fmt::format("{} of {} samples agree\n", answer.n_agreeing, answer.n_samples));
  std::fflush(stdout);
}

}  // namespace fathom
