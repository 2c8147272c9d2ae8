#include "toolbox/question_marks.h"

#include <gtest/gtest.h>

#include "toolbox/table_file.h"
#include "toolbox/table_labels.h"

namespace fathom {
namespace {

using Texts = std::vector<std::string>;
using Kind = QuestionMark::Kind;

std::unique_ptr<Database> marked_table(std::string_view csv) {
  auto db = Database::create().value();
  const auto file = load_table_text(*db, csv, TableFormat::kCsv, "sales.csv");
  EXPECT_TRUE(file.ok()) << file.message();
  return db;
}

// "words=column,column", "words~column", "words=column:'value'", "words:'2024-03'".
Texts marks(const Database& db, std::string_view question) {
  Texts out;
  size_t done = 0;
  for (const QuestionMark& m : question_marks(db, question)) {
    EXPECT_LE(m.begin, m.end);
    EXPECT_LE(m.end, question.size());
    EXPECT_TRUE(m.begin >= done || m.end == done);
    done = m.end;
    std::string text(question.substr(m.begin, m.end - m.begin));
    if (m.kind != Kind::kLiteral) text += m.is_certain() ? "=" : "~";
    for (size_t i = 0; i < m.columns.size(); ++i) text += (i == 0 ? "" : ",") + m.columns[i]->name;
    for (const MarkedLiteral& l : m.literals) text += ":" + l.sql;
    out.push_back(text);
  }
  return out;
}

TEST(QuestionMarks, ColumnsAreFoundByTheirWordsInAnyStyleAndNumber) {
  auto db = marked_table(
      "customerId,CITY_CODE,Unit Price,category,bus,boxes,status,last\n1,2,3,4,5,6,7,8\n");
  EXPECT_EQ(marks(*db, "Customer ids by city code"),
            (Texts{"Customer ids=customerId", "city code=CITY_CODE"}));
  EXPECT_EQ(marks(*db, "UNIT-PRICES of all categories"),
            (Texts{"UNIT-PRICES=Unit Price", "categories=category"}));
  EXPECT_EQ(marks(*db, "how many buses, and a box?"), (Texts{"buses=bus", "box=boxes"}));
  EXPECT_EQ(marks(*db, "the status, statute, the last"), (Texts{"status=status"}));
}

TEST(QuestionMarks, AUnitIsNoPartOfANameThatAQuestionMustSay) {
  auto db = marked_table("cost_usd,cost_basis,cost_from,max temp c,min,kg\n1,2,3,4,5,6\n");
  EXPECT_EQ(marks(*db, "the cost in usd"), (Texts{"cost=cost_usd"}));
  EXPECT_EQ(marks(*db, "cost usd by cost basis"),
            (Texts{"cost usd=cost_usd", "cost basis=cost_basis"}));
  EXPECT_EQ(marks(*db, "max temp, min and kg"), (Texts{"max temp=max temp c", "min=min", "kg=kg"}));
  EXPECT_EQ(marks(*marked_table("temp_min,temp_max\n1,2\n"), "the temp"),
            (Texts{"temp~temp_min,temp_max"}));
  EXPECT_EQ(marks(*db, "what was spent"), (Texts{"spent~cost_usd"}));  // all of it before parts
}

TEST(QuestionMarks, SomeWordsOfANameArePartsOfAtMostTwoColumns) {
  auto db = marked_table(
      "unit price,list price,unit weight,number of visits,is open,birth year\n1,2,3,4,yes,7\n");
  EXPECT_EQ(marks(*db, "the price"), (Texts{"price~unit price,list price"}));
  EXPECT_EQ(marks(*db, "list price and weight"),
            (Texts{"list price=list price", "weight~unit weight"}));
  EXPECT_EQ(marks(*db, "number of the open, by year"), (Texts{"open~is open"}));
  EXPECT_TRUE(marks(*marked_table("how many,x\n1,2\n"), "how many are there").empty());
  EXPECT_TRUE(marks(*marked_table("a price,b price,c price\n1,2,3\n"), "the price").empty());
}

TEST(QuestionMarks, WordsForTheSameAreAkinWhereNothingElseIsMeant) {
  auto db = marked_table("client,unit price,qty,product name,sold on\nx,1,2,y,2024-01-02\n");
  EXPECT_EQ(marks(*db, "who are the best customers, and the cheapest items?"),
            (Texts{"customers~client", "cheapest~unit price", "items~qty,product name"}));
  EXPECT_EQ(marks(*db, "what did clients spend?"), (Texts{"clients=client", "spend~unit price"}));
  EXPECT_EQ(marks(*marked_table("name,delivery date,n\nx,2024-01-02,1\n"), "who and when"),
            (Texts{"who~name", "when~delivery date"}));
}

TEST(QuestionMarks, ShortenedAndBritishNamesAreRecognised) {
  auto db = marked_table("qty,impct speed,clr,colour,organization,cm\n1,2,3,4,5,6\n");
  EXPECT_EQ(marks(*db, "quantity by impact speed"),
            (Texts{"quantity=qty", "impact speed=impct speed"}));
  EXPECT_EQ(marks(*db, "colors of organisations"),
            (Texts{"colors=colour", "organisations=organization"}));
  EXPECT_TRUE(marks(*db, "come, clutch, depth").empty());
}

TEST(QuestionMarks, ValuesStandBesideColumnsAndNumbers) {
  auto db =
      marked_table("region,grade,open,n\nNorth,A,open,1\nNew York,B,closed,2\nYork,IN,open,3\n");
  EXPECT_EQ(marks(*db, "new-york and north"),
            (Texts{"new-york=region:'New York'", "north=region:'North'"}));
  EXPECT_EQ(marks(*db, "all open sales in grade A"),
            (Texts{"open=open", "open=open:'open'", "grade=grade", "A=grade:'A'"}));
  EXPECT_EQ(marks(*marked_table("sky,rain mm,sex\nsun,1,M\nrain,2,F\n"), "rain, and I'm m"),
            (Texts{"rain=rain mm", "rain=sky:'rain'", "m=sex:'M'"}));
  EXPECT_EQ(marks(*marked_table("n,by,to\n1,ann,ANN\n2,ANN,bob\n"), "ann"),
            (Texts{"ann=by:'ann'", "ann=to:'ANN'"}));
  EXPECT_EQ(marks(*marked_table("n,code\n1,x\n2,H1\n"), "in 2024 with H1"),
            (Texts{"2024:2024", "H1=code:'H1'"}));
}

TEST(QuestionMarks, NumbersAreReadAsPeopleWriteThem) {
  auto db = marked_table("x\n7\n");
  EXPECT_EQ(marks(*db, "top 5 above 1,250.50 and below 20%, $7.5, 5 again"),
            (Texts{"5:5", "1,250.50:1250.50", "20:20", "7.5:7.5", "5:5"}));
  EXPECT_EQ(marks(*db, "5k, 29.1 million, 0.5M, 2bn and 3 thousand"),
            (Texts{"5k:5000", "29.1 million:29100000", "0.5M:500000", "2bn:2000000000",
                   "3 thousand:3000"}));
  EXPECT_EQ(marks(*db, "the two biggest, twelve of one"), (Texts{"two:2", "twelve:12"}));
  EXPECT_EQ(marks(*db, "0 or 1, H100, INV-3740, 3rd, Q3, 1,2,3. 12 km at 3:50:00"),
            (Texts{"2:2", "3:3", "12:12"}));
}

TEST(QuestionMarks, DatesAreReadAsPeopleWriteThem) {
  auto db = marked_table("x\n7\n");
  EXPECT_EQ(marks(*db, "from 2020-2023, on 2024-03-05 or in 2024-03"),
            (Texts{"2020:2020", "2023:2023", "2024-03-05:'2024-03-05'", "2024-03:'2024-03'"}));
  EXPECT_EQ(
      marks(*db, "5 March 2024, Mar 5, 2024 and march 2024"),
      (Texts{"5 March 2024:'2024-03-05'", "Mar 5, 2024:'2024-03-05'", "march 2024:'2024-03'"}));
  EXPECT_EQ(marks(*db, "in May or in december; may it mar"), (Texts{"May:'05'", "december:'12'"}));
  EXPECT_EQ(marks(*db, "Q2 2024 and the second quarter of 2023, second best"),
            (Texts{"Q2 2024:'2024-04-01':'2024-06-30'",
                   "second quarter of 2023:'2023-04-01':'2023-06-30'"}));
}

TEST(QuestionMarks, QuotedAndContainedWordsAreText) {
  auto db = marked_table("title\nThe Silver Sea\n");
  EXPECT_EQ(marks(*db, "whose title contains 'silver'"), (Texts{"title=title", "silver:'silver'"}));
  EXPECT_EQ(marks(*db, "titles containing sea or with the word the"),
            (Texts{"titles=title", "sea:'sea'"}));
  EXPECT_EQ(marks(*db, "the sea's 'it's'"), (Texts{"it's:'it''s'"}));
  EXPECT_EQ(marks(*db, "an open 'quote").size(), 0u);
}

TEST(QuestionMarks, AnyBytesAreAQuestion) {
  auto db = marked_table("x,naïve\n7,é\n");
  for (const char* question : {"", "'", "'x", "5", "5-", "-5-", "1.", "1,", "q", "\xff\xfe 5\xff",
                               "É 12 naïves", "2024-", "March", "march 5,", "5 may", "\"\""})
    for (const QuestionMark& m : question_marks(*db, question)) EXPECT_LT(m.begin, m.end);
  EXPECT_EQ(marks(*db, "É, NAÏVE"), (Texts{"É=naïve:'é'", "NAÏVE=naïve"}));
}

}  // namespace
}  // namespace fathom
