;; SPDX-License-Identifier: Apache-2.0
;; A wait without a timeout traps at once: there is nobody to notify it. One whose value is another returns.
(module
  (memory 1 1 shared)
  (func (export "_start")
    (if (i32.ne (memory.atomic.wait64 (i32.const 8) (i64.const 1) (i64.const -1)) (i32.const 1)) (then unreachable))
    (if (i32.ne (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const 1000)) (i32.const 2)) (then unreachable))
    (if (memory.atomic.notify (i32.const 8) (i32.const 1)) (then unreachable))
    (atomic.fence)
    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))
