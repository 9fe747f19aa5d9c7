;; SPDX-License-Identifier: Apache-2.0
;; proc_exit below many frames and inside of blocks ends all of them without a word.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (func $down (param i32)
    (block (loop
      (if (local.get 0)
        (then (call $down (i32.sub (local.get 0) (i32.const 1))))
        (else (call $proc_exit (i32.const 3))))))
    unreachable)
  (func (export "_start") (call $down (i32.const 1000))))
