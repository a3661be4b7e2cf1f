#include "tests/testing/testing.h"

#include <cstdlib>
#include <filesystem>

namespace sprint::testing {
namespace {

std::string FromEnvironment(const char* name, const std::string& fallback) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : fallback;
}

}  // namespace

std::string SourceDir() {
  return FromEnvironment("SPRINT_SOURCE_DIR", std::filesystem::current_path().string());
}
std::string BinDir() { return FromEnvironment("SPRINT_BIN_DIR", SourceDir() + "/build/release/bin"); }

std::optional<std::string> SharedPath(const std::string& relative) {
  const std::string path = FromEnvironment("SPRINT_SHARED_DIR", SourceDir() + "/../shared") + "/" + relative;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return path;
}

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "sprint-test-XXXXXX").string();
  path_ = mkdtemp(pattern.data()) == nullptr ? std::string() : pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace sprint::testing
