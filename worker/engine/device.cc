#include "worker/engine/device.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <exception>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "worker/engine/kernels.h"
#include "worker/engine/torch_engine.h"

namespace sprint {
namespace {

// Devices that this libtorch can use; 0 without CUDA, or without a working driver.
int CudaDevices() {
  try {
    return at::hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().getNumGPUs()) : 0;
  } catch (const std::exception&) {
    return 0;
  }
}

// Name and memory through the driver's own library, which a CUDA libtorch has loaded: the project
// needs no CUDA headers. (CUDA Driver API: cuDeviceGet, cuDeviceGetName, cuDeviceTotalMem.)
void AskDriver(int index, TorchDevice* device) {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (driver == nullptr) return;
  const auto init = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
  const auto get = reinterpret_cast<int (*)(int*, int)>(dlsym(driver, "cuDeviceGet"));
  const auto name = reinterpret_cast<int (*)(char*, int, int)>(dlsym(driver, "cuDeviceGetName"));
  const auto memory = reinterpret_cast<int (*)(size_t*, int)>(dlsym(driver, "cuDeviceTotalMem_v2"));
  int handle = 0;
  if (init != nullptr && get != nullptr && init(0) == 0 && get(&handle, index) == 0) {
    char text[256] = {};
    if (name != nullptr && name(text, sizeof(text) - 1, handle) == 0) device->model = text;
    size_t bytes = 0;
    if (memory != nullptr && memory(&bytes, handle) == 0) device->memory_bytes = static_cast<int64_t>(bytes);
  }
  dlclose(driver);
}

absl::StatusOr<TorchDevice> Cuda(int index) {
  const int devices = CudaDevices();
  if (index >= devices) {
    return absl::UnavailableError(absl::StrCat("the device cuda:", index, " does not exist: ",
                                               at::hasCUDA()
                                                   ? absl::StrCat("libtorch sees ", devices, " CUDA devices")
                                                   : std::string("this libtorch was built without CUDA"),
                                               "; use --device cpu"));
  }
  TorchDevice device;
  device.name = absl::StrCat("cuda:", index);
  device.cuda = true;
  device.own_kernels = false;
  AskDriver(index, &device);
  return device;
}

}  // namespace

absl::StatusOr<TorchDevice> ResolveTorchDevice(const std::string& name) {
  TorchDevice cpu;
  cpu.name = "cpu";
  if (name == "cpu") return cpu;
  if (name == "cpu-aten") {
    cpu.own_kernels = false;
    return cpu;
  }
  if (name == "auto") return CudaDevices() > 0 ? Cuda(0) : cpu;
  if (name == "cuda") return Cuda(0);
  absl::string_view number = name;
  int index = 0;
  if (absl::ConsumePrefix(&number, "cuda:") && absl::SimpleAtoi(number, &index) && index >= 0)
    return Cuda(index);
  return absl::InvalidArgumentError(
      absl::StrCat("the device \"", name, "\" is not known; known are auto, cpu, cuda and cuda:N"));
}

std::string DescribeTorchDevice(const std::string& device) {
  const absl::StatusOr<TorchDevice> resolved = ResolveTorchDevice(device);
  if (!resolved.ok()) return std::string(resolved.status().message());
  const std::string what = resolved->cuda ? resolved->model : std::string(kernels::Target());
  return absl::StrCat(resolved->name, " ", what, ", libtorch ", TORCH_VERSION_MAJOR, ".", TORCH_VERSION_MINOR,
                      ".", TORCH_VERSION_PATCH);
}

}  // namespace sprint
