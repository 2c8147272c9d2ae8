// Any text as a query: refused, or answered within its limits; the tables stay as they were.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "toolbox/result_compare.h"
#include "toolbox/schema_text.h"

namespace {

using namespace fathom;

std::unique_ptr<Database> sales() {
  auto db = Database::create().value();
  auto writer = db->new_table("sales", {{.name = "region"},
                                        {.name = "n", .type = ColumnType::kInteger},
                                        {.name = "unit price", .type = ColumnType::kReal},
                                        {.name = "day", .type = ColumnType::kDate}})
                    .value();
  const std::vector<std::vector<SqlCell>> rows = {{"North", int64_t{2}, 1.5, "2024-01-05"},
                                                  {"South", int64_t{3}, 2.5, "2024-02-05"},
                                                  {"North", std::monostate(), 0.5, "2023-01-05"}};
  for (const auto& row : rows) FATHOM_CHECK(writer->append(row).ok());
  FATHOM_CHECK(writer->finish().ok());
  return db;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<Database> db = sales();
  static const QueryResult before = db->query("SELECT * FROM sales").value();
  const QueryLimits limits{.max_steps = 20'000,
                           .max_rows = 50,
                           .max_value_bytes = 10'000,
                           .max_memory_bytes = 4 << 20,
                           .max_sql_bytes = 4000};
  const auto result = db->query({reinterpret_cast<const char*>(data), size}, limits);
  if (result.ok()) {
    FATHOM_CHECK(result.value().rows.size() <= 50);
    FATHOM_CHECK(result.value().truncated || same_result(result.value(), result.value()));
    FATHOM_CHECK(result_text(result.value()).size() < 20'000);
  } else {
    FATHOM_CHECK(result.message().starts_with("SQL: "));
  }
  FATHOM_CHECK(same_result(before, db->query("SELECT * FROM sales").value(), {.ordered = true}));
  return 0;
}
