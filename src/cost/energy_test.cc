#include "cost/energy.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"

// NVML as its interface has it, with two GPUs that draw what the test says: the test program
// exports these.
namespace {
unsigned long long g_millijoules[2] = {1000, 5000};
int g_nvml_running = 0;
}  // namespace
extern "C" {
int nvmlInit_v2() { return g_nvml_running++, 0; }
int nvmlShutdown() { return g_nvml_running--, 0; }
int nvmlDeviceGetCount_v2(unsigned* n) { return *n = 2, 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void** device) {
  return *device = &g_millijoules[i], 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* mj) {
  *mj = *static_cast<unsigned long long*>(device);
  return *mj == 0 ? 15 : 0;  // NVML_ERROR_GPU_IS_LOST
}
}

namespace fathom {
namespace {

// A powercap tree of two packages, one with memory and cores below it.
void write_counters(const TestFolder& folder, uint64_t package0, uint64_t dram, uint64_t package1) {
  const auto domain = [&](const std::string& name, const char* kind, uint64_t uj) {
    folder.write(name + "/name", std::string(kind) + "\n");
    folder.write(name + "/energy_uj", std::to_string(uj) + "\n");
    folder.write(name + "/max_energy_range_uj", "10000000\n");
  };
  domain("intel-rapl:0", "package-0", package0);
  domain("intel-rapl:0:0", "core", 77 * package0);
  domain("intel-rapl:0:1", "dram", dram);
  domain("intel-rapl:1", "package-1", package1);
  domain("intel-rapl:2", "psys", 99);
  domain("intel-rapl-mmio:0", "package-0", package0);  // the same package by another way
}

EnergySources sources_in(const TestFolder& folder) {
  EnergySources s;
  s.powercap = folder.path();
  s.watts = 50;
  return s;
}

TEST(Energy, PackagesAndTheirMemoryAreSummedAndAWrapIsRight) {
  const TestFolder folder;
  write_counters(folder, 1000000, 9000000, 0);
  const EnergyMeter meter(sources_in(folder));
  const auto mark = meter.mark();
  write_counters(folder, 3000000, 1000000, 500000);  // memory wrapped at ten million
  const Energy energy = meter.since(mark, 1, 1);
  EXPECT_DOUBLE_EQ(*energy.joules, 2 + 2 + 0.5);
  EXPECT_EQ(energy.source, "rapl");
}

TEST(Energy, ACounterThatVanishesMakesTheWholeUnknown) {
  const TestFolder folder;
  write_counters(folder, 1, 1, 1);
  const EnergyMeter meter(sources_in(folder));
  const auto mark = meter.mark();
  std::filesystem::remove(folder.path() / "intel-rapl:1/energy_uj");
  EXPECT_FALSE(meter.since(mark, 1, 1).joules);
}

TEST(Energy, WithoutCountersTheStatedWattsAreTakenAndSaid) {
  const TestFolder folder;
  EnergySources sources = sources_in(folder);
  const EnergyMeter modelled(sources);
  const Energy energy = modelled.since(modelled.mark(), 10, 2);
  EXPECT_DOUBLE_EQ(*energy.joules, 1000);
  EXPECT_EQ(energy.source, "model: 50 W a device");
  sources.watts = 0;
  const EnergyMeter unknown(sources);
  EXPECT_FALSE(unknown.since(unknown.mark(), 10, 2).joules);
}

TEST(Energy, ProcessorsAreNotPassedOffAsTheWholeWhereGpusCannotBeRead) {
  const TestFolder folder;
  write_counters(folder, 1, 1, 1);
  EnergySources sources = sources_in(folder);
  sources.gpu = true;
  sources.nvml_library = "libfathom-has-no-such.so";
  sources.watts = 0;
  const EnergyMeter meter(sources);
  EXPECT_TRUE(meter.mark().empty());
  EXPECT_FALSE(meter.since(meter.mark(), 1, 1).joules);
}

TEST(Energy, GpusAreSummedBesideTheProcessors) {
  const TestFolder folder;
  write_counters(folder, 1000000, 0, 0);
  EnergySources sources = sources_in(folder);
  sources.gpu = true;
  sources.nvml_library = "";
  {
    const EnergyMeter meter(sources);
    EXPECT_EQ(g_nvml_running, 1);
    const auto mark = meter.mark();
    write_counters(folder, 2000000, 0, 0);
    g_millijoules[0] += 2500;
    g_millijoules[1] += 500;
    const Energy energy = meter.since(mark, 1, 2);
    EXPECT_DOUBLE_EQ(*energy.joules, 1 + 2.5 + 0.5);
    EXPECT_EQ(energy.source, "rapl+nvml");
    g_millijoules[1] = 0;  // lost
    EXPECT_FALSE(meter.since(mark, 1, 2).joules);
    g_millijoules[1] = 1;  // the driver was loaded again
    EXPECT_FALSE(meter.since(mark, 1, 2).joules);
  }
  EXPECT_EQ(g_nvml_running, 0);
}

// On a machine with NVIDIA's library: its counters rise.
TEST(Energy, GpusAreReadWhereNvmlIs) {
  EnergySources sources;
  sources.cpu = false;
  sources.gpu = true;
  const EnergyMeter meter(sources);
  const auto mark = meter.mark();
  if (mark.empty()) GTEST_SKIP() << "no NVML on this machine";
  for (int i = 0; i < 100; ++i) {
    const Energy energy = meter.since(mark, 1, 1);
    ASSERT_TRUE(energy.joules);
    EXPECT_EQ(energy.source, "nvml");
    if (*energy.joules > 0) return;
    struct timespec tenth = {0, 100000000};
    nanosleep(&tenth, nullptr);
  }
  FAIL() << "no joule in ten seconds";
}

}  // namespace
}  // namespace fathom
