#include "storage/schema_sql.h"

namespace sprint {

// Times are microseconds since 1970, UTC. Hashes are 32 raw bytes.
const char kTables1[] = R"sql(
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- What is run, content-addressed.
CREATE TABLE run (
  run_id          INTEGER PRIMARY KEY,
  hash            BLOB NOT NULL UNIQUE,
  weights_hash    BLOB NOT NULL,
  tokenizer_hash  BLOB NOT NULL,
  dtype           TEXT NOT NULL,
  engine_mode     TEXT NOT NULL,
  sampler_version INTEGER NOT NULL,
  max_new_tokens  INTEGER NOT NULL,
  stop_tokens     BLOB NOT NULL,
  seed            INTEGER NOT NULL,
  model_name      TEXT NOT NULL,
  model_path      TEXT NOT NULL
) STRICT;

CREATE TABLE question (
  question_id INTEGER PRIMARY KEY,
  hash        BLOB NOT NULL UNIQUE,
  token_count INTEGER NOT NULL,
  tokens      BLOB NOT NULL,
  prompt      TEXT NOT NULL
) STRICT;

CREATE TABLE arm (
  arm_id INTEGER PRIMARY KEY,
  hash   BLOB NOT NULL UNIQUE,
  name   TEXT NOT NULL,
  edits  INTEGER NOT NULL
) STRICT;

CREATE TABLE arm_edit (
  arm_id INTEGER NOT NULL REFERENCES arm,
  layer  INTEGER NOT NULL,
  head   INTEGER NOT NULL,
  op     INTEGER NOT NULL,
  PRIMARY KEY (arm_id, layer, head)
) STRICT, WITHOUT ROWID;

CREATE TABLE gold (
  gold_id     INTEGER PRIMARY KEY,
  question_id INTEGER NOT NULL REFERENCES question,
  text        TEXT NOT NULL,
  UNIQUE (question_id, text)
) STRICT;

CREATE TABLE worker (
  worker_id  INTEGER PRIMARY KEY,
  instance   TEXT NOT NULL UNIQUE,
  name       TEXT NOT NULL,
  device     TEXT NOT NULL,
  software   TEXT NOT NULL,
  first_seen INTEGER NOT NULL
) STRICT;

CREATE TABLE numerics (
  numerics_id INTEGER PRIMARY KEY,
  description TEXT NOT NULL UNIQUE
) STRICT;

-- Experiments: selections of cells.
CREATE TABLE experiment (
  experiment_id  INTEGER PRIMARY KEY AUTOINCREMENT,
  selection      BLOB NOT NULL UNIQUE,
  name           TEXT NOT NULL,
  spec           TEXT NOT NULL,
  state          INTEGER NOT NULL,
  priority       INTEGER NOT NULL,
  mixed_numerics INTEGER NOT NULL,
  created        INTEGER NOT NULL
) STRICT;

CREATE TABLE block (
  block_id      INTEGER PRIMARY KEY,
  experiment_id INTEGER NOT NULL REFERENCES experiment,
  ordinal       INTEGER NOT NULL,
  run_id        INTEGER NOT NULL REFERENCES run,
  first_sample  INTEGER NOT NULL,
  samples       INTEGER NOT NULL,
  UNIQUE (experiment_id, ordinal)
) STRICT;

CREATE TABLE block_question (
  block_id    INTEGER NOT NULL REFERENCES block,
  ordinal     INTEGER NOT NULL,
  question_id INTEGER NOT NULL REFERENCES question,
  PRIMARY KEY (block_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX block_question_by_question ON block_question (question_id, block_id);

CREATE TABLE block_arm (
  block_id INTEGER NOT NULL REFERENCES block,
  arm_id   INTEGER NOT NULL REFERENCES arm,
  ordinal  INTEGER NOT NULL,
  PRIMARY KEY (block_id, arm_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE problem (
  experiment_id INTEGER NOT NULL REFERENCES experiment,
  ordinal       INTEGER NOT NULL,
  external_id   TEXT NOT NULL,
  question_id   INTEGER NOT NULL REFERENCES question,
  gold_id       INTEGER REFERENCES gold,
  text          TEXT NOT NULL,
  subject       TEXT NOT NULL,
  level         TEXT NOT NULL,
  PRIMARY KEY (experiment_id, question_id, ordinal),
  UNIQUE (experiment_id, external_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE experiment_arm (
  experiment_id INTEGER NOT NULL REFERENCES experiment,
  arm_id        INTEGER NOT NULL REFERENCES arm,
  ordinal       INTEGER NOT NULL,
  cells         INTEGER NOT NULL,
  done          INTEGER NOT NULL,
  judged        INTEGER NOT NULL,
  correct       INTEGER NOT NULL,
  truncated     INTEGER NOT NULL,
  tokens        INTEGER NOT NULL,
  PRIMARY KEY (experiment_id, arm_id)
) STRICT, WITHOUT ROWID;

-- Results: one row a cell, appended, never changed.
CREATE TABLE answer (
  answer_id     INTEGER PRIMARY KEY,
  tokens        BLOB NOT NULL,
  text          BLOB NOT NULL,
  logprobs_hash BLOB NOT NULL
) STRICT;

CREATE TABLE outcome (
  run_id      INTEGER NOT NULL REFERENCES run,
  question_id INTEGER NOT NULL REFERENCES question,
  arm_id      INTEGER NOT NULL REFERENCES arm,
  sample      INTEGER NOT NULL,
  answer_id   INTEGER NOT NULL REFERENCES answer,
  token_count INTEGER NOT NULL,
  finish      INTEGER NOT NULL,
  logprob_sum REAL NOT NULL,
  worker_id   INTEGER REFERENCES worker,
  numerics_id INTEGER REFERENCES numerics,
  started     INTEGER NOT NULL,
  finished    INTEGER NOT NULL,
  PRIMARY KEY (run_id, question_id, arm_id, sample)
) STRICT, WITHOUT ROWID;

CREATE TABLE verdict (
  run_id        INTEGER NOT NULL,
  question_id   INTEGER NOT NULL,
  arm_id        INTEGER NOT NULL,
  sample        INTEGER NOT NULL,
  gold_id       INTEGER NOT NULL REFERENCES gold,
  judge_version INTEGER NOT NULL,
  correct       INTEGER NOT NULL,
  extracted     TEXT NOT NULL,
  rule          TEXT NOT NULL,
  reason        TEXT NOT NULL,
  PRIMARY KEY (run_id, question_id, arm_id, sample, gold_id, judge_version),
  FOREIGN KEY (run_id, question_id, arm_id, sample) REFERENCES outcome
) STRICT, WITHOUT ROWID;

CREATE TABLE failure (
  run_id      INTEGER NOT NULL REFERENCES run,
  question_id INTEGER NOT NULL REFERENCES question,
  arm_id      INTEGER NOT NULL REFERENCES arm,
  sample      INTEGER NOT NULL,
  attempts    INTEGER NOT NULL,
  quarantined INTEGER NOT NULL,
  error       TEXT NOT NULL,
  worker_id   INTEGER REFERENCES worker,
  PRIMARY KEY (run_id, question_id, arm_id, sample)
) STRICT, WITHOUT ROWID;

CREATE TABLE alarm (
  alarm_id    INTEGER PRIMARY KEY,
  run_id      INTEGER NOT NULL,
  question_id INTEGER NOT NULL,
  arm_id      INTEGER NOT NULL,
  sample      INTEGER NOT NULL,
  worker_id   INTEGER REFERENCES worker,
  numerics_id INTEGER REFERENCES numerics,
  tokens      BLOB NOT NULL,
  text        BLOB NOT NULL,
  at          INTEGER NOT NULL,
  FOREIGN KEY (run_id, question_id, arm_id, sample) REFERENCES outcome
) STRICT;
)sql";

}  // namespace sprint
