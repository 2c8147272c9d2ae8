// Any bytes as a CSV, TSV, JSON or JSON Lines file: refused in one sentence, with the database as
// before, or read into a table whose rows can be counted, shown in a prompt, asked about and
// selected. The first byte chooses the kind of file and the options.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "toolbox/schema_text.h"
#include "toolbox/table_file.h"
#include "toolbox/table_labels.h"

namespace {

using namespace fathom;

TableFileOptions options_of(uint8_t choice) {
  TableFileOptions options{.max_cell_bytes = 1000};
  if (choice & 4) options.ragged = TableFileOptions::Ragged::kPad;
  if (choice & 8) options.header = TableFileOptions::Header::kYes;
  if (choice & 16) options.header = TableFileOptions::Header::kNo;
  return options;
}

void check_table(Database& db, const LoadedFile& file, std::string_view text) {
  FATHOM_CHECK(db.tables().size() == 1 && file.tables.size() == 1 && file.n_rows > 0);
  const SqlTable& table = db.tables()[0];
  FATHOM_CHECK(table.n_rows == file.n_rows);
  const auto count = db.query("SELECT count(*) FROM " + sql_identifier(table.name));
  FATHOM_CHECK(count.ok() && count.value().rows[0][0] == SqlValue(table.n_rows));
  for (const SqlColumn& c : table.columns) {
    const auto values = db.query("SELECT " + sql_identifier(c.name) + " FROM " +
                                 sql_identifier(table.name) + " LIMIT 3");
    FATHOM_CHECK(values.ok());
  }
  const auto prompt = schema_text(db, text.substr(0, 300), {.max_bytes = 2000});
  FATHOM_CHECK(prompt.ok() && prompt.value().size() < 2500);
  // The file's own words make a question that names columns, values and numbers.
  const TableLabels labels(db, text.substr(0, 300), 12);
  FATHOM_CHECK(labels.question().size() < 8000 && labels.literals().size() <= 12);
  (void)labels.sql(labels.question());
  (void)labels.plan(labels.with_literals(text.substr(0, 300)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto db = Database::create({.max_bytes = 64 << 20}).value();
  const auto format = static_cast<TableFormat>(data[0] & 3);
  const auto file = load_table_text(*db, text, format, "x.csv", options_of(data[0]));
  if (file.ok()) {
    check_table(*db, file.value(), text);
  } else {
    FATHOM_CHECK(!file.message().empty() && db->tables().empty());
  }
  return 0;
}
