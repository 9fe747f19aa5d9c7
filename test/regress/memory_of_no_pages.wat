;; SPDX-License-Identifier: Apache-2.0
;; A memory without a page: every pointer of a host call is bad, a null one included.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 0)
  (func (export "_start") (call $proc_exit (call $args_sizes_get (i32.const 0) (i32.const 0)))))
