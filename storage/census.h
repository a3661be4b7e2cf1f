// Reader::Census: what exists already of a selection.
#ifndef SPRINT_STORAGE_CENSUS_H_
#define SPRINT_STORAGE_CENSUS_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/hash.h"
#include "storage/reader.h"
#include "storage/sqlite.h"

namespace sprint {

// A run that is not stored has no rows. Means and rates come from up to 200,000 of the run's outcomes.
absl::StatusOr<SelectionCensus> TakeCensus(Database& database, const Hash256& run,
                                           absl::Span<const CensusBlock> blocks);

}  // namespace sprint

#endif  // SPRINT_STORAGE_CENSUS_H_
