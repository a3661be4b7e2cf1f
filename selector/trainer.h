// Training the selector: AdamW on minibatches with dropout, early stopping on validation questions,
// checkpoints.
//
// The validation loss is that of the scores times the best of some factors. What a selector chooses depends
// on the order of scores alone, and their scale is calibrated at the end; but a training on noisy outcomes
// becomes too sure of itself long before it has learnt the order, and the plain loss would stop it there.
//
// Deterministic: the selector is a function of the snapshot, the features, the options and the instruction
// set; the number of threads does not enter, and a training that was killed and goes on from its checkpoint
// ends at the same bytes. Minibatches are dealt from a shuffle that (seed, epoch) alone decides.
#ifndef SPRINT_SELECTOR_TRAINER_H_
#define SPRINT_SELECTOR_TRAINER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "selector/features.h"
#include "selector/selector.h"
#include "selector/snapshot.h"

namespace sprint {

// What decides a training, beside its data.
struct TrainOptions {
  LossKind loss = LossKind::kInfoNce;
  ScoreKind score = ScoreKind::kDot;
  double temperature = 1;  // of cosine and distance
  double lambda = 0.9;     // of utilities: how much being right counts against being short
  int64_t hidden = 128;
  int64_t d = 64;
  int64_t components = 0;     // principal components that the MLP reads; 0: the features as they are
  bool arm_features = false;  // see arm_features.h
  double dropout = 0.5;       // of hidden units
  double learning_rate = 1e-3;
  double weight_decay = 0.01;  // of matrices and arm vectors
  int32_t batch = 64;
  int32_t epochs = 200;   // at most
  int32_t patience = 20;  // epochs without a better validation loss; 0: never stops early
  uint64_t seed = 1;
};
// INVALID_ARGUMENT naming the option that is out of its range.
absl::Status CheckTrainOptions(const TrainOptions& options);
// A JSON object of them, and a hash over them ("train/1").
std::string TrainOptionsJson(const TrainOptions& options);
Hash256 TrainOptionsHash(const TrainOptions& options);

// How it is run; changes nothing of the result.
struct TrainRun {
  int threads = 0;               // 0: all the process may use
  std::string checkpoint = "";   // a file; empty: none is written
  int32_t checkpoint_every = 5;  // epochs
};

struct TrainProgress {
  int32_t epoch = 0;  // finished, of `epochs`
  int32_t epochs = 0;
  double train_loss = 0;       // the mean over the epoch's questions, while the parameters moved
  double validation_loss = 0;  // at the epoch's end, of the best factor
  double best_loss = 0;        // the lowest so far, and when
  int32_t best_epoch = 0;
};
// Told after each epoch; false stops the training (CANCELLED), its checkpoint written.
using TrainProgressFn = std::function<bool(const TrainProgress&)>;

struct TrainReport {
  int32_t epochs = 0;      // computed
  int32_t best_epoch = 0;  // whose parameters were kept
  double train_loss = 0;   // at the kept epoch
  double validation_loss = 0;
  int64_t train_questions = 0;       // that enter the loss: a softmax loss leaves out those that all or no
  int64_t validation_questions = 0;  // arms answer
  int32_t resumed_at = 0;            // the checkpoint's epoch; 0: from the beginning
};

// Trains on `train`, stops by `validation` (problems of the snapshot), and calibrates on `validation`. The
// selector's lineage is left empty, and the checkpoint is left for the caller to remove once the selector is
// stored.
//   FAILED_PRECONDITION: no question to learn or validate with, a checkpoint of another training.
//   INVALID_ARGUMENT: options, or features of another number of rows. OUT_OF_RANGE: the loss became NaN or
//   infinite; names epoch and batch. CANCELLED.
struct TrainedSelector {
  Selector selector;
  TrainReport report;
};
absl::StatusOr<TrainedSelector> TrainSelector(const Snapshot& snapshot, const FeatureMatrix& features,
                                              absl::Span<const size_t> train,
                                              absl::Span<const size_t> validation,
                                              const TrainOptions& options, const TrainRun& run,
                                              const TrainProgressFn& progress);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_TRAINER_H_
