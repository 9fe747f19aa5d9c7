;; SPDX-License-Identifier: Apache-2.0
;; A loop of vector instructions that branches back on what a vector says ends with the deadline.
(module
  (memory 1)
  (func (export "_start") (local $v v128)
    (loop $again
      (local.set $v (i32x4.add (local.get $v) (v128.load (i32.const 16))))
      (v128.store offset=32 (i32.const 0) (i8x16.shuffle 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 (local.get $v) (local.get $v)))
      (br_if $again (i32.eqz (v128.any_true (v128.xor (local.get $v) (local.get $v))))))))
