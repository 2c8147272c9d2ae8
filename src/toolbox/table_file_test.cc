#include "toolbox/table_file.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "base/test_folder.h"
#include "toolbox/test_values.h"

namespace fathom {
namespace {

// A text loaded into a database of its own.
struct Loaded {
  std::unique_ptr<Database> db = Database::create().value();
  Result<LoadedFile> file;

  explicit Loaded(std::string_view text, const TableFileOptions& options = {},
                  TableFormat format = TableFormat::kCsv)
      : file(load_table_text(*db, text, format, "x.csv", options)) {}
  const SqlColumn& column(size_t i) { return db->tables().at(0).columns.at(i); }
  std::vector<SqlRow> rows(std::string_view sql = "SELECT * FROM x") {
    const auto r = db->query(sql);
    EXPECT_TRUE(r.ok()) << r.message();
    return r.ok() ? r.value().rows : std::vector<SqlRow>();
  }
};

ColumnType type_of(std::string_view cells) {
  Loaded x("name\n" + std::string(cells));
  EXPECT_TRUE(x.file.ok()) << x.file.message();
  return x.column(0).type;
}

TEST(TableFile, TypesComeFromAllRows) {
  std::string text = "n\n";
  for (int i = 0; i < 5000; ++i) text += "1\n";
  EXPECT_EQ(type_of(text.substr(2)), ColumnType::kInteger);
  EXPECT_EQ(type_of(text.substr(2) + "0.5\n"), ColumnType::kReal);
  Loaded x(text + "many\n");
  EXPECT_EQ(x.column(0).type, ColumnType::kText);
  EXPECT_EQ(
      x.file.value().notes,
      (std::vector<std::string>{
          "column n is text: 1 of 5001 values are not numbers, the first at line 5002: many"}));
}

TEST(TableFile, NumbersAsPeopleWriteThem) {
  Loaded x(
      "plain;grouped;percent;paid;other\n"
      "1,5;1.234,50;12,5%;$ 5;(1.200)\n"
      "-2;7;3%;-$1.250;1.000\n"
      ";NA;;n/a;-\n");
  ASSERT_TRUE(x.file.ok()) << x.file.message();
  const auto rows = x.rows();
  EXPECT_EQ(rows[0], (SqlRow{1.5, 1234.5, 12.5, integer(5), integer(-1200)}));
  EXPECT_EQ(rows[1], (SqlRow{-2.0, 7.0, 3.0, integer(-1250), integer(1000)}));
  EXPECT_EQ(rows[2], (SqlRow{null, null, null, null, null}));
  EXPECT_EQ(x.column(2).unit, "%");
  EXPECT_EQ(x.column(3).unit, "$");
  Loaded us("a,b\n\"1,234\",1.234\n\"12,345,678.5\",2.5e-3\n");
  EXPECT_EQ(us.rows()[0], (SqlRow{1234.0, 1.234}));
  EXPECT_EQ(us.rows()[1], (SqlRow{12345678.5, 0.0025}));
  Loaded spaced("a\n1 234 567\n5\n");
  EXPECT_EQ(spaced.rows()[0], SqlRow{integer(1234567)});
}

TEST(TableFile, CodesAndAmbiguousMixturesStayText) {
  EXPECT_EQ(type_of("007\n123\n"), ColumnType::kText);
  EXPECT_EQ(type_of("555-1234\n"), ColumnType::kText);
  EXPECT_EQ(type_of("12%\n0.5\n"), ColumnType::kText);
  EXPECT_EQ(type_of("$5\n€6\n"), ColumnType::kText);
  EXPECT_EQ(type_of("1.5\n\"2,5\"\n"), ColumnType::kText);
  EXPECT_EQ(type_of("12345678901234567890\n"), ColumnType::kText);
  EXPECT_EQ(type_of("1.2.3\n1.2.10\n"), ColumnType::kText);
  EXPECT_EQ(type_of("F\nF\n"), ColumnType::kText);
  EXPECT_EQ(type_of("NA\nDE\n"), ColumnType::kText);
  EXPECT_EQ(type_of("12E4\n"), ColumnType::kText);
}

TEST(TableFile, DatesBecomeIso) {
  Loaded x(
      "a,b,c,d,e\n"
      "31/12/2023,1/2/24,\"Jan 5, 2024\",2024-01-05T10:30:00+02:00,05.01.2024 9:05 PM\n"
      "02/01/2024,12/31/23,5 March 2024,2024-12-31 23:30:00.250-01:00,06.01.2024\n");
  ASSERT_TRUE(x.file.ok()) << x.file.message();
  const auto rows = x.rows();
  EXPECT_EQ(rows[0], (SqlRow{"2023-12-31", "2024-01-02", "2024-01-05", "2024-01-05 08:30:00",
                             "2024-01-05 21:05:00"}));
  EXPECT_EQ(rows[1], (SqlRow{"2024-01-02", "2023-12-31", "2024-03-05", "2025-01-01 00:30:00.250",
                             "2024-01-06 00:00:00"}));
  EXPECT_EQ(x.column(0).type, ColumnType::kDate);
  EXPECT_EQ(x.column(3).type, ColumnType::kDatetime);
  EXPECT_EQ(type_of("2024-02-30\n"), ColumnType::kText);
  EXPECT_EQ(type_of("2024-01-05\nsoon\n"), ColumnType::kText);
}

TEST(TableFile, AnotherColumnSettlesTheOrderOfADate) {
  Loaded settled("a,b\n1/2/2024,31/12/2023\n");
  EXPECT_EQ(settled.rows()[0][0], SqlValue("2024-02-01"));
  EXPECT_TRUE(settled.file.value().notes.empty());
  Loaded open("a,b\n1/2/2024,x\n");
  EXPECT_EQ(open.rows()[0][0], SqlValue("2024-01-02"));
  EXPECT_EQ(open.file.value().notes[0],
            "column a: read as month, day, year; no row tells which comes first");
}

TEST(TableFile, YesAndNoAreOneAndZero) {
  Loaded x("paid,ok,sex\nyes,TRUE,F\nNo,false,M\n,,\n");
  EXPECT_EQ(x.column(0).type, ColumnType::kBoolean);
  EXPECT_EQ(x.rows()[0], (SqlRow{integer(1), integer(1), "F"}));
  EXPECT_EQ(x.rows()[1], (SqlRow{integer(0), integer(0), "M"}));
  EXPECT_EQ(x.rows()[2], (SqlRow{null, null, null}));
}

TEST(TableFile, DialectsAreFoundOut) {
  const std::vector<SqlRow> wanted = {{"a b", integer(1)}, {"c, d;\te|", integer(2)}};
  for (const char* text :
       {"name,n\n\"a b\",1\n\"c, d;\te|\",2\n", "name;n\r\n\"a b\";1\r\n\"c, d;\te|\";2\r\n",
        "\xEF\xBB\xBFname\tn\na b\t1\n\"c, d;\te|\"\t2", "name|n\na b|1\n\n\"c, d;\te|\"|2\n\n",
        "sep=;\nname;n\na b;1\n\"c, d;\te|\";2\n", "'name','n'\n'a b','1'\n'c, d;\te|','2'\n"}) {
    Loaded x(text);
    ASSERT_TRUE(x.file.ok()) << text << x.file.message();
    EXPECT_EQ(x.rows(), wanted) << text;
    EXPECT_EQ(x.column(0).name, "name") << text;
  }
}

TEST(TableFile, QuotesAreDoubledOrEscaped) {
  Loaded doubled("a,b\n\"say \"\"hi\"\"\",\"two\nlines\"\n5\" pipe,x\n");
  EXPECT_EQ(doubled.rows()[0], (SqlRow{"say \"hi\"", "two\nlines"}));
  EXPECT_EQ(doubled.rows()[1], (SqlRow{"5\" pipe", "x"}));
  Loaded escaped("a,b\n\"say \\\"hi\\\" all\",\"C:\\\\\"\n\"x\\\"y\",z\n");
  ASSERT_TRUE(escaped.file.ok()) << escaped.file.message();
  EXPECT_EQ(escaped.rows()[0], (SqlRow{"say \"hi\" all", "C:\\"}));
  EXPECT_EQ(escaped.rows()[1], (SqlRow{"x\"y", "z"}));
}

TEST(TableFile, NamesAreUniqueAndOtherwiseAsWritten) {
  Loaded x("Unit Price,unit price,,\"a\nb\",\"q\"\"; DROP TABLE x; --\"\n1,2,3,4,5\n");
  ASSERT_TRUE(x.file.ok()) << x.file.message();
  std::vector<std::string> names;
  for (const SqlColumn& c : x.db->tables()[0].columns) names.push_back(c.name);
  EXPECT_EQ(names, (std::vector<std::string>{"Unit Price", "unit price_2", "column_3", "a b",
                                             "q\"; DROP TABLE x; --"}));
  EXPECT_EQ(x.rows("SELECT \"q\"\"; DROP TABLE x; --\" FROM x"), std::vector<SqlRow>{{integer(5)}});
}

TEST(TableFile, ARowOfDataIsNoHeader) {
  Loaded numbers("Ann,3\nBob,4\n");
  EXPECT_EQ(numbers.rows().size(), 2u);
  EXPECT_EQ(numbers.column(1).name, "column_2");
  EXPECT_EQ(numbers.file.value().notes[0],
            "x.csv: the first row is read as data; columns are named column_1, …");
  EXPECT_EQ(Loaded("Ann,Rome\nBob,Oslo\nAnn,Bonn\n").rows().size(), 3u);
  EXPECT_EQ(Loaded("name,town\nBob,Oslo\n").rows().size(), 1u);
  EXPECT_EQ(Loaded("name,n\nname,5\n").rows(), (std::vector<SqlRow>{{"name", integer(5)}}));
  EXPECT_EQ(Loaded("land,2019,2020\nA,5,6\n").column(2).name, "2020");
  EXPECT_EQ(
      Loaded("name,town\nBob,Oslo\n", {.header = TableFileOptions::Header::kNo}).rows().size(), 2u);
  EXPECT_EQ(Loaded("5,6\n7,8\n", {.header = TableFileOptions::Header::kYes}).rows().size(), 1u);
}

std::string refusal(std::string_view text, const TableFileOptions& options = {},
                    TableFormat format = TableFormat::kCsv) {
  Loaded x(text, options, format);
  EXPECT_FALSE(x.file.ok());
  EXPECT_TRUE(x.db->tables().empty());
  return x.file.ok() ? "" : x.file.message();
}

TEST(TableFile, BadCsvIsNamedWithItsLine) {
  EXPECT_EQ(refusal("a,b\n1,2\n\n1\n"), "x.csv:4: 2 fields wanted as in line 1, 1 found");
  EXPECT_EQ(refusal("a,b\n\"1\n\",2\n1,2,3\n"), "x.csv:4: 2 fields wanted as in line 1, 3 found");
  EXPECT_EQ(refusal("Sales of 2024\n\na,b\n"), "x.csv:3: 1 field wanted as in line 1, 2 found");
  EXPECT_EQ(refusal("a,b\n1,caf\xE9\n"),
            "x.csv:2: UTF-8 wanted, byte 0xE9 found at column 6; if the file comes from Windows, "
            "iconv -f WINDOWS-1252 -t UTF-8 converts it");
  EXPECT_EQ(refusal("\xFF\xFE"
                    "a"),
            "x.csv: UTF-8 wanted, UTF-16 found; iconv -f UTF-16 -t UTF-8 converts it");
  EXPECT_EQ(refusal(std::string("a,b\n1,\0\n", 8)),
            "x.csv:2: text wanted, a NUL byte found at column 3");
  EXPECT_EQ(refusal("a,b\n1,2\n3,\"4\n5,6\n"),
            "x.csv:3: a quote that opens in this row is not closed");
  EXPECT_EQ(refusal("a,b\n1," + std::string(2000, 'x') + "\n", {.max_cell_bytes = 1000}),
            "x.csv:2: a field of more than 1000 bytes (a quote that is not closed?)");
  std::string endless = "a,b\n1,\"";
  for (int i = 0; i < 300'000; ++i) endless += "x\n";
  EXPECT_EQ(refusal(endless, {.max_cell_bytes = 1000}),
            "x.csv:2: a field of more than 1000 bytes (a quote that is not closed?)");
  EXPECT_EQ(refusal(""), "x.csv: the file is empty");
  EXPECT_EQ(refusal(" \n\n"), "x.csv: the file is empty");
  EXPECT_EQ(refusal("\na,b\n"), "x.csv: 0 rows below the header in line 2");
  std::string wide = "a";
  for (int i = 0; i < 2000; ++i) wide += ",a";
  EXPECT_EQ(refusal(wide + "\n" + wide + "\n", {.header = TableFileOptions::Header::kYes}),
            "table x: 1 to 2000 columns wanted, 2001 found");
}

TEST(TableFile, ADelimiterAtTheEndIsNoColumn) {
  Loaded x("a,b,\n1,2,\n");
  EXPECT_EQ(x.rows(), (std::vector<SqlRow>{{integer(1), integer(2)}}));
  EXPECT_EQ(Loaded("a,,b,\n1,,2,3\n").rows(),
            (std::vector<SqlRow>{{integer(1), integer(2), integer(3)}}));
}

TEST(TableFile, PaddingLosesNothing) {
  Loaded x("a,b\n1,2\n3\n4,5,six\n", {.ragged = TableFileOptions::Ragged::kPad});
  ASSERT_TRUE(x.file.ok()) << x.file.message();
  EXPECT_EQ(x.rows(), (std::vector<SqlRow>{{integer(1), integer(2), null},
                                           {integer(3), null, null},
                                           {integer(4), integer(5), "six"}}));
  EXPECT_EQ(x.column(2).name, "column_3");
  EXPECT_TRUE(Loaded("a,b\n1,2,,\n").file.ok());
}

TEST(TableFile, JsonAndJsonLinesHaveTheColumnsOfAllRows) {
  const std::vector<SqlRow> wanted = {{integer(1), 2.5, null, null},
                                      {integer(2), null, "{\"x\":[1]}", integer(1)}};
  const std::string a = R"({"a":1,"b":2.5})", b = R"({"a":2,"c":{"x":[1]},"d":true})";
  for (const std::string& text :
       {"[" + a + ",\n" + b + "]",
        "{\"n\":2,\"meta\":{\"k\":[1]},\"rows\":[" + a + "," + b + "]}"}) {
    Loaded x(text, {}, TableFormat::kJson);
    ASSERT_TRUE(x.file.ok()) << x.file.message();
    EXPECT_EQ(x.rows(), wanted);
  }
  Loaded lines(a + "\n\n" + b + "\n", {}, TableFormat::kJsonLines);
  EXPECT_EQ(lines.rows(), wanted);
  EXPECT_EQ(lines.column(3).type, ColumnType::kBoolean);
  Loaded mixed(R"([{"v":1,"d":"2024-01-05"},{"v":"x","d":null}])", {}, TableFormat::kJson);
  EXPECT_EQ(mixed.column(0).type, ColumnType::kAny);
  EXPECT_EQ(mixed.column(1).type, ColumnType::kDate);
  EXPECT_EQ(mixed.rows()[0][0], integer(1));
}

TEST(TableFile, BadJsonIsNamedWithItsRow) {
  const auto json = [](std::string_view text) { return refusal(text, {}, TableFormat::kJson); };
  EXPECT_TRUE(json("[{\"a\":1},").starts_with("x.csv: parse error at line 1, column "));
  EXPECT_EQ(json("[{\"a\":1},3]"), "x.csv: row 2: an object wanted, another value found");
  EXPECT_EQ(json("[]"), "x.csv: an array of objects wanted, none found");
  EXPECT_EQ(json("{\"a\":[{\"x\":1}],\"b\":[{\"x\":1}]}"),
            "x.csv: one array of objects wanted, two found: a and b");
  EXPECT_EQ(json(std::string(100'000, '[')), "x.csv: nested deeper than 64");
  EXPECT_EQ(refusal("{\"a\":1}\n[2]\n", {}, TableFormat::kJsonLines),
            "x.csv:2: an object wanted, array found");
}

TEST(TableFile, AFileIsKnownByItsEndingOrItsFirstBytes) {
  const TestFolder folder;
  auto db = Database::create().value();
  const auto load = [&](const std::string& name, std::string_view text) {
    const auto r = load_table_file(*db, folder.write(name, text));
    EXPECT_TRUE(r.ok()) << r.message();
    return r.ok() ? r.value().tables[0] : "";
  };
  EXPECT_EQ(load("sales 2024-Q1.csv", "a,b\n1,2\n"), "sales_2024_Q1");
  EXPECT_EQ(load("sales.2024-q1.tsv", "a,x\tb\n1\t2\n"), "sales_2024_q1_2");
  EXPECT_EQ(load("2024.txt", "[{\"a\":1}]"), "t_2024");
  EXPECT_EQ(load("lines.json", "{\"a\":1}\n{\"a\":2}\n"), "lines");
  EXPECT_EQ(db->table("sales_2024_q1_2")->columns[0].name, "a,x");
  EXPECT_TRUE(load_table_file(*db, folder.path() / "none.csv")
                  .message()
                  .ends_with("none.csv: cannot open: No such file or directory"));
}

TEST(TableFile, ASqliteFileIsReadAndNeverRun) {
  const TestFolder folder;
  const auto path = folder.path() / "a?#%.db";
  (void)Database::create();  // wraps SQLite's allocator before its first use below
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw,
                         "CREATE TABLE \"o'r\"\"d\" (id INTEGER, day TEXT, code TEXT, v);"
                         "INSERT INTO \"o'r\"\"d\" VALUES (1, '2024-01-05', '7', 0.1), (2, NULL, "
                         "'8', 'x'), (3, '2024-01-06', x'00FF', NULL);"
                         "CREATE TABLE hollow (a); CREATE VIEW v AS SELECT load_extension('x');"
                         "CREATE VIRTUAL TABLE f USING fts5(a);",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(raw);
  auto db = Database::create().value();
  const auto loaded = load_table_file(*db, path);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const SqlTable* t = db->table("o'r\"d");
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(t->columns[1].type, ColumnType::kDate);
  EXPECT_EQ(t->columns[2].type, ColumnType::kText);
  EXPECT_EQ(t->columns[3].type, ColumnType::kAny);
  EXPECT_EQ(db->query("SELECT * FROM \"o'r\"\"d\"").value().rows,
            (std::vector<SqlRow>{{integer(1), "2024-01-05", "7", 0.1},
                                 {integer(2), null, "8", "x"},
                                 {integer(3), "2024-01-06", "00FF", null}}));
  EXPECT_FALSE(std::filesystem::exists(path.string() + "-journal"));
  const auto broken = folder.write("b.db", std::string("SQLite format 3\0", 16) + "no more");
  EXPECT_TRUE(load_table_file(*db, broken).message().ends_with("b.db: file is not a database"));
  folder.write("a?#%.db-wal", "x");
  EXPECT_TRUE(load_table_file(*db, path).message().ends_with("close the program that writes it"));
}

}  // namespace
}  // namespace fathom
