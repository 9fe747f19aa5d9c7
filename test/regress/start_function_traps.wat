;; SPDX-License-Identifier: Apache-2.0
;; A trap in the start function is reported with its function, as any other.
(module
  (func $deep (result i32) (i32.div_s (i32.const 1) (i32.const 0)))
  (func $begin (drop (call $deep)))
  (start $begin)
  (func (export "_start")))
