// Whether this build has sanitizers, which change what a process needs and does. g++ and clang signal it differently.
#pragma once

namespace connbench {

#ifndef __has_feature
#define __has_feature(feature) 0
#define CONNBENCH_HAS_NO_FEATURES
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
inline constexpr bool thread_sanitizer = true;
#else
inline constexpr bool thread_sanitizer = false;
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = thread_sanitizer;
#endif

#ifdef CONNBENCH_HAS_NO_FEATURES
#undef __has_feature
#undef CONNBENCH_HAS_NO_FEATURES
#endif

}  // namespace connbench
