#include "model/engine_mode.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace sprint {
namespace {

bool ReadToken(absl::string_view text, int32_t& token) {
  return !text.empty() && text.find_first_not_of("0123456789") == absl::string_view::npos &&
         absl::SimpleAtoi(text, &token);
}

}  // namespace

std::string EngineMode::Name() const {
  if (kind == Kind::kExact) return "exact";
  if (kind == Kind::kEmbed) return "embed";
  return scores_by_tokens() ? absl::StrCat("score:", good_token, "/", bad_token) : "score";
}

absl::StatusOr<EngineMode> ParseEngineMode(absl::string_view name) {
  EngineMode mode;
  if (name == "exact") return mode;
  if (name == "embed") {
    mode.kind = EngineMode::Kind::kEmbed;
    return mode;
  }
  mode.kind = EngineMode::Kind::kScore;
  if (name == "score") return mode;
  absl::string_view tokens = name;
  if (absl::ConsumePrefix(&tokens, "score:")) {
    const std::pair<absl::string_view, absl::string_view> sides =
        absl::StrSplit(tokens, absl::MaxSplits('/', 1));
    if (ReadToken(sides.first, mode.good_token) && ReadToken(sides.second, mode.bad_token) &&
        mode.good_token != mode.bad_token && mode.Name() == name)
      return mode;
  }
  return Error(absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid,
               absl::StrCat("engine mode \"", name, "\" is not known; exact, score and embed are"));
}

bool IsScoreMode(absl::string_view name) {
  const absl::StatusOr<EngineMode> mode = ParseEngineMode(name);
  return mode.ok() && mode->kind == EngineMode::Kind::kScore;
}

bool IsEmbedMode(absl::string_view name) {
  const absl::StatusOr<EngineMode> mode = ParseEngineMode(name);
  return mode.ok() && mode->kind == EngineMode::Kind::kEmbed;
}

}  // namespace sprint
