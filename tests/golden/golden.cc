// Finding golden folders and reading .npy; see golden.h.
#include "tests/golden/golden.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <regex>
#include <stdexcept>

#include "base/file.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr int kLevels = 4;

void collect(std::vector<fs::path>& out, const fs::path& folder, int levels,
             const std::function<bool(const fs::path&)>& wanted) {
  if (wanted(folder)) out.push_back(folder);
  if (levels == 0) return;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory()) collect(out, entry.path(), levels - 1, wanted);
  }
}

[[noreturn]] void bad(const fs::path& path, const std::string& what) {
  throw std::runtime_error(path.string() + ": " + what);
}

template <typename T>
void to_doubles(Npy& npy) {
  npy.values.resize(npy.raw.size() / sizeof(T));
  for (size_t i = 0; i < npy.values.size(); ++i) {
    T element;
    std::memcpy(&element, npy.raw.data() + i * sizeof(T), sizeof(T));
    npy.values[i] = static_cast<double>(element);
  }
}

struct Kind {
  const char* name;
  int64_t n_bytes;
  void (*convert)(Npy&);
};
const Kind kKinds[] = {
    {"f8", 8, to_doubles<double>},   {"f4", 4, to_doubles<float>},
    {"i1", 1, to_doubles<int8_t>},   {"i2", 2, to_doubles<int16_t>},
    {"i4", 4, to_doubles<int32_t>},  {"i8", 8, to_doubles<int64_t>},
    {"u1", 1, to_doubles<uint8_t>},  {"u2", 2, to_doubles<uint16_t>},
    {"u4", 4, to_doubles<uint32_t>},
};

const Kind& kind_of(const fs::path& path, const std::string& descr) {
  for (const Kind& kind : kKinds) {
    if (descr == std::string("<") + kind.name || descr == std::string("|") + kind.name) return kind;
  }
  bad(path, "dtype " + descr + " found, one of f8 f4 i1 i2 i4 i8 u1 u2 u4 wanted");
}

/// The value of `key` in the Python dictionary that is the header.
std::string header_value(const fs::path& path, const std::string& header, const std::string& key,
                         const std::string& pattern) {
  std::smatch match;
  if (!std::regex_search(header, match, std::regex("'" + key + "':\\s*" + pattern))) {
    bad(path, "the header has no " + key);
  }
  return match[1];
}

std::vector<int64_t> shape_of(const std::string& list) {
  std::vector<int64_t> shape;
  const std::regex number("\\d+");
  for (std::sregex_iterator it(list.begin(), list.end(), number), end; it != end; ++it) {
    shape.push_back(std::stoll(it->str()));
  }
  return shape;
}

}  // namespace

std::vector<fs::path> golden_roots() {
  const fs::path repository = FATHOM_SOURCE_DIR;
  std::vector<fs::path> roots = {repository / "tests/golden/data"};
  const char* named = std::getenv("FATHOM_GOLDEN");
  if (named == nullptr || *named == '\0') {
    const fs::path shared = repository.parent_path() / "shared/golden";
    if (fs::is_directory(shared)) roots.push_back(shared);
    return roots;
  }
  const std::string list = named;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(':', begin), list.size());
    if (end > begin) roots.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  for (const fs::path& root : roots) {
    if (!fs::is_directory(root)) bad(root, "FATHOM_GOLDEN names it, a directory wanted");
  }
  return roots;
}

std::vector<fs::path> find_golden(const std::function<bool(const fs::path&)>& wanted) {
  std::vector<fs::path> found;
  for (const fs::path& root : golden_roots()) collect(found, fs::canonical(root), kLevels, wanted);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::vector<fs::path> find_golden_with(const std::vector<std::string>& files) {
  return find_golden([&](const fs::path& folder) {
    return std::all_of(files.begin(), files.end(),
                       [&](const std::string& file) { return fs::is_regular_file(folder / file); });
  });
}

Npy read_npy(const fs::path& path) {
  Result<std::string> file = read_file(path);
  if (!file.ok()) throw std::runtime_error(file.message());
  const std::string& bytes = file.value();
  if (bytes.size() < 10 || bytes.compare(0, 8, std::string("\x93NUMPY\x01\x00", 8)) != 0) {
    bad(path, "not an .npy file of version 1.0");
  }
  const size_t header_bytes = static_cast<uint8_t>(bytes[8]) | static_cast<uint8_t>(bytes[9]) << 8;
  if (bytes.size() < 10 + header_bytes) bad(path, "the header is cut short");
  const std::string header = bytes.substr(10, header_bytes);
  if (header_value(path, header, "fortran_order", "(True|False)") != "False") {
    bad(path, "Fortran order found, C order wanted");
  }
  Npy npy;
  npy.descr = header_value(path, header, "descr", "'([^']*)'");
  npy.shape = shape_of(header_value(path, header, "shape", "\\(([^)]*)\\)"));
  const Kind& kind = kind_of(path, npy.descr);
  int64_t n_bytes = kind.n_bytes;
  for (const int64_t extent : npy.shape) n_bytes *= extent;
  npy.raw.assign(bytes.begin() + 10 + static_cast<int64_t>(header_bytes), bytes.end());
  if (static_cast<int64_t>(npy.raw.size()) != n_bytes) {
    bad(path, std::to_string(n_bytes) + " bytes of data wanted, " + std::to_string(npy.raw.size()) +
                  " found");
  }
  kind.convert(npy);
  return npy;
}

}  // namespace fathom
