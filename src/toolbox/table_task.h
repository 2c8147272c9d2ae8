// The task of answering a question about tables with one SELECT, as a conversation: what the user's
// messages say, and how a model's answer is read. The thought before the answer is a TablePlan
// (table_plan.h) where the model is fathom's own; of other models it may be any text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "toolbox/schema_text.h"
#include "toolbox/table_labels.h"
#include "toolbox/table_plan.h"

namespace fathom {

enum class TaskPrompt {
  kShort,  // the tables in few tokens (SchemaLayout::kColumns) and the question: what the shipped
           // model is trained on. Its plan and SQL are written in the labels
  kFull,   // also how to answer, and that what stands in tables is data: for any other checkpoint
};

/// The user's message: the tables, the keys between them, the question in one line at the end.
/// kShort takes SchemaLayout::kColumns whatever the options say. Error: a table cannot be read.
Result<std::string> table_question(Database& database, std::string_view question, TaskPrompt prompt,
                                   const SchemaTextOptions& options = {});
/// The same with labels that prompt_labels has made of these arguments.
Result<std::string> table_question(Database& database, std::string_view question, TaskPrompt prompt,
                                   const TableLabels& labels, const SchemaTextOptions& options);

/// What the short prompt's labels stand for; without any for the full one. Valid as long as the
/// database has these tables.
TableLabels prompt_labels(const Database& database, std::string_view question, TaskPrompt prompt,
                          const SchemaTextOptions& options = {});

/// A column of one table whose values name rows of another.
struct TableKey {
  const SqlTable *from, *to;
  const SqlColumn *from_column, *to_column;
};
/// "orders.customer_id = customers.id", as SQL writes it, or "B = F" in labels.
std::string table_key_text(const TableKey& key);
std::string table_key_text(const TableKey& key, const TableLabels& labels);
/// Found by name: customer_id, customerId, "Customer ID" in one table, and in another the same
/// name, or id (or code, no, key) where that table is named customer or customers; and the other's
/// values are all there and unique. Ordered by tables and columns. Error: a table cannot be read.
Result<std::vector<TableKey>> table_keys(Database& database);

struct TableAnswer {
  std::string thought = {};  // between <think> and </think>, trimmed
  std::string sql = {};      // one statement without its semicolon; empty where there is none
  std::string missing = {};  // of an answer "CANNOT: what is missing"
  /// One closed thought, and behind it nothing but one SELECT (bare, or in a ```sql fence) or one
  /// line CANNOT. `why` says in one sentence what is not so.
  bool well_formed = false;
  std::string why = {};
  bool declined() const { return !missing.empty(); }
};
/// Reads what the model wrote behind the prompt's open "<think>\n", or with its own <think>, or
/// without a thought. At most one of sql and missing is set. SQL within prose is found in a fence,
/// or in a line that begins with SELECT or WITH; a thought that was not closed gives neither,
/// unless the text begins with the answer or holds a fence.
TableAnswer read_table_answer(std::string_view completion);
/// How much an answer in labels counts among several to one question: 1, and less for each value,
/// number and column that the question names and the query leaves out, for a thought that is no
/// plan or another one than the query's, and for missing a column that the question names. Of an
/// answer to the full prompt 1.
double answer_weight(const TableAnswer& labelled, const TableLabels& labels);
/// How what is missing begins.
inline constexpr std::string_view kNoColumn = "no column for ";
/// The answer's text behind </think>: the SQL, or "CANNOT: no column for …".
std::string cannot_text(std::string_view missing);

/// The user's message of the next turn, after the engine refused the SQL or found nothing.
std::string table_feedback_error(std::string_view error);
std::string table_feedback_empty();

}  // namespace fathom
