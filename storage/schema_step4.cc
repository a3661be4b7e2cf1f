#include "storage/schema_sql.h"

namespace sprint {

// Hidden states of prompts, and which of them an experiment asks for beside its answers.
const char kFeatures4[] = R"sql(
ALTER TABLE experiment ADD COLUMN hidden_layers TEXT NOT NULL DEFAULT '[]';

CREATE TABLE feature_kind (
  feature_kind_id INTEGER PRIMARY KEY,
  weights_hash BLOB NOT NULL CHECK (length(weights_hash) = 32),
  dtype TEXT NOT NULL,
  layer INTEGER NOT NULL,
  width INTEGER NOT NULL,
  UNIQUE (weights_hash, dtype, layer)
) STRICT;

CREATE TABLE feature (
  feature_kind_id INTEGER NOT NULL REFERENCES feature_kind,
  question_id INTEGER NOT NULL REFERENCES question,
  numerics_id INTEGER REFERENCES numerics,
  vector BLOB NOT NULL,
  PRIMARY KEY (feature_kind_id, question_id)
) STRICT;

-- CROSS JOIN fixes the order, as in the other views.
CREATE VIEW v_feature AS
SELECT e.experiment_id, e.name AS experiment, p.external_id AS problem,
       k.layer, k.dtype, k.width, f.vector, n.description AS numerics,
       p.question_id, k.weights_hash, p.ordinal AS problem_ordinal
FROM experiment e
CROSS JOIN feature_kind k ON k.weights_hash IN (
  SELECT r.weights_hash FROM block b CROSS JOIN run r ON r.run_id = b.run_id
  WHERE b.experiment_id = e.experiment_id)
CROSS JOIN problem p ON p.experiment_id = e.experiment_id
CROSS JOIN feature f ON f.feature_kind_id = k.feature_kind_id AND f.question_id = p.question_id
LEFT JOIN numerics n ON n.numerics_id = f.numerics_id;
)sql";

}  // namespace sprint
