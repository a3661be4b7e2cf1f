#include "storage/schema_sql.h"

namespace sprint {

// CROSS JOIN fixes the order of the joins: experiment, its blocks and questions, then the narrow
// ranges of outcome. The planner has no statistics to find it by itself.
const char kViews1[] = R"sql(
CREATE VIEW v_outcome AS
SELECT e.experiment_id, e.name AS experiment,
       p.external_id AS problem, p.subject, p.level,
       a.name AS arm, o.sample,
       v.correct, v.extracted AS answer, g.text AS gold,
       o.token_count AS tokens,
       CASE o.finish WHEN 0 THEN 'stop' WHEN 1 THEN 'length' WHEN 2 THEN 'context' ELSE o.finish END AS finish,
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

-- One row per judged (problem, arm, sample), narrow: what the views below count.
CREATE VIEW v_judged AS
SELECT e.experiment_id, e.name AS experiment, p.ordinal AS problem_ordinal, p.external_id AS problem,
       p.subject, p.level, o.run_id, o.question_id, o.arm_id, o.sample, p.gold_id,
       v.correct
FROM experiment e
CROSS JOIN block b ON b.experiment_id = e.experiment_id
CROSS JOIN block_question bq ON bq.block_id = b.block_id
CROSS JOIN problem p ON p.experiment_id = e.experiment_id AND p.question_id = bq.question_id
CROSS JOIN outcome o ON o.run_id = b.run_id AND o.question_id = bq.question_id
                    AND o.sample >= b.first_sample AND o.sample < b.first_sample + b.samples
CROSS JOIN block_arm ba ON ba.block_id = b.block_id AND ba.arm_id = o.arm_id
LEFT JOIN verdict v ON v.run_id = o.run_id AND v.question_id = o.question_id AND v.arm_id = o.arm_id
                   AND v.sample = o.sample AND v.gold_id = p.gold_id
                   AND v.judge_version = (
                     SELECT max(l.judge_version) FROM verdict l
                     WHERE l.run_id = o.run_id AND l.question_id = o.question_id AND l.arm_id = o.arm_id
                       AND l.sample = o.sample AND l.gold_id = p.gold_id);

CREATE VIEW v_arm_accuracy AS
SELECT e.experiment_id, e.name AS experiment, a.name AS arm,
       x.cells, x.done, x.judged, x.correct,
       CASE WHEN x.judged > 0 THEN 1.0 * x.correct / x.judged END AS accuracy,
       x.truncated, CASE WHEN x.done > 0 THEN 1.0 * x.tokens / x.done END AS mean_tokens,
       x.arm_id, a.edits
FROM experiment e
CROSS JOIN experiment_arm x ON x.experiment_id = e.experiment_id
CROSS JOIN arm a ON a.arm_id = x.arm_id;

CREATE VIEW v_subject_accuracy AS
SELECT j.experiment_id, j.experiment, a.name AS arm, j.subject,
       count(*) AS judged, sum(j.correct) AS correct, avg(j.correct) AS accuracy, j.arm_id
FROM v_judged j CROSS JOIN arm a ON a.arm_id = j.arm_id
WHERE j.correct IS NOT NULL
GROUP BY j.experiment_id, j.arm_id, j.subject;

CREATE VIEW v_flips AS
SELECT j.experiment_id, j.experiment, a.name AS arm,
       count(*) AS compared,
       sum(j.correct = 1 AND bv.correct = 0) AS fixed,
       sum(j.correct = 0 AND bv.correct = 1) AS broken,
       sum(j.correct = 1 AND bv.correct = 1) AS both_right,
       sum(j.correct = 0 AND bv.correct = 0) AS both_wrong,
       j.arm_id
FROM v_judged j
CROSS JOIN arm a ON a.arm_id = j.arm_id
CROSS JOIN verdict bv ON bv.run_id = j.run_id AND bv.question_id = j.question_id
                     AND bv.arm_id = (SELECT arm_id FROM arm WHERE edits = 0)
                     AND bv.sample = j.sample AND bv.gold_id = j.gold_id
                     AND bv.judge_version = (
                       SELECT max(l.judge_version) FROM verdict l
                       WHERE l.run_id = j.run_id AND l.question_id = j.question_id
                         AND l.arm_id = (SELECT arm_id FROM arm WHERE edits = 0)
                         AND l.sample = j.sample AND l.gold_id = j.gold_id)
WHERE a.edits > 0 AND j.correct IS NOT NULL
GROUP BY j.experiment_id, j.arm_id;

CREATE VIEW v_coverage AS
SELECT j.experiment_id, j.experiment, j.problem, j.subject, j.level,
       count(DISTINCT j.arm_id) AS arms,
       count(DISTINCT CASE WHEN j.correct = 1 THEN j.arm_id END) AS arms_right,
       max(j.correct) AS any_right,
       max(CASE WHEN j.arm_id = (SELECT arm_id FROM arm WHERE edits = 0) THEN j.correct END) AS baseline_right,
       j.question_id
FROM v_judged j
WHERE j.correct IS NOT NULL
GROUP BY j.experiment_id, j.problem_ordinal;

CREATE VIEW v_progress AS
SELECT e.experiment_id, e.name AS experiment,
       CASE e.state WHEN 0 THEN 'running' WHEN 1 THEN 'paused' WHEN 2 THEN 'cancelled'
                    WHEN 3 THEN 'finished' ELSE e.state END AS state,
       sum(x.cells) AS cells, sum(x.done) AS done, sum(x.cells) - sum(x.done) AS missing,
       (SELECT count(*) FROM failure f
          CROSS JOIN block_question bq ON bq.question_id = f.question_id
          CROSS JOIN block b ON b.block_id = bq.block_id AND b.run_id = f.run_id
                            AND f.sample >= b.first_sample AND f.sample < b.first_sample + b.samples
          CROSS JOIN block_arm ba ON ba.block_id = b.block_id AND ba.arm_id = f.arm_id
        WHERE f.quarantined = 1 AND b.experiment_id = e.experiment_id) AS quarantined,
       100.0 * sum(x.done) / sum(x.cells) AS percent,
       sum(x.judged) AS judged, sum(x.correct) AS correct, sum(x.tokens) AS tokens,
       e.priority, strftime('%Y-%m-%d %H:%M:%S', e.created / 1000000, 'unixepoch') AS created
FROM experiment e CROSS JOIN experiment_arm x ON x.experiment_id = e.experiment_id
GROUP BY e.experiment_id;
)sql";

}  // namespace sprint
