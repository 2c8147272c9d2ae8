// See analyze_session.h.
#include "cli/analyze_session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "analysis/analysis_json.h"
#include "analysis/cell_text.h"
#include "analysis/chart.h"
#include "analysis/chart_svg.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/line_editor.h"
#include "cli/terminal.h"
#include "cli/today.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAnalyzeHelp =
    "Type a question about the tables. Each stands by itself: what was asked before is not known.\n"
    "/tables        the tables, their columns and rows\n"
    "/schema TABLE  what the model is shown of a table (of all without a name)\n"
    "/sql SELECT …  a query of your own, with the same limits\n"
    "/help          this list\n"
    "/quit          leave (so does Ctrl-D)\n"
    "Ctrl-C stops an answer.\n";

fs::path analyze_history_file() {
  const fs::path chat = chat_history_file();
  return chat.empty() ? chat : chat.parent_path() / "analyze-history";
}

/// chart.svg, chart-2.svg, …
fs::path numbered(const fs::path& path, int n) {
  if (n == 1) return path;
  return path.parent_path() /
         fmt::format("{}-{}{}", path.stem().string(), n, path.extension().string());
}

std::string table_lines(const SqlTable& table) {
  std::string out = fmt::format("{}: {} row{}\n", cell_text(table.name, 60),
                                people_integer(table.n_rows), table.n_rows == 1 ? "" : "s");
  size_t width = 0;
  for (const SqlColumn& c : table.columns)
    width = std::max(width, display_width(cell_text(c.name, 40)));
  for (const SqlColumn& c : table.columns) {
    out +=
        fmt::format("  {}  {}{}\n", padded(cell_text(c.name, 40), width), column_type_name(c.type),
                    c.unit.empty() ? "" : ", in " + cell_text(c.unit, 10));
  }
  return out;
}

}  // namespace

AnalyzeSession::AnalyzeSession(Analyst& analyst, const Engine& engine, double watts,
                               AnalyzeSessionOptions options)
    : analyst_(analyst),
      options_(std::move(options)),
      printer_(options_.printer),
      cost_(engine, watts) {}

void AnalyzeSession::note(std::string_view text) const {
  const bool color = shows_color(stderr);
  fmt::print(stderr, "{}{}{}", color ? style::kDim : "", text, color ? style::kPlain : "");
}

void AnalyzeSession::report(const Status& status) {
  if (status.ok()) return;
  failed_ = true;
  fail(status);
}

Status AnalyzeSession::answer(const std::string& question) {
  clear_interrupt();
  AnalysisEvents events;
  events.on_piece = [this](const TextPiece& piece) {
    if (!options_.json) printer_.print_thought(piece);
    return !interrupted();
  };
  if (!options_.json)
    events.on_failed = [this](const FailedTurn& failed) { printer_.print_failed(failed); };
  cost_.begin();
  auto result = analyst_.ask(question, events);
  clear_interrupt();
  FATHOM_RETURN_IF_ERROR(result.status());
  AnalysisAnswer& a = result.value();
  cost_.end(a);
  if (options_.json) {
    using nlohmann::ordered_json;
    fmt::print("{}\n",
               analysis_json(a).dump(-1, ' ', false, ordered_json::error_handler_t::replace));
    std::fflush(stdout);
  } else {
    printer_.print(a);
  }
  FATHOM_RETURN_IF_ERROR(write_chart(a));
  const Status status = a.ok() ? Status() : Status::error(cell_text(a.error, 600));
  answers_.push_back(std::move(a));
  FATHOM_RETURN_IF_ERROR(write_answers_page());
  return status;
}

Status AnalyzeSession::write_chart(const AnalysisAnswer& a) {
  if (options_.svg.empty() || !a.ok()) return {};
  const auto chart = choose_chart(a.columns, a.result);
  if (!chart) {
    note("no chart: this result is none of names or times with a number each\n");
    return {};
  }
  const fs::path path = numbered(options_.svg, ++n_charts_);
  FATHOM_RETURN_IF_ERROR(write_file_atomic(path, chart_svg(*chart)));
  note(fmt::format("chart in {}\n", path.string()));
  return {};
}

Status AnalyzeSession::write_answers_page() const {
  if (options_.html.empty()) return {};
  std::vector<std::string> names;
  for (const std::string& t : options_.tables) names.push_back(fs::path(t).filename().string());
  const CostPage page =
      analysis_page(answers_, fmt::format("About {}.", fmt::join(names, ", ")),
                    fmt::format("fathom analyze {} · {}", fmt::join(names, " "), today()));
  return write_page(options_.html, page);
}

int AnalyzeSession::answer_all(const std::vector<std::string>& questions) {
  catch_interrupt(/*once=*/true);
  for (size_t i = 0; i < questions.size(); ++i) {
    if (!answers_.empty() && answers_.back().stopped) break;
    if (questions.size() > 1 && !options_.json) {
      if (i > 0) fmt::print("\n");
      printer_.print_question(questions[i]);
    }
    report(answer(questions[i]));
  }
  if (cost_.n_answers() > 0) note(cost_.text() + "\n");
  return exit_code();
}

void AnalyzeSession::show_tables() {
  for (const SqlTable& t : analyst_.database().tables()) fmt::print("{}", table_lines(t));
  std::fflush(stdout);
}

Status AnalyzeSession::show_schema(const std::string& table) {
  const SqlTable* wanted = analyst_.database().table(table);
  if (!table.empty() && wanted == nullptr)
    return Status::error(fmt::format("/schema: a table's name wanted, {} found; /tables lists them",
                                     cell_text(table, 60)));
  FATHOM_ASSIGN_OR_RETURN(const std::string text,
                          schema_text(analyst_.database(), "", analyst_.options().schema));
  // A table's part begins with its name at the front of a line.
  const std::string head =
      wanted == nullptr ? std::string() : "table " + sql_identifier(wanted->name);
  bool show = table.empty();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!table.empty() && line.starts_with("table "))
      show = line == head || line.starts_with(head + ":");
    if (show) fmt::print("{}\n", block_text(line));
  }
  std::fflush(stdout);
  return {};
}

Status AnalyzeSession::command(const std::string& line, bool& leave) {
  const size_t space = line.find_first_of(" \n");
  const std::string name = line.substr(0, space);
  std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
  rest.erase(0, rest.find_first_not_of(" \n"));
  if (name == "/quit" || name == "/exit") {
    leave = true;
  } else if (name == "/help") {
    note(kAnalyzeHelp);
  } else if (name == "/tables") {
    show_tables();
  } else if (name == "/schema") {
    return show_schema(rest);
  } else if (name == "/sql") {
    if (rest.empty()) return Status::error("/sql: a SELECT wanted, nothing found");
    FATHOM_ASSIGN_OR_RETURN(const AnalysisAnswer a, analyst_.run_sql(rest));
    printer_.print_result(a);
  } else {
    return Status::error(fmt::format("{}: no such command; /help lists them", cell_text(name, 60)));
  }
  return {};
}

int AnalyzeSession::converse() {
  const bool typed = is_terminal(stdin);
  catch_interrupt(/*once=*/false);
  LineEditor editor(analyze_history_file());
  if (typed) {
    show_tables();
    note("Ask about it. /help lists the commands, Ctrl-D leaves.\n");
  }
  bool leave = false;
  for (std::string line; !leave;) {
    const LineEditor::Outcome outcome = editor.read(line);
    if (outcome == LineEditor::Outcome::kEnd) break;
    if (outcome == LineEditor::Outcome::kInterrupted) {
      note("Ctrl-D or /quit leaves\n");
      continue;
    }
    if (line.find_first_not_of(" \t\n") == std::string::npos) continue;
    if (line[0] == '/') {
      report(command(line, leave));
      continue;
    }
    if (!typed && !options_.json) printer_.print_question(line);
    const size_t n_before = answers_.size();
    report(answer(line));
    if (!options_.json && answers_.size() > n_before)
      note(
          fmt::format("{:.2f} s · {} tokens\n", answers_.back().seconds, answers_.back().n_tokens));
    if (!options_.json) fmt::print("\n");
    std::fflush(stdout);
  }
  if (typed && !leave) fmt::print("\n");
  if (cost_.n_answers() > 0) note(cost_.text() + "\n");
  return typed ? 0 : exit_code();
}

}  // namespace fathom
