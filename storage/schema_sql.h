// The SQL text of the migrations. Released text is frozen: a change is a new step.
#ifndef SPRINT_STORAGE_SCHEMA_SQL_H_
#define SPRINT_STORAGE_SCHEMA_SQL_H_

namespace sprint {

extern const char kTables1[];
extern const char kViews1[];
extern const char kRules2[];
extern const char kSelectors3[];
extern const char kFeatures4[];

}  // namespace sprint

#endif  // SPRINT_STORAGE_SCHEMA_SQL_H_
