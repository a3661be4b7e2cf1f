#include "storage/schema_sql.h"

namespace sprint {

// Rules of decoding beside the length and stop tokens: sampling, stop strings, loops. Runs that were
// there before have none, which the defaults say.
const char kRules2[] = R"sql(
ALTER TABLE run ADD COLUMN temperature REAL NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN top_k INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN top_p REAL NOT NULL DEFAULT 1;
ALTER TABLE run ADD COLUMN min_p REAL NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN repetition_penalty REAL NOT NULL DEFAULT 1;
ALTER TABLE run ADD COLUMN stop_strings TEXT NOT NULL DEFAULT '[]';
ALTER TABLE run ADD COLUMN loop_repeats INTEGER NOT NULL DEFAULT 0;

DROP VIEW v_outcome;
CREATE VIEW v_outcome AS
SELECT e.experiment_id, e.name AS experiment,
       p.external_id AS problem, p.subject, p.level,
       a.name AS arm, o.sample,
       v.correct, v.extracted AS answer, g.text AS gold,
       o.token_count AS tokens,
       CASE o.finish WHEN 0 THEN 'stop' WHEN 1 THEN 'length' WHEN 2 THEN 'context'
                     WHEN 3 THEN 'stop_string' WHEN 4 THEN 'loop' ELSE o.finish END AS finish,
       o.logprob_sum, v.rule, v.reason, v.judge_version,
       (o.finished - o.started) / 1e6 AS seconds,
       strftime('%Y-%m-%d %H:%M:%S', o.finished / 1000000, 'unixepoch') AS finished,
       w.name AS worker, n.description AS numerics,
       o.run_id, o.question_id, o.arm_id, o.answer_id, p.gold_id, a.edits
FROM experiment e
CROSS JOIN block b ON b.experiment_id = e.experiment_id
CROSS JOIN block_question bq ON bq.block_id = b.block_id
LEFT JOIN problem p ON p.experiment_id = e.experiment_id AND p.question_id = bq.question_id
CROSS JOIN outcome o ON o.run_id = b.run_id AND o.question_id = bq.question_id
                    AND o.sample >= b.first_sample AND o.sample < b.first_sample + b.samples
CROSS JOIN block_arm ba ON ba.block_id = b.block_id AND ba.arm_id = o.arm_id
CROSS JOIN arm a ON a.arm_id = o.arm_id
LEFT JOIN gold g ON g.gold_id = p.gold_id
LEFT JOIN verdict v ON v.run_id = o.run_id AND v.question_id = o.question_id AND v.arm_id = o.arm_id
                   AND v.sample = o.sample AND v.gold_id = p.gold_id
                   AND v.judge_version = (
                     SELECT max(l.judge_version) FROM verdict l
                     WHERE l.run_id = o.run_id AND l.question_id = o.question_id AND l.arm_id = o.arm_id
                       AND l.sample = o.sample AND l.gold_id = p.gold_id)
LEFT JOIN worker w ON w.worker_id = o.worker_id
LEFT JOIN numerics n ON n.numerics_id = o.numerics_id;
)sql";

}  // namespace sprint
