// Instruction sets that kernels are compiled for: the build's baseline, and on x86 SSE4, AVX2 and
// AVX-512. Include before foreach_target.h.
#ifndef SPRINT_WORKER_ENGINE_SIMD_TARGETS_H_
#define SPRINT_WORKER_ENGINE_SIMD_TARGETS_H_

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)

#endif  // SPRINT_WORKER_ENGINE_SIMD_TARGETS_H_
