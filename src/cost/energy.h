// What energy a stretch of work took, from the best source that the machine lets us read: RAPL's
// counters of the processor packages and their memory (Linux powercap), NVML's counters of the
// GPUs, else a power that the configuration states, else nothing: unknown is not zero.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fathom {

struct EnergySources {
  bool cpu = true;   // RAPL, of whole packages: what other processes draw there is in it
  bool gpu = false;  // NVML, every GPU of the machine
  double watts = 0;  // stated draw of one device, taken where nothing can be read; 0: none stated
  std::filesystem::path powercap = "/sys/class/powercap";
  std::string nvml_library = "libnvidia-ml.so.1";  // empty: the program itself
};

struct Energy {
  std::optional<double> joules;  // absent: unknown
  std::string source;  // "rapl", "nvml", "rapl+nvml", "model: 65 W a device"; empty: unknown
};

class Nvml;

/// Counts from start() on. Not thread-safe: one meter a thread.
class EnergyMeter {
 public:
  explicit EnergyMeter(const EnergySources& sources);
  ~EnergyMeter();
  /// Readings of all counters, to be handed back later.
  using Mark = std::vector<uint64_t>;
  Mark mark() const;
  /// Since `mark`, which lies `seconds` back, for `devices` held devices. Counters that wrapped
  /// once are right; a source that stopped being readable in between makes the whole unknown.
  Energy since(const Mark& mark, double seconds, double devices) const;

 private:
  struct RaplDomain {
    std::filesystem::path counter;
    uint64_t range_uj = 0;  // the counter's largest value
  };
  void find_rapl(const std::filesystem::path& powercap);
  std::vector<RaplDomain> rapl_;
  std::unique_ptr<Nvml> nvml_;
  double watts_ = 0;
};

}  // namespace fathom
