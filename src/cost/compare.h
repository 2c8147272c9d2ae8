// Models side by side at one basis. A model without a figure on that basis has none in the column,
// and what it has instead is said.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "cost/catalogue_ladder.h"

namespace fathom {

/// One figure of a model on one basis: computed here from hours and prices, or stated by somebody.
struct BasisFigure {
  Basis basis = Basis::kUnknown;
  Range usd;
  std::string whose, source, date, how;
  bool computed = false;
};

struct ComparedModel {
  std::string name, title, date;
  std::vector<BasisFigure> figures;  // all that is known, by basis
  std::optional<Range> usd;  // at the chosen basis: from the lowest to the highest figure, the
                             // middle their geometric mean
  std::optional<Range>
      ratio;  // to the first model, by the middles of both and, as ends, the worst cases together
  std::string missing;  // where usd is absent: what there is instead
};

struct CostComparison {
  Basis basis = Basis::kUnknown;
  std::string why;  // why this basis
  std::vector<ComparedModel> models;
  std::vector<std::string> notes;
};

/// Bases on which models may be compared, the best first.
const std::vector<Basis>& comparable_bases();
/// "amortised" → the basis. Error: the names that there are.
Result<Basis> parse_basis(std::string_view name);

/// All figures of one model on all bases.
std::vector<BasisFigure> figures_of(const Catalogue& catalogue, const CatalogueModel& model,
                                    const LadderOptions& options = {});
/// The figures on one basis as one (spread_of). None: no such figure.
std::optional<Range> on_basis(const std::vector<BasisFigure>& figures, Basis basis);
/// Rental prices are the market's for all, whatever a maker assumed. `basis` absent: the first of
/// comparable_bases() on which all have a figure; else the one on which most have. Error: an
/// unknown model, the same one twice, none at all.
Result<CostComparison> compare(const Catalogue& catalogue, const std::vector<std::string>& names,
                               std::optional<Basis> basis, const LadderOptions& options = {});

}  // namespace fathom
