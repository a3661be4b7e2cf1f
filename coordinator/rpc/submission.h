// A submission as it comes over the wire, checked and made a plan of the store's.
#ifndef SPRINT_COORDINATOR_RPC_SUBMISSION_H_
#define SPRINT_COORDINATOR_RPC_SUBMISSION_H_

#include <vector>

#include "absl/status/statusor.h"
#include "sprint/v1/control.pb.h"
#include "storage/records.h"

namespace sprint {

// FAILED_PRECONDITION (kProtocolVersion), naming both versions, for another version than ours.
absl::Status CheckProtocol(int version, const char* peer);

// What arrives of one Submit: a header, then questions in chunks.
class Submission {
 public:
  // INVALID_ARGUMENT for a second header, questions before the header, or more than the limits
  // (2^31 questions never fit); kProtocolVersion as above.
  absl::Status Add(v1::SubmitRequest&& request);

  // INVALID_ARGUMENT naming the first thing wrong: no header or questions, hashes of the wrong size, an
  // arm that does not parse (kArmInvalid), a prompt without tokens (kDatasetInvalid), what CheckPlan
  // finds, own arms of some questions and not of all (kArmInvalid). Questions of equal tokens become one.
  // Hashes every prompt: run it on a pool.
  absl::StatusOr<ExperimentPlan> Plan() const;

 private:
  bool has_header_ = false;
  v1::Submission header_;
  std::vector<v1::Question> questions_;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_SUBMISSION_H_
