// What several benchmarks measure with: processor time, and a folder that goes with them.
#ifndef SPRINT_BENCH_MEASURE_H_
#define SPRINT_BENCH_MEASURE_H_

#include <stdlib.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace sprint {

// Processor seconds of a clock of clock_gettime(2): what a busy machine does not add to.
inline double CpuSeconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
inline double ThreadCpuSeconds() { return CpuSeconds(CLOCK_THREAD_CPUTIME_ID); }
inline double ProcessCpuSeconds() { return CpuSeconds(CLOCK_PROCESS_CPUTIME_ID); }

// A new empty folder, removed with all in it at the end of the scope. Ends the program, with a line, where
// none can be made.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "sprint-bench-XXXXXX").string()) {
    if (mkdtemp(path_.data()) != nullptr) return;
    std::fprintf(stderr, "cannot make the temporary folder %s\n", path_.c_str());
    std::exit(1);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace sprint

#endif  // SPRINT_BENCH_MEASURE_H_
