// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_SPOOL_H_
#define SLABLAB_TRACES_IMPORT_SPOOL_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace slablab {

// A file without a name, in $TMPDIR or /tmp: nothing of it is left, however the program ends.
class Spool {
 public:
  static absl::StatusOr<std::unique_ptr<Spool>> Create();
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  absl::Status Write(std::string_view bytes);
  // What can be read from `descriptor` until its end; Cancelled once `interrupted` answers true.
  absl::Status CopyFrom(int descriptor, const std::function<bool()>& interrupted);
  // How a program says that it has read all there was: by its exit status, or, where it ends with
  // 0 after a warning too, by that and by saying nothing on stderr.
  enum class Success { kByStatus, kBySilence };
  // What `words`, a program found on PATH with its arguments, prints; it reads `input`. NotFound if
  // there is no such program; InvalidArgument with its last words if it fails.
  absl::Status FillFrom(const std::vector<std::string>& words, int input, Success success);

  // Leads this process, and those that it starts, to the file.
  std::string Path() const;

 private:
  explicit Spool(std::string folder, int descriptor)
      : folder_(std::move(folder)), descriptor_(descriptor) {}
  absl::Status Error(int error) const;

  const std::string folder_;
  const int descriptor_;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_SPOOL_H_
