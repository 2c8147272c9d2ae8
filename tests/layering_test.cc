// The order of the folders under src/, read from src/LAYERS and held against every include: an
// include may only go down, a `never` edge holds even through other headers, a private header stays
// in its folder. The checker is itself tested on small made-up trees, so that it is known to find
// what it looks for.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace fathom {
namespace {

namespace fs = std::filesystem;

struct Include {
  std::string name;
  bool system = false;  // <name>, not "name"
};

/// Sources by their path below src/, with what each includes.
using Tree = std::map<std::string, std::vector<Include>>;

struct Layers {
  std::vector<std::string> order;  // bottom to top
  std::vector<std::pair<std::string, std::string>> never;

  int64_t rank(const std::string& folder) const {
    const auto at = std::find(order.begin(), order.end(), folder);
    return at == order.end() ? -1 : at - order.begin();
  }
};

/// Headers of libraries that one place alone may see: the header, the prefix of the paths that may.
constexpr std::pair<const char*, const char*> kKept[] = {{"mpi.h", "dist/"},
                                                         {"nccl.h", "dist/"},
                                                         {"cuda_runtime.h", "device/cuda/"},
                                                         {"CLI/CLI.hpp", "cli/"}};

std::string folder_of(const std::string& path) { return path.substr(0, path.find('/')); }
std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

bool ends_with_one_of(const std::string& text, std::initializer_list<const char*> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](const char* e) { return text.ends_with(e); });
}

Layers parse_layers(std::istream& in) {
  Layers layers;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string first, from, to;
    if (!(words >> first)) continue;
    if (first != "never") {
      layers.order.push_back(first);
    } else if (words >> from >> to) {
      layers.never.emplace_back(from, to);
    }
  }
  return layers;
}

std::vector<Include> parse_includes(std::istream& in) {
  std::vector<Include> found;
  for (std::string line; std::getline(in, line);) {
    const size_t hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#') continue;
    const size_t word = line.find_first_not_of(" \t", hash + 1);
    if (word == std::string::npos || line.compare(word, 7, "include") != 0) continue;
    const size_t open = line.find_first_of("\"<", hash);
    if (open == std::string::npos) continue;
    const size_t close = line.find_first_of("\">", open + 1);
    found.push_back({line.substr(open + 1, close - open - 1), line[open] == '<'});
  }
  return found;
}

Tree read_tree(const fs::path& src) {
  Tree tree;
  for (const auto& entry : fs::recursive_directory_iterator(src)) {
    const std::string path = entry.path().lexically_relative(src).generic_string();
    if (!ends_with_one_of(path, {".h", ".cc", ".cu", ".cuh"})) continue;
    std::ifstream in(entry.path());
    tree[path] = parse_includes(in);
  }
  return tree;
}

bool is_test(const std::string& path) { return ends_with_one_of(path, {"_test.cc"}); }

/// Every file of ours that `path` sees, itself not counted, with the file through which it does.
std::map<std::string, std::string> reached(const Tree& tree, const std::string& path) {
  std::map<std::string, std::string> through;
  std::function<void(const std::string&)> visit = [&](const std::string& from) {
    const auto at = tree.find(from);
    if (at == tree.end()) return;
    for (const Include& i : at->second) {
      if (!i.system && through.emplace(i.name, from).second) visit(i.name);
    }
  };
  visit(path);
  return through;
}

using Complaints = std::vector<std::string>;

void check_order(Complaints& out, const Tree& tree, const Layers& layers) {
  for (const auto& [path, includes] : tree) {
    const int64_t rank = layers.rank(folder_of(path));
    if (rank < 0) out.push_back(path + ": its folder is not in src/LAYERS");
    for (const Include& i : includes) {
      if (i.system || (is_test(path) && i.name.starts_with("tests/"))) continue;
      if (!tree.contains(i.name)) {
        out.push_back(path + ": \"" + i.name + "\" is not a file under src/");
      } else if (layers.rank(folder_of(i.name)) > rank) {
        out.push_back(path + ": \"" + i.name + "\" lies above it");
      }
    }
  }
}

void check_never(Complaints& out, const Tree& tree, const Layers& layers) {
  for (const auto& [path, includes] : tree) {
    for (const auto& [seen, through] : reached(tree, path)) {
      const std::pair<std::string, std::string> edge(folder_of(path), folder_of(seen));
      if (std::find(layers.never.begin(), layers.never.end(), edge) == layers.never.end()) continue;
      out.push_back(path + ": sees \"" + seen + "\"" +
                    (through == path ? "" : " through " + through) + ", never " + edge.first + " " +
                    edge.second);
    }
  }
}

void check_private_headers(Complaints& out, const Tree& tree) {
  for (const auto& [path, includes] : tree) {
    for (const Include& i : includes) {
      if (i.system || !ends_with_one_of(i.name, {"_impl.h", "_kernels.h"})) continue;
      if (!path.starts_with(directory_of(i.name)))
        out.push_back(path + ": \"" + i.name + "\" is private to its folder");
    }
  }
}

void check_kept_libraries(Complaints& out, const Tree& tree) {
  for (const auto& [path, includes] : tree) {
    for (const Include& i : includes) {
      for (const auto& [header, prefix] : kKept) {
        const bool kernel = i.name == "cuda_runtime.h" && path.ends_with("_cuda.cu");
        if (i.name == header && !path.starts_with(prefix) && !kernel) {
          out.push_back(path + ": <" + i.name + "> belongs to " + prefix + " alone");
        }
      }
    }
  }
}

/// A file compiled for AVX-512 must bring no inline code along: the linker could keep its copy for
/// the whole program, which would then fail on a machine without. Plain C headers, intrinsics and
/// its own kernel table are free of it.
void check_wide_files(Complaints& out, const Tree& tree) {
  static const std::set<std::string> kPlain = {"immintrin.h", "stdint.h", "stddef.h", "string.h",
                                               "cstdint",     "cstddef",  "cstring"};
  for (const auto& [path, includes] : tree) {
    if (!path.ends_with("_avx512.cc")) continue;
    for (const Include& i : includes) {
      const bool plain = i.system ? kPlain.contains(i.name) : i.name.ends_with("_kernels.h");
      if (!plain)
        out.push_back(path + ": \"" + i.name + "\" may bring inline code compiled for AVX-512");
    }
  }
}

Complaints check_layers(const Tree& tree, const Layers& layers) {
  Complaints out;
  check_order(out, tree, layers);
  check_never(out, tree, layers);
  check_private_headers(out, tree);
  check_kept_libraries(out, tree);
  check_wide_files(out, tree);
  return out;
}

/// A tree from text: "path: included included", `<…>` for a system header.
Tree made_up(const std::string& text) {
  Tree tree;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string path, name;
    words >> path;
    path.pop_back();
    tree[path];
    while (words >> name) {
      const bool system = name.front() == '<';
      tree[path].push_back({system ? name.substr(1, name.size() - 2) : name, system});
    }
  }
  return tree;
}

Layers base_ops_model() {
  std::istringstream text("# comment\nbase\nconfig\nops\nmodel\ncli\nnever ops config\n");
  return parse_layers(text);
}

Complaints complaints_of(const std::string& tree) {
  return check_layers(made_up(tree), base_ops_model());
}

TEST(Layering, EveryIncludeUnderSrcGoesDown) {
  const fs::path src = fs::path(FATHOM_SOURCE_DIR) / "src";
  std::ifstream file(src / "LAYERS");
  const Layers layers = parse_layers(file);
  ASSERT_GE(layers.order.size(), 10u);
  const Tree tree = read_tree(src);
  ASSERT_GE(tree.size(), 20u);
  for (const std::string& complaint : check_layers(tree, layers))
    ADD_FAILURE() << "src/" << complaint;
}

TEST(Layering, EveryFolderOfTheOrderIsThereOnce) {
  const fs::path src = fs::path(FATHOM_SOURCE_DIR) / "src";
  std::ifstream file(src / "LAYERS");
  const Layers layers = parse_layers(file);
  for (const std::string& folder : layers.order) {
    EXPECT_TRUE(fs::is_directory(src / folder)) << folder;
    EXPECT_EQ(std::count(layers.order.begin(), layers.order.end(), folder), 1) << folder;
  }
  for (const auto& [from, to] : layers.never) {
    EXPECT_GE(layers.rank(from), 0) << from;
    EXPECT_GE(layers.rank(to), 0) << to;
  }
}

TEST(Layering, ATreeInOrderGivesNoComplaint) {
  EXPECT_TRUE(complaints_of("base/a.h: <vector>\nops/x/x.h: base/a.h\nops/x/x_kernels.h:\n"
                            "ops/x/x.cc: ops/x/x.h ops/x/x_kernels.h\nops/x/x_avx512.cc: "
                            "<immintrin.h> ops/x/x_kernels.h\n"
                            "ops/x/x_test.cc: ops/x/x.h tests/golden/golden.h\nmodel/m.cc: "
                            "ops/x/x.h\ncli/main.cc: model/m.h\nmodel/m.h:")
                  .empty());
}

TEST(Layering, AnIncludeThatGoesUpIsFound) {
  EXPECT_EQ(complaints_of("base/a.cc: model/m.h\nmodel/m.h:"),
            Complaints{"base/a.cc: \"model/m.h\" lies above it"});
  EXPECT_EQ(complaints_of("model/m.cc: cli/c.h\ncli/c.h:").size(), 1u);
}

TEST(Layering, ANeverEdgeIsFoundThroughAnotherHeader) {
  EXPECT_EQ(complaints_of("config/c.h:\nops/x.h: config/c.h"),
            Complaints{"ops/x.h: sees \"config/c.h\", never ops config"});
  std::istringstream text("base\nconfig\ndevice\nops\nnever ops config\n");
  const Complaints found = check_layers(
      made_up("config/c.h:\ndevice/d.h: config/c.h\nops/x.cc: device/d.h"), parse_layers(text));
  EXPECT_EQ(found,
            Complaints{"ops/x.cc: sees \"config/c.h\" through device/d.h, never ops config"});
}

TEST(Layering, APrivateHeaderOutsideItsFolderIsFound) {
  EXPECT_EQ(complaints_of("ops/x/x_kernels.h:\nops/y/y.cc: ops/x/x_kernels.h").size(), 1u);
  EXPECT_EQ(complaints_of("base/a_impl.h:\nmodel/m.cc: base/a_impl.h").size(), 1u);
}

TEST(Layering, AFileThatIsNotThereAndAFolderThatIsNotListedAreFound) {
  EXPECT_EQ(complaints_of("base/a.cc: base/b.h").size(), 1u);
  EXPECT_EQ(complaints_of("extra/a.cc:").size(), 1u);
}

TEST(Layering, ALibraryOutsideItsPlaceIsFound) {
  EXPECT_EQ(complaints_of("model/m.cc: <CLI/CLI.hpp>").size(), 1u);
  EXPECT_EQ(complaints_of("ops/x.cc: <cuda_runtime.h>").size(), 1u);
  EXPECT_TRUE(complaints_of("ops/x_cuda.cu: <cuda_runtime.h>").empty());
}

TEST(Layering, InlineCodeInAFileForAvx512IsFound) {
  EXPECT_EQ(complaints_of("ops/x_avx512.cc: <algorithm>").size(), 1u);
  EXPECT_EQ(complaints_of("base/a.h:\nops/x_avx512.cc: base/a.h").size(), 1u);
}

TEST(Layering, IncludesAreReadAsTheCompilerReadsThem) {
  std::istringstream text(
      "// #include \"no.h\"\n#include <vector>  // why\n  # include \"a/b.h\"\n#  define X "
      "\"c.h\"\n");
  const std::vector<Include> found = parse_includes(text);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name, "vector");
  EXPECT_TRUE(found[0].system);
  EXPECT_EQ(found[1].name, "a/b.h");
  EXPECT_FALSE(found[1].system);
}

}  // namespace
}  // namespace fathom
