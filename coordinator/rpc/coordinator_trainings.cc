// The coordinator's trainings; on the loop where they touch the store.
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "coordinator/rpc/coordinator.h"

namespace sprint {

void Coordinator::Train(TrainingRecord training, TrainingReply reply) {
  loop_.Post([this, training = std::move(training), reply = std::move(reply)]() mutable {
    absl::Status status = loop_.Flush();
    if (!status.ok()) return reply(status);
    training.created = loop_.Now();
    const absl::StatusOr<int64_t> id = loop_.store().AddTraining(training);
    if (!id.ok()) {
      loop_.EndIfFatal(id.status());
      return reply(id.status());
    }
    training.id = *id;
    trainings_.Add(training);
    busy_ = loop_.Now();
    worked_ = true;
    SPRINT_LOG(kInfo) << "training " << *id << " \"" << training.name << "\" submitted";
    reply(trainings_.Status(*id));
  });
}

void Coordinator::CancelTraining(int64_t id, TrainingReply reply) {
  loop_.Post([this, id, reply = std::move(reply)] {
    if (!trainings_.Runs(id)) {
      absl::StatusOr<v1::TrainingStatus> known = trainings_.Status(id);
      if (known.ok()) {
        known = absl::FailedPreconditionError(
            absl::StrCat("training ", id, " is ", known->state(), " already; there is nothing to cancel"));
      }
      return reply(known);
    }
    absl::Status status = loop_.Flush();
    if (status.ok()) status = loop_.store().EndTraining(id, TrainingState::kCancelled, "", loop_.Now());
    if (!status.ok()) {
      loop_.EndIfFatal(status);
      return reply(status);
    }
    trainings_.End(id, TrainingState::kCancelled, "", {});
    reply(trainings_.Status(id));
  });
}

void Coordinator::TrainingEnded(int64_t id, TrainingResult result) {
  loop_.Post([this, id, result = std::move(result)] {
    if (!trainings_.Runs(id)) return;  // cancelled meanwhile
    absl::Status status = loop_.Flush();
    for (size_t i = 0; status.ok() && i < result.selectors.size(); ++i)
      status = loop_.store().PutSelector(result.selectors[i]).status();
    const absl::Status end = status.ok() ? result.status : status;
    const TrainingState state = end.ok() ? TrainingState::kFinished : TrainingState::kFailed;
    const std::string message(end.message());
    const absl::Status ended = loop_.store().EndTraining(id, state, message, loop_.Now());
    if (!ended.ok()) loop_.EndIfFatal(ended);
    busy_ = loop_.Now();
    trainings_.End(id, state, message, result.files);
  });
}

}  // namespace sprint
