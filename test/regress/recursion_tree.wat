;; SPDX-License-Identifier: Apache-2.0
;; 2^64 calls without a loop, at a depth of 64: only the deadline can end it.
(module
  (func $tree (param $depth i32)
    (if (i32.eqz (local.get $depth)) (then return))
    (call $tree (i32.sub (local.get $depth) (i32.const 1)))
    (call $tree (i32.sub (local.get $depth) (i32.const 1))))
  (func (export "_start") (call $tree (i32.const 64))))
