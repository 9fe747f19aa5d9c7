;; SPDX-License-Identifier: Apache-2.0
;; Structures at odd addresses are read as well as at even ones; the count of bytes goes to an odd address, too.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 3) "\15\00\00\00\03\00\00\00\18\00\00\00\02\00\00\00")
  (data (i32.const 21) "odd!\0a")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 3) (i32.const 2) (i32.const 101)))
    (call $proc_exit (i32.load (i32.const 101)))))
