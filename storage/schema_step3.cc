#include "storage/schema_sql.h"

namespace sprint {

// Trained selectors, and the trainings that a coordinator runs.
const char kSelectors3[] = R"sql(
CREATE TABLE selector (
  selector_id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  name TEXT NOT NULL,
  snapshot_hash BLOB NOT NULL CHECK (length(snapshot_hash) = 32),
  lineage TEXT NOT NULL,
  file BLOB NOT NULL,
  created INTEGER NOT NULL
) STRICT;

CREATE TABLE training (
  training_id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  folder TEXT NOT NULL,
  arguments TEXT NOT NULL,
  state INTEGER NOT NULL DEFAULT 0,
  message TEXT NOT NULL DEFAULT '',
  created INTEGER NOT NULL,
  finished INTEGER
) STRICT;
)sql";

}  // namespace sprint
