;; SPDX-License-Identifier: Apache-2.0
;; memory.grow beyond the cap answers -1 and leaves what is there; what was got before stays usable. The exit code is
;; the number of pages in the end.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 65532) (i32.const 0x12345678))
    (loop $again
      (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (if (i32.ne (i32.load (i32.const 65532)) (i32.const 0x12345678)) (then unreachable))
    (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const 1))
    (if (i32.ne (memory.grow (i32.const 65536)) (i32.const -1)) (then unreachable))
    (if (i32.ne (memory.grow (i32.const -1)) (i32.const -1)) (then unreachable))
    (call $proc_exit (memory.size))))
