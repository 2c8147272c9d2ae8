// The ladder of a run: the same rungs for any run, from one phase at a rental price up to the
// company's hardware, so that two figures of different scope are never taken for one another. A
// rung is computed from inputs, or stated by somebody, or unknown; each carries its range, basis,
// source and date. Method: docs/cost.md, "The ladder".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cost/catalogue.h"
#include "cost/owned_hardware.h"
#include "cost/range.h"

namespace fathom {

/// A number with where it comes from. `date` is ISO, a month is enough.
struct Figure {
  Range value;
  std::string source, date;
};

/// Device-hours of one phase of the run, its main phase first.
struct PhaseHours {
  std::string name;
  Range device_hours;
  std::string source, date;
};

/// Compute that the run stands on and did not spend: a base model, a teacher, synthetic data.
struct BorrowedCompute {
  std::string what;
  std::optional<Range> usd;  // none: unknown
  Basis basis = Basis::kUnknown;
  std::string source, date, note;
};

/// Money that somebody stated, on one of the catalogue's bases.
struct StatedCost {
  Basis basis = Basis::kStatement;
  Range usd;
  std::string whose, source, date, note;
};

struct RunOnCluster {
  std::string run;
  double device_hours = 0;
};

/// What the rungs of experiments and staff stand on.
enum class UpperBase { kOwned, kRental };

/// What is known of a run. Everything that is absent makes the rungs that need it unknown.
struct LadderInputs {
  std::string run, device;
  std::vector<PhaseHours> phases;
  std::optional<Figure> rental_usd_per_hour;  // per device
  std::optional<Figure>
      cloud_usd_per_hour;            // a cloud provider's list price, told beside the rental one
  std::optional<Figure> device_usd;  // purchase, one device alone
  double server_factor = 1.64, network_factor = 1.23;  // see Acquisition
  Amortisation amortisation;
  std::string age_source;  // how the age of the hardware is known
  std::optional<StraightLine> straight_line;
  std::string straight_line_source, straight_line_date;
  std::optional<PowerModel> power;
  std::string power_source, power_date;
  std::optional<Figure> rd_factor;    // compute of the whole project over the final run's
  std::optional<Figure> staff_share;  // of the whole development cost
  std::optional<Figure> n_devices;    // of the cluster that was used
  std::vector<RunOnCluster>
      cluster_runs;  // the runs that the same cluster served, this one among them
  std::vector<BorrowedCompute> borrowed;
  std::vector<StatedCost> stated;
  UpperBase upper_base =
      UpperBase::kOwned;  // where its base is unknown, the other one is taken and named
};

struct Rung {
  std::string id;    // one_phase, all_phases, cloud, owned, straight_line, energy, experiments,
                     // staff, cluster, company
  std::string name;  // for people
  std::optional<Range> usd;
  Basis basis = Basis::kUnknown;  // kUnknown where usd is
  std::string source, date;       // of the inputs that decide it
  std::string how;                // the arithmetic; for an unknown rung, what is missing
  bool stated_only = false;       // usd repeats what others state
  bool beside = false;            // another road to the rung above it, not a step up
  std::vector<StatedCost>
      stated;  // what others say at this scope; not part of usd where usd was computed
};

struct ClusterShare {
  std::string run;
  double fraction = 0;
  std::optional<Range> usd;  // of the cluster's price
};

struct Ladder {
  std::string run;
  std::vector<Rung> rungs;  // always all of them, in order
  std::vector<BorrowedCompute> borrowed;
  std::vector<ClusterShare> cluster_shares;  // empty where fewer than two runs are known
  std::vector<StatedCost> unplaced;  // of basis statement or unknown: what they count was not said
  std::optional<Range> energy_kwh;
};

/// Several figures of one thing as one: from the lowest to the highest, the middle the geometric
/// mean of their middles. Requires: at least one; all above 0 where there are two or more.
Range spread_of(const std::vector<Range>& figures);

Ladder build_ladder(const LadderInputs& in);

/// The rung of that id. Requires: there is one.
const Rung& rung(const Ladder& ladder, const std::string& id);

/// Each run's part of what one cluster costs, by device-hours. Requires: hours not negative, their
/// sum > 0.
std::vector<ClusterShare> share_by_hours(const std::optional<Range>& usd,
                                         const std::vector<RunOnCluster>& runs);

}  // namespace fathom
