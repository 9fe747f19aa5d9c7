;; SPDX-License-Identifier: Apache-2.0
;; An iovec that begins inside the memory and ends beyond it: fd_write answers FAULT (21), and nothing is written.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\fc\ff\00\00\05\00\00\00") ;; 65532, 5 bytes
  (data (i32.const 65532) "out!")
  (func (export "_start")
    (call $proc_exit (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))
