;; SPDX-License-Identifier: Apache-2.0
;; A wait with a timeout of an hour takes no longer than the deadline.
(module
  (memory 1 1 shared)
  (func (export "_start")
    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 3600000000000)))))
