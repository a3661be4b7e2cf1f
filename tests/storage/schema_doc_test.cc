// docs/SCHEMA.md is a contract: it names every table, view and column there is.
#include "absl/strings/match.h"
#include "base/file.h"
#include "storage/reader.h"
#include "storage/sqlite_store.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

TEST(SchemaDocument, NamesEveryTableViewAndColumn) {
  const TempDir directory;
  SqliteStoreOptions options;
  options.path = directory.File("sprint.db");
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store, OpenSqliteStore(options));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Reader> reader, Reader::Open(options.path));
  ASSERT_OK_AND_ASSIGN(const std::string document, ReadFile(SourceDir() + "/docs/SCHEMA.md"));
  int64_t columns = 0;
  ASSERT_OK(reader->ForEachRow(
      "SELECT s.name, c.name FROM sqlite_schema s JOIN pragma_table_info(s.name) c "
      "WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite_%'",
      {}, [&](const auto&, const std::vector<SqlValue>& row) {
        const std::string table = std::get<std::string>(row[0]);
        const std::string column = std::get<std::string>(row[1]);
        EXPECT_TRUE(absl::StrContains(document, "`" + table + "`")) << table;
        EXPECT_TRUE(absl::StrContains(document, "`" + column + "`")) << table << "." << column;
        ++columns;
        return true;
      }));
  EXPECT_GT(columns, 100);
}

}  // namespace
}  // namespace sprint::testing
