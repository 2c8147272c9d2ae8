// The page of analysis_json.h, in the frame of the books' pages.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "analysis/analysis_json.h"
#include "analysis/cell_text.h"
#include "analysis/chart.h"
#include "analysis/chart_svg.h"

namespace fathom {
namespace {

constexpr size_t kPageRows = 200;

PageTable page_table(const AnalysisAnswer& answer) {
  PageTable table;
  for (const ResultColumn& c : answer.columns)
    table.columns.push_back({cell_text(c.name, 80), c.numeric});
  for (const auto& row : answer.result.rows) {
    if (table.rows.size() == kPageRows) break;
    auto& cells = table.rows.emplace_back();
    for (size_t i = 0; i < row.size(); ++i)
      cells.push_back(people_value(row[i], answer.columns[i]));
  }
  return table;
}

PageSection answer_section(const AnalysisAnswer& answer) {
  PageSection section;
  section.title = cell_text(answer.question, 300);
  section.paragraphs = {answer.ok() ? answer.answer : "No answer: " + cell_text(answer.error)};
  if (!answer.unused.empty())
    section.notes.push_back(fmt::format(
        "The query leaves out: {}", cell_text(fmt::format("{}", fmt::join(answer.unused, ", ")))));
  if (answer.n_samples > 1)
    section.notes.push_back(
        fmt::format("{} of {} samples of the model agree.", answer.n_agreeing, answer.n_samples));
  if (answer.sql.empty()) return section;
  section.code = block_text(answer.sql);
  if (const auto chart = choose_chart(answer.columns, answer.result)) {
    section.plot = DrawnPlot{chart_svg(*chart, {.width = 900, .standalone = false}),
                             chart_svg(*chart, {.width = 360, .standalone = false})};
    section.plot_caption = chart->value.unit.size() == 3
                               ? fmt::format("{}, in {}", chart->title, chart->value.unit)
                               : chart->title;
  }
  if (!answer.result.rows.empty()) section.tables = {page_table(answer)};
  if (answer.result.rows.size() > kPageRows)
    section.notes.push_back(
        fmt::format("The first {} of {} rows.", kPageRows,
                    people_integer(static_cast<int64_t>(answer.result.rows.size()))));
  return section;
}

}  // namespace

CostPage analysis_page(std::span<const AnalysisAnswer> answers, const std::string& about,
                       const std::string& made_by) {
  CostPage page;
  page.title = answers.size() == 1 ? cell_text(answers[0].question, 120) : "Questions and answers";
  page.lead = cell_text(about);
  for (const AnalysisAnswer& a : answers) page.sections.push_back(answer_section(a));
  page.made_by = made_by;
  return page;
}

}  // namespace fathom
