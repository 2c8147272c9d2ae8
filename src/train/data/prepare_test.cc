#include "train/data/prepare.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <set>

#include "base/file.h"
#include "base/test_folder.h"
#include "base/threads.h"
#include "train/data/fim.h"
#include "train/test_support.h"

namespace fathom {
namespace {

std::string text_of(const Corpus& corpus, int64_t document) {
  std::vector<int32_t> ids(corpus.length(document));
  corpus.copy(ids, document, 0);
  return ByteTokenizer().decode(ids, false);
}

std::vector<std::string> texts_of(const Corpus& corpus) {
  std::vector<std::string> texts;
  for (int64_t d = 0; d < corpus.n_documents(); ++d) texts.push_back(text_of(corpus, d));
  return texts;
}

class Prepare : public testing::Test {
 protected:
  Result<TokenData> prepare(const DataOptions& options) {
    PrepareOptions how;
    how.directory = folder_.path() / "data";
    how.shard_bytes = shard_bytes_;
    how.trust = trust_;
    return prepare_data(options, tokenizer_, 7, how);
  }
  TestFolder folder_;
  ByteTokenizer tokenizer_;
  int64_t shard_bytes_ = int64_t{1} << 20;
  bool trust_ = false;
};

TEST_F(Prepare, DocumentsComeInSortedOrderFramedByBosAndEos) {
  folder_.write("text/b.txt", "bee");
  folder_.write("text/a/z.md", "zed");
  folder_.write("text/a/skip.bin", "not text by its name");
  folder_.write("text/c.jsonl", "{\"text\": \"one\"}\n\n{\"text\": \"two\\n\", \"id\": 3}\n");
  folder_.write("text/blank.txt", " \n");
  const auto data = prepare({.sources = {{.path = folder_.path() / "text"}}});
  ASSERT_TRUE(data.ok()) << data.message();
  EXPECT_EQ(texts_of(data.value().train),
            (std::vector<std::string>{"<s>zed</s>", "<s>bee</s>", "<s>one</s>", "<s>two\n</s>"}));
  EXPECT_EQ(data.value().summary.counts.documents, 4);
  EXPECT_EQ(data.value().summary.counts.empty, 1);
  EXPECT_EQ(data.value().summary.files, 4);
}

TEST_F(Prepare, AGlobChoosesFilesAndASeparatorCutsThem) {
  folder_.write("text/a.dict", "one\n%\ntwo\n%\nthree");
  folder_.write("text/b.txt", "other");
  const auto data = prepare(
      {.sources = {{.path = folder_.path() / "text", .glob = "*.dict", .separator = "\n%\n"}}});
  ASSERT_TRUE(data.ok()) << data.message();
  EXPECT_EQ(texts_of(data.value().train),
            (std::vector<std::string>{"<s>one</s>", "<s>two</s>", "<s>three</s>"}));
}

TEST_F(Prepare, TextThatIsNotUtf8IsLeftOutAndTold) {
  folder_.write("text/a.txt", "caf\xe9");
  folder_.write("text/b.txt", "café");
  const auto data = prepare({.sources = {{.path = folder_.path() / "text"}}});
  ASSERT_TRUE(data.ok()) << data.message();
  EXPECT_EQ(data.value().train.n_documents(), 1);
  EXPECT_EQ(data.value().summary.counts.not_utf8, 1);
  EXPECT_EQ(data.value().summary.counts.first_not_utf8, (folder_.path() / "text/a.txt").string());
}

TEST_F(Prepare, EachErrorNamesItsPlace) {
  EXPECT_EQ(prepare({.sources = {{.path = folder_.path() / "absent"}}}).message(),
            (folder_.path() / "absent").string() + ": cannot read: No such file or directory");
  const auto jsonl = folder_.write("bad.jsonl", "{\"text\": \"fine\"}\n{\"txt\": 1}\n");
  EXPECT_EQ(
      prepare({.sources = {{.path = jsonl}}}).message(),
      jsonl.string() + ":2: a JSON object with a string \"text\" wanted, another value found");
  const auto blank = folder_.write("blank.txt", " ");
  EXPECT_EQ(prepare({.sources = {{.path = blank}}}).message(),
            "data.sources: documents to train on wanted, none found in 1 files");
  std::filesystem::create_directories(folder_.path() / "empty");
  EXPECT_NE(prepare({.sources = {{.path = folder_.path() / "empty"}}}).message().find("none found"),
            std::string::npos);
}

std::string numbered_jsonl(int n) {
  std::string lines;
  for (int i = 0; i < n; ++i)
    lines += "{\"text\": \"document number " + std::to_string(i) + " of the test\"}\n";
  return lines;
}

TEST_F(Prepare, AFractionIsHeldOutByTextWhateverElseIsThere) {
  const auto a = folder_.write("a.jsonl", numbered_jsonl(400));
  const DataOptions options{.sources = {{.path = a}}, .validation_fraction = 0.1, .seed = 3};
  const auto first = prepare(options);
  ASSERT_TRUE(first.ok()) << first.message();
  const auto held = texts_of(first.value().validation);
  EXPECT_GT(held.size(), 15u);
  EXPECT_LT(held.size(), 75u);
  EXPECT_EQ(held.size() + first.value().train.n_documents(), 400u);
  folder_.write("a.jsonl", "{\"text\": \"a new first document\"}\n" + numbered_jsonl(400));
  const auto second = prepare(options);
  ASSERT_TRUE(second.ok()) << second.message();
  EXPECT_TRUE(second.value().summary.built);
  auto again = texts_of(second.value().validation);
  std::erase(again, "<s>a new first document</s>");
  EXPECT_EQ(again, held);
}

TEST_F(Prepare, SourcesOfTheirOwnAreHeldOutWhole) {
  const auto a = folder_.write("a.jsonl", numbered_jsonl(10));
  const auto v = folder_.write("v.txt", "held out");
  const auto data =
      prepare({.sources = {{.path = a}}, .validation = {{.path = v}}, .fim_rate = 1.0});
  ASSERT_TRUE(data.ok()) << data.message();
  EXPECT_EQ(data.value().train.n_documents(), 10);
  EXPECT_EQ(texts_of(data.value().validation),
            std::vector<std::string>{"<s>held out</s>"});  // never cut
}

TEST_F(Prepare, FimTellsPrefixSuffixMiddleAtItsRate) {
  const auto a = folder_.write("a.jsonl", numbered_jsonl(1000));
  const auto data = prepare({.sources = {{.path = a}}, .fim_rate = 0.1, .seed = 5});
  ASSERT_TRUE(data.ok()) << data.message();
  int cut = 0;
  for (int64_t d = 0; d < 1000; ++d) {
    const std::string text = text_of(data.value().train, d);
    const std::string whole = "document number " + std::to_string(d) + " of the test";
    const std::string begin = "<s><|fim_begin|>", hole = "<|fim_hole|>", end = "<|fim_end|>",
                      eos = "</s>";
    if (!text.starts_with(begin)) {
      EXPECT_EQ(text, "<s>" + whole + "</s>");
      continue;
    }
    ++cut;
    const size_t h = text.find(hole), e = text.find(end);
    ASSERT_NE(h, std::string::npos);
    ASSERT_NE(e, std::string::npos);
    const std::string prefix = text.substr(begin.size(), h - begin.size());
    const std::string suffix = text.substr(h + hole.size(), e - h - hole.size());
    const std::string middle =
        text.substr(e + end.size(), text.size() - eos.size() - e - end.size());
    EXPECT_EQ(prefix + middle + suffix, whole);
  }
  EXPECT_GT(cut, 60);  // 100 wanted, deviation 9.5
  EXPECT_LT(cut, 140);
}

TEST(Fim, CutsFallBetweenCharacters) {
  const std::string text = "äöüßéèê日本語";
  std::set<size_t> places;
  for (uint64_t d = 0; d < 200; ++d) {
    const auto cut = fim_cut(text, 1, d, 1.0);
    ASSERT_TRUE(cut);
    EXPECT_EQ(std::string(cut->prefix) + std::string(cut->middle) + std::string(cut->suffix), text);
    for (std::string_view piece : {cut->middle, cut->suffix}) {
      if (piece.empty()) continue;
      EXPECT_NE(static_cast<uint8_t>(piece[0]) & 0xC0, 0x80);
    }
    places.insert(cut->prefix.size());
  }
  EXPECT_GT(places.size(), 7u);
}

TEST_F(Prepare, ManyShardsOneShardAndAnyThreadCountGiveTheSameDocuments) {
  const auto a = folder_.write("a.jsonl", numbered_jsonl(300));
  const DataOptions options{.sources = {{.path = a}}, .validation_fraction = 0.2, .fim_rate = 0.3};
  const auto one = prepare(options);
  ASSERT_TRUE(one.ok()) << one.message();
  const auto texts = texts_of(one.value().train);
  std::filesystem::remove_all(folder_.path() / "data");
  shard_bytes_ = 1000;
  const int threads = num_threads();
  set_num_threads(3);
  const auto many = prepare(options);
  set_num_threads(threads);
  ASSERT_TRUE(many.ok()) << many.message();
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "data/train-00003.tokens"));
  EXPECT_EQ(texts_of(many.value().train), texts);
}

TEST_F(Prepare, TheSecondRunOpensWhatTheFirstMade) {
  const auto a = folder_.write("a.jsonl", numbered_jsonl(20));
  const DataOptions options{.sources = {{.path = a}}};
  const auto first = prepare(options);
  ASSERT_TRUE(first.ok()) << first.message();
  EXPECT_TRUE(first.value().summary.built);
  const auto second = prepare(options);
  ASSERT_TRUE(second.ok()) << second.message();
  EXPECT_FALSE(second.value().summary.built);
  EXPECT_EQ(second.value().content, first.value().content);
  EXPECT_EQ(second.value().summary.counts.bytes, first.value().summary.counts.bytes);
  // Gone sources matter unless the data is to be taken as it is.
  std::filesystem::remove(a);
  EXPECT_FALSE(prepare(options).ok());
  trust_ = true;
  EXPECT_TRUE(prepare(options).ok());
  // Another rate is other data.
  DataOptions other = options;
  other.fim_rate = 0.5;
  EXPECT_FALSE(prepare(other).ok());
}

TEST_F(Prepare, AFullDiskLeavesNothingHalfMade) {
  const auto a = folder_.write("a.jsonl", numbered_jsonl(400));
  struct rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  struct rlimit small = old;
  small.rlim_cur = 1000;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const auto data = prepare({.sources = {{.path = a}}});
  setrlimit(RLIMIT_FSIZE, &old);
  signal(SIGXFSZ, SIG_DFL);
  ASSERT_FALSE(data.ok());
  EXPECT_NE(data.message().find("cannot write: File too large"), std::string::npos)
      << data.message();
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
    left.push_back(entry.path().filename());
  EXPECT_EQ(left, std::vector<std::string>{"a.jsonl"});
}

TEST_F(Prepare, WhatAsksForAnEndGetsOne) {
  const auto a = folder_.write("a.jsonl", numbered_jsonl(20));
  PrepareOptions how;
  how.directory = folder_.path() / "data";
  how.progress = [](int64_t, int64_t) { return false; };
  EXPECT_EQ(prepare_data({.sources = {{.path = a}}}, tokenizer_, 7, how).message(),
            "stopped while tokenizing the data");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "data"));
}

TEST_F(Prepare, RunsThatShareAFolderKeepTheirDataApart) {
  const auto a = folder_.write("a.jsonl", numbered_jsonl(20));
  PrepareOptions how;
  how.directory = folder_.path() / "cache";
  how.shared = true;
  for (int round = 0; round < 2; ++round) {
    for (double rate : {0.0, 1.0}) {
      const auto data =
          prepare_data({.sources = {{.path = a}}, .fim_rate = rate}, tokenizer_, 7, how);
      ASSERT_TRUE(data.ok()) << data.message();
      EXPECT_EQ(data.value().summary.built, round == 0);
      EXPECT_EQ(text_of(data.value().train, 0).starts_with("<s><|fim_begin|>"), rate == 1.0);
    }
  }
}

TEST_F(Prepare, ADamagedShardIsRefusedByName) {
  const auto a = folder_.write("a.jsonl", numbered_jsonl(20));
  const DataOptions options{.sources = {{.path = a}}};
  ASSERT_TRUE(prepare(options).ok());
  const auto path = folder_.path() / "data/train-00000.tokens";
  const std::string good = read_file(path).value();
  for (size_t at :
       {size_t{8}, size_t{20}, size_t{28}, size_t{35}, size_t{43}, size_t{70}, good.size() - 1}) {
    std::string bad = good;
    bad[at] ^= 1;
    folder_.write("data/train-00000.tokens", bad);
    const auto data = prepare(options);
    ASSERT_FALSE(data.ok()) << at;
    EXPECT_EQ(data.message().find(path.string()), 0u) << data.message();
  }
  folder_.write("data/train-00000.tokens", good.substr(0, good.size() - 2));
  EXPECT_FALSE(prepare(options).ok());
  folder_.write("data/train-00000.tokens", good.substr(0, 10));
  EXPECT_FALSE(prepare(options).ok());
  folder_.write("data/train-00000.tokens", good);
  EXPECT_TRUE(prepare(options).ok());
}

}  // namespace
}  // namespace fathom
