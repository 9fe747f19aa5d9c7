;; SPDX-License-Identifier: Apache-2.0
;; A loop of bulk operations, each of which takes long, ends with the deadline.
(module
  (memory (export "memory") 4096)
  (func (export "_start")
    (loop $again
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x10000000))
      (memory.copy (i32.const 0) (i32.const 1) (i32.const 0x0fffffff))
      (br $again))))
