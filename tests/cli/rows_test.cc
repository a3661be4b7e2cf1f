#include "cli/rows.h"

#include "tests/testing/testing.h"

namespace sprint {
namespace {

const std::vector<std::string> kColumns = {"arm", "n", "share", "note", "hash"};

std::string Written(RowFormat format, const std::vector<std::vector<SqlValue>>& rows) {
  std::string out;
  const auto writer =
      MakeRowWriter(format, Style(), 0, [&](absl::string_view text) { out += std::string(text); });
  for (const auto& row : rows) writer->Row(kColumns, row);
  writer->Finish(kColumns);
  return out;
}

const std::vector<SqlValue> kRow = {std::string("L3H5"), int64_t{7}, 0.1, std::monostate(), Blob{"\x01\xff"}};

TEST(Rows, AreAJsonArrayOfObjects) {
  EXPECT_EQ(Written(RowFormat::kJson, {kRow, kRow}),
            "[\n{\"arm\":\"L3H5\",\"n\":7,\"share\":0.1,\"note\":null,\"hash\":\"01ff\"},\n"
            "{\"arm\":\"L3H5\",\"n\":7,\"share\":0.1,\"note\":null,\"hash\":\"01ff\"}\n]\n");
  EXPECT_EQ(Written(RowFormat::kJson, {}), "[]\n");
}

TEST(Rows, StayJsonWhateverBytesATextHolds) {
  EXPECT_THAT(
      Written(RowFormat::kJsonLines, {{std::string("\xff\"\n"), int64_t{1}, 1.0, std::monostate(), Blob{}}}),
      ::testing::StartsWith("{\"arm\":\"\xef\xbf\xbd\\\"\\n\""));
}

TEST(Rows, AreQuotedCsvWhereTheyMust) {
  EXPECT_EQ(Written(RowFormat::kCsv,
                    {{std::string("a,\"b\"\nc"), int64_t{1}, 0.5, std::monostate(), Blob{"\x0f"}}}),
            "arm,n,share,note,hash\r\n\"a,\"\"b\"\"\nc\",1,0.5,,0f\r\n");
  EXPECT_EQ(Written(RowFormat::kCsv, {}), "arm,n,share,note,hash\r\n") << "the header stands alone";
}

TEST(Rows, AreATableWithNumbersToTheRight) {
  EXPECT_EQ(Written(RowFormat::kTable,
                    {kRow, {std::string("x"), int64_t{12345}, std::monostate(), std::string("n"), Blob{}}}),
            "arm       n  share  note  hash\n"
            "L3H5      7    0.1  null  x'01ff'\n"
            "x     12345   null  n     x''\n");
}

}  // namespace
}  // namespace sprint
