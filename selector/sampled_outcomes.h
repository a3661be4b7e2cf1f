// Samples of a model, for a comparison with what a snapshot's outcomes say.
//
// A snapshot holds greedy answers. What samples of the unpruned model, or of chosen arms, are worth stands in
// experiments of their own (sprint bon, or a launch with a temperature); their questions are matched by the
// prompts' tokens, and their run must be of the snapshot's weights.
#ifndef SPRINT_SELECTOR_SAMPLED_OUTCOMES_H_
#define SPRINT_SELECTOR_SAMPLED_OUTCOMES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "selector/comparison.h"
#include "selector/snapshot.h"
#include "storage/reader.h"

namespace sprint {

// Results of the experiment's baseline samples, called "samples", on ComparedQuestions(snapshot), for every n
// that there are samples for and every aggregation of the options: any n of the M samples that there are,
// as exact as eval/aggregation.h has it. They may be added to a Comparison of the same snapshot and options.
//   NOT_FOUND (kExperimentUnknown). FAILED_PRECONDITION: another model's run, a greedy one, a test question
//   that it did not answer (naming how many).
absl::StatusOr<std::vector<MethodResult>> SampledResults(Reader& reader, const std::string& experiment,
                                                         const Snapshot& snapshot,
                                                         const ComparisonOptions& options);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_SAMPLED_OUTCOMES_H_
