;; SPDX-License-Identifier: Apache-2.0
;; A guest that exits from its start function, before there is an instance: that is its exit code.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $begin (call $proc_exit (i32.const 9)))
  (start $begin)
  (func (export "_start") unreachable))
