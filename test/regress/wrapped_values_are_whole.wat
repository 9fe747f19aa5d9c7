;; SPDX-License-Identifier: Apache-2.0
;; i32.wrap_i64 costs nothing where its consumer reads 32 bits anyway. Consumers that pass a value on as it
;; is (return, global.set, select) must get it with the upper half cleared, or a later i64.extend_i32_u,
;; which costs nothing either, brings the upper half back.
(module
  (memory (export "memory") 1)
  (global $g (mut i32) (i32.const 0))
  (data (i32.const 8) "\01\00\00\80\78\56\34\12")

  (func $wide (result i64) (i64.load (i32.const 8)))
  (func $returned (param i64) (result i32) (i32.wrap_i64 (local.get 0)))
  (func $computed (result i32) (i32.wrap_i64 (i64.or (i64.load (i32.const 8)) (i64.const 0))))
  (func $early (param i64) (result i32) (return (i32.wrap_i64 (local.get 0))))

  (func $same (param i32 i64)
    (if (i64.ne (i64.extend_i32_u (local.get 0)) (i64.const 0x80000001)) (then unreachable))
    (if (i64.ne (local.get 1) (i64.const 0x80000001)) (then unreachable)))

  (func (export "_start") (local $w i64) (local $n i32)
    (local.set $w (call $wide))
    (call $same (i32.wrap_i64 (local.get $w)) (i64.extend_i32_u (call $returned (local.get $w))))
    (call $same (call $computed) (i64.extend_i32_u (call $computed)))
    (call $same (call $early (local.get $w)) (i64.extend_i32_u (call $early (local.get $w))))

    (global.set $g (i32.wrap_i64 (local.get $w)))
    (call $same (global.get $g) (i64.extend_i32_u (global.get $g)))
    (global.set $g (i32.wrap_i64 (call $wide)))
    (call $same (global.get $g) (i64.extend_i32_u (global.get $g)))

    (call $same (i32.const 0x80000001)
      (i64.extend_i32_u
        (select (i32.wrap_i64 (local.get $w)) (i32.const 7) (i32.load8_u (i32.const 8)))))
    (call $same (i32.const 0x80000001)
      (i64.extend_i32_u
        (select (i32.const 7) (i32.wrap_i64 (local.get $w)) (i32.load8_u (i32.const 9)))))

    (local.set $n (i32.wrap_i64 (local.get $w)))
    (call $same (local.get $n) (i64.extend_i32_u (local.get $n)))
    (call $same (i32.const 0x80000001)
      (i64.extend_i32_u (block (result i32) (br 0 (i32.wrap_i64 (local.get $w))))))
    (call $same (i32.const 0x80000001)
      (i64.extend_i32_u
        (block (result i32)
          (br_if 0 (i32.wrap_i64 (local.get $w)) (i32.load8_u (i32.const 8)))
          (drop) (i32.const 7))))))
