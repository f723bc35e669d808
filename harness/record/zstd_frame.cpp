#include "harness/record/zstd_frame.h"

#include <fmt/format.h>
#include <zstd.h>

#include <memory>
#include <new>
#include <stdexcept>

namespace connbench {
namespace {

struct Free {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
};

size_t checked_by_zstd(size_t result) {
  if (ZSTD_isError(result) != 0) throw std::runtime_error(fmt::format("zstd: {}", ZSTD_getErrorName(result)));
  return result;
}

}  // namespace

std::string zstd_frame(std::string_view data) {
  const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  checked_by_zstd(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1));
  std::string frame(ZSTD_compressBound(data.size()), '\0');
  frame.resize(checked_by_zstd(ZSTD_compress2(context.get(), frame.data(), frame.size(), data.data(), data.size())));
  return frame;
}

}  // namespace connbench
