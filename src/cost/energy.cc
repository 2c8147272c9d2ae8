// See energy.h. RAPL: Linux, Documentation/power/powercap; NVML: NVIDIA's API reference,
// nvmlDeviceGetTotalEnergyConsumption (millijoules since the driver was loaded), found at run time,
// so that a machine without it needs nothing.
#include "cost/energy.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/file.h"

namespace fathom {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kUnreadable = ~uint64_t{0};

std::string text_of(const fs::path& path) {
  auto text = read_file(path);
  if (!text.ok()) return "";
  std::string s = std::move(text).value();
  while (!s.empty() && (s.back() == '\n' || s.back() == ' ')) s.pop_back();
  return s;
}

uint64_t number_of(const fs::path& path) {
  const std::string text = text_of(path);
  uint64_t n = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  return error == std::errc() && rest == text.data() + text.size() && !text.empty() ? n
                                                                                    : kUnreadable;
}

}  // namespace

/// The four functions of NVML that are needed.
class Nvml {
 public:
  static std::unique_ptr<Nvml> open(const std::string& library) {
    std::unique_ptr<Nvml> nvml(new Nvml());
    nvml->library_ = dlopen(library.empty() ? nullptr : library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (nvml->library_ == nullptr) return nullptr;
    const auto init = nvml->find<int (*)()>("nvmlInit_v2");
    const auto count = nvml->find<int (*)(unsigned*)>("nvmlDeviceGetCount_v2");
    const auto handle = nvml->find<int (*)(unsigned, void**)>("nvmlDeviceGetHandleByIndex_v2");
    nvml->energy_ =
        nvml->find<int (*)(void*, unsigned long long*)>("nvmlDeviceGetTotalEnergyConsumption");
    if (!init || !count || !handle || !nvml->energy_ || init() != 0) return nullptr;
    nvml->running_ = true;
    unsigned n = 0;
    if (count(&n) != 0) return nullptr;
    for (unsigned i = 0; i < n; ++i) {
      void* device = nullptr;
      if (handle(i, &device) == 0) nvml->devices_.push_back(device);
    }
    const auto first = nvml->read();  // older GPUs have no counter
    if (first.empty() || std::count(first.begin(), first.end(), kUnreadable) > 0) return nullptr;
    return nvml;
  }
  ~Nvml() {
    if (running_) {
      if (const auto shutdown = find<int (*)()>("nvmlShutdown")) shutdown();
    }
    if (library_ != nullptr) dlclose(library_);
  }
  /// Millijoules of each GPU.
  std::vector<uint64_t> read() const {
    std::vector<uint64_t> mj;
    for (void* device : devices_) {
      unsigned long long energy = 0;
      mj.push_back(energy_(device, &energy) == 0 ? energy : kUnreadable);
    }
    return mj;
  }

 private:
  template <typename Function>
  Function find(const char* name) const {
    return reinterpret_cast<Function>(dlsym(library_, name));
  }
  void* library_ = nullptr;
  bool running_ = false;
  std::vector<void*> devices_;
  int (*energy_)(void*, unsigned long long*) = nullptr;
};

EnergyMeter::EnergyMeter(const EnergySources& sources) : watts_(sources.watts) {
  if (sources.cpu) find_rapl(sources.powercap);
  if (sources.gpu) nvml_ = Nvml::open(sources.nvml_library);
  // Half a machine's energy is no machine's energy: where GPUs were asked for and cannot be read,
  // the processors' counter is not passed off as the whole.
  if (sources.gpu && nvml_ == nullptr) rapl_.clear();
}

EnergyMeter::~EnergyMeter() = default;

// Packages, and the memory's domains below them (a package's counter leaves memory out); not the
// cores, which their package holds, nor psys, which holds the packages.
void EnergyMeter::find_rapl(const fs::path& powercap) {
  std::error_code error;
  for (fs::directory_iterator it(powercap, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().string().starts_with("intel-rapl:")) continue;
    const std::string name = text_of(it->path() / "name");
    if (!name.starts_with("package") && name != "dram") continue;
    RaplDomain domain{.counter = it->path() / "energy_uj",
                      .range_uj = number_of(it->path() / "max_energy_range_uj")};
    if (number_of(domain.counter) == kUnreadable) {  // usually root's alone
      rapl_.clear();
      return;
    }
    rapl_.push_back(std::move(domain));
  }
}

EnergyMeter::Mark EnergyMeter::mark() const {
  Mark mark;
  for (const RaplDomain& domain : rapl_) mark.push_back(number_of(domain.counter));
  if (nvml_) {
    for (uint64_t mj : nvml_->read()) mark.push_back(mj);
  }
  return mark;
}

Energy EnergyMeter::since(const Mark& before, double seconds, double devices) const {
  if (before.empty()) {
    if (watts_ <= 0) return {};
    return {.joules = watts_ * seconds * devices,
            .source = fmt::format("model: {} W a device", watts_)};
  }
  const Mark now = mark();
  double joules = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    if (i >= now.size() || now[i] == kUnreadable || before[i] == kUnreadable) return {};
    const bool rapl = i < rapl_.size();
    const bool wrapped = now[i] < before[i];
    if (wrapped && (!rapl || rapl_[i].range_uj == kUnreadable)) return {};
    const uint64_t units = wrapped ? now[i] + (rapl_[i].range_uj - before[i]) : now[i] - before[i];
    joules += static_cast<double>(units) * (rapl ? 1e-6 : 1e-3);
  }
  return {.joules = joules, .source = rapl_.empty() ? "nvml" : nvml_ ? "rapl+nvml" : "rapl"};
}

}  // namespace fathom
