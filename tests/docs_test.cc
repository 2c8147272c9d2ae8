// Documents name files of the repository between backquotes or in links; each must be there, so
// that a renamed file takes its mention along.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace fathom {
namespace {

namespace fs = std::filesystem;

/// Paths below src, tests, docs, cmake, bench and models that stand between backquotes, and
/// relative targets of links.
std::vector<std::string> named_paths(const std::string& text) {
  static const std::regex kCode("`((?:src|tests|docs|cmake|bench|models)/[A-Za-z0-9_./-]*)`");
  static const std::regex kLink("\\]\\(([A-Za-z0-9_./-]+)\\)");
  std::vector<std::string> paths;
  for (const std::regex* pattern : {&kCode, &kLink}) {
    for (std::sregex_iterator at(text.begin(), text.end(), *pattern), end; at != end; ++at) {
      paths.push_back((*at)[1]);
    }
  }
  return paths;
}

std::vector<fs::path> documents() {
  const fs::path root = FATHOM_SOURCE_DIR;
  std::vector<fs::path> found = {root / "README.md", root / "CONTRIBUTING.md",
                                 root / "CHANGELOG.md"};
  for (const auto& entry : fs::directory_iterator(root / "docs")) {
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  }
  return found;
}

bool there(const fs::path& document, const std::string& name) {
  return fs::exists(document.parent_path() / name) ||
         fs::exists(fs::path(FATHOM_SOURCE_DIR) / name);
}

TEST(Docs, EveryFileThatIsNamedIsThere) {
  for (const fs::path& document : documents()) {
    std::ifstream in(document);
    ASSERT_TRUE(in) << document;
    std::stringstream text;
    text << in.rdbuf();
    for (const std::string& name : named_paths(text.str())) {
      EXPECT_TRUE(there(document, name)) << document.string() << " names " << name;
    }
  }
}

TEST(Docs, NamesAreFoundInCodeAndInLinks) {
  const std::vector<std::string> found = named_paths(
      "see `src/a/b.h` and [it](docs/x.md), not `./run`, [a page](https://x.y/z) or `x.cc`");
  EXPECT_EQ(found, (std::vector<std::string>{"src/a/b.h", "docs/x.md"}));
  EXPECT_FALSE(there(fs::path(FATHOM_SOURCE_DIR) / "README.md", "src/no_such_file.h"));
}

}  // namespace
}  // namespace fathom
