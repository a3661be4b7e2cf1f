#include "worker/engine/torch_libraries.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

// "Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build …" gives "2024.2-Product".
std::string AfterVersion(const std::string& text) {
  for (const char* mark : {"Version ", "MKL-DNN v", "oneDNN v"}) {
    const size_t at = text.find(mark);
    if (at == std::string::npos) continue;
    const size_t begin = at + std::string(mark).size();
    return text.substr(begin, text.find(' ', begin) - begin);
  }
  return "?";
}

// OpenBLAS says its name, version and core when asked; it is reached through libblas.so.3, so it
// may be any other library too.
std::string Blas() {
  if (at::hasMKL()) return absl::StrCat("MKL ", AfterVersion(at::get_mkl_version()));
  using Text = char* (*)();
  const auto config = reinterpret_cast<Text>(dlsym(RTLD_DEFAULT, "openblas_get_config"));
  const auto core = reinterpret_cast<Text>(dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  if (config == nullptr || core == nullptr) return "an unknown BLAS";
  const std::string text = config();
  const size_t name_end = text.find(' ');
  return absl::StrCat(text.substr(0, text.find(' ', name_end + 1)), " ", core());
}

}  // namespace

void SetTorchThreads(int threads) {
  thread_local int current = 0;
  if (current == threads) return;
  at::set_num_threads(threads);
  current = threads;
}

std::string DescribeTorchLibraries() {
  std::string text = absl::StrCat("libtorch ", TORCH_VERSION_MAJOR, ".", TORCH_VERSION_MINOR, ".",
                                  TORCH_VERSION_PATCH, ", ", Blas());
  if (at::hasMKLDNN()) absl::StrAppend(&text, ", oneDNN ", AfterVersion(at::get_mkldnn_version()));
  return text;
}

}  // namespace sprint
