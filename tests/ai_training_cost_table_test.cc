// data/tables/ai_training_cost.csv against the catalogue that it is made of: no number in it that
// the catalogue does not have, no model left out, nothing known left empty.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "cost/catalogue.h"
#include "toolbox/table_file.h"

namespace fathom {
namespace {

using CostRow = std::map<std::string, SqlValue>;

std::string text_of(const CostRow& row, const std::string& column) {
  return value_text(row.at(column));
}

/// The cell times `unit`; NaN where it is empty.
double number_of(const CostRow& row, const std::string& column, double unit = 1) {
  const SqlValue& v = row.at(column);
  if (const auto* i = std::get_if<int64_t>(&v)) return static_cast<double>(*i) * unit;
  const auto* d = std::get_if<double>(&v);
  return d != nullptr ? *d * unit : std::nan("");
}

bool same_number(double a, double b) { return std::abs(a - b) <= 1e-9 * std::abs(b); }

class AiTrainingCostTable : public testing::Test {
 protected:
  void SetUp() override {
    Result<Catalogue> catalogue = load_catalogue(FATHOM_SOURCE_DIR "/data/catalogue");
    ASSERT_TRUE(catalogue.ok()) << catalogue.status().message();
    catalogue_ = std::move(catalogue).value();
    auto database = Database::create();
    ASSERT_TRUE(database.ok());
    const auto loaded =
        load_table_file(*database.value(), FATHOM_SOURCE_DIR "/data/tables/ai_training_cost.csv");
    ASSERT_TRUE(loaded.ok()) << loaded.status().message();
    EXPECT_TRUE(loaded.value().notes.empty()) << loaded.value().notes.front();
    const auto result = database.value()->query("SELECT * FROM ai_training_cost");
    ASSERT_TRUE(result.ok()) << result.status().message();
    for (const auto& values : result.value().rows) {
      CostRow& row = rows_.emplace_back();
      for (size_t i = 0; i < values.size(); ++i) row[result.value().columns[i]] = values[i];
    }
  }

  const CatalogueModel* model_of(const CostRow& row) const {
    for (const CatalogueModel& m : catalogue_.models)
      if (m.title == text_of(row, "model")) return &m;
    return nullptr;
  }

  /// The claim that the row's figure is, or null.
  const Claim* claim_of(const CostRow& row, const std::string& what, const std::string& column,
                        const std::string& whose) const {
    for (const Claim* c : catalogue_.claims_of(model_of(row)->name, what))
      if (same_number(number_of(row, column), c->value.mid) && c->from.whose == text_of(row, whose))
        return c;
    return nullptr;
  }

  Catalogue catalogue_;
  std::vector<CostRow> rows_;
};

TEST_F(AiTrainingCostTable, HasEachModelOfTheCatalogueOnce) {
  std::set<std::string> titles;
  for (const CostRow& row : rows_) {
    ASSERT_NE(model_of(row), nullptr) << text_of(row, "model");
    EXPECT_TRUE(titles.insert(text_of(row, "model")).second) << text_of(row, "model");
  }
  EXPECT_EQ(titles.size(), catalogue_.models.size());
}

TEST_F(AiTrainingCostTable, TellsOfEachModelWhatTheCatalogueTells) {
  for (const CostRow& row : rows_) {
    const CatalogueModel& m = *model_of(row);
    SCOPED_TRACE(m.title);
    EXPECT_EQ(text_of(row, "organisation"), m.org);
    EXPECT_EQ(text_of(row, "released"), m.from.date);
    const auto expect = [&](const char* column, double unit, const std::optional<double>& known) {
      const double cell = number_of(row, column, unit);
      EXPECT_EQ(std::isnan(cell), !known.has_value()) << column;
      if (known) {
        EXPECT_TRUE(same_number(cell, *known)) << column << " " << cell << " " << *known;
      }
    };
    expect("parameters_billion", 1e9, m.parameters_total);
    expect("active_parameters_billion", 1e9, m.parameters_active);
    expect("tokens_trillion", 1e12, m.tokens);
    expect("training_flop", 1, m.training_flop);
  }
}

TEST_F(AiTrainingCostTable, ItsHoursAreClaimsOfTheCatalogueOnThatChip) {
  int n_hours = 0;
  for (const CostRow& row : rows_) {
    SCOPED_TRACE(text_of(row, "model"));
    if (std::isnan(number_of(row, "chip_hours"))) {
      EXPECT_EQ(text_of(row, "chip_hours_from"), "");
      continue;
    }
    ++n_hours;
    const Claim* claim = claim_of(row, "device_hours", "chip_hours", "chip_hours_from");
    ASSERT_NE(claim, nullptr);
    const auto device = catalogue_.device(claim->device);
    ASSERT_TRUE(device.ok());
    EXPECT_NE(device.value()->title.find(text_of(row, "chip")), std::string::npos)
        << device.value()->title;
  }
  EXPECT_GE(n_hours, 8);
}

TEST_F(AiTrainingCostTable, ItsCostsAreClaimsOfTheCatalogueOfThatBasisAndExtent) {
  for (const CostRow& row : rows_) {
    const CatalogueModel& m = *model_of(row);
    SCOPED_TRACE(m.title);
    if (std::isnan(number_of(row, "cost_usd"))) {
      EXPECT_TRUE(catalogue_.claims_of(m.name, "usd").empty());
      for (const char* column : {"cost_basis", "cost_covers", "cost_from"})
        EXPECT_EQ(text_of(row, column), "") << column;
      continue;
    }
    const Claim* claim = claim_of(row, "usd", "cost_usd", "cost_from");
    ASSERT_NE(claim, nullptr);
    EXPECT_EQ(text_of(row, "cost_basis"), basis_name(claim->basis));
    EXPECT_FALSE(claim->at_least);
    std::string covers = "whole training";
    if (claim->phase != "all") {
      covers = "on top of " + catalogue_.model(m.base).value()->title;
      for (const std::string& other : claim->includes)
        covers += " with " + catalogue_.model(other).value()->title;
    }
    EXPECT_EQ(text_of(row, "cost_covers"), covers);
  }
}

}  // namespace
}  // namespace fathom
