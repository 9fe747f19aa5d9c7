;; What a narrow compare-and-exchange expects is wrapped before it is compared: bits beyond the width do not matter.
(module
  (memory (export "memory") 1)
  (data (i32.const 0) "\cb\11\22\33\44\55\66\77")
  (func $expect (param i64 i64)
    (if (i64.ne (local.get 0) (local.get 1)) (then unreachable)))
  (func (export "_start")
    (call $expect (i64.const 0xcb) (i64.atomic.rmw8.cmpxchg_u (i32.const 0) (i64.const 0xffffffff000001cb) (i64.const 0x155)))
    (call $expect (i64.const 0x7766554433221155) (i64.load (i32.const 0)))
    (call $expect (i64.const 0x3322) (i64.extend_i32_u
      (i32.atomic.rmw16.cmpxchg_u (i32.const 2) (i32.const 0x12343322) (i32.const 0xffff9988))))
    (call $expect (i64.const 0x7766554499881155) (i64.load (i32.const 0)))
    (call $expect (i64.const 0x55) (i64.extend_i32_u
      (i32.atomic.rmw8.cmpxchg_u (i32.const 0) (i32.const 0x54) (i32.const 0xff))))
    (call $expect (i64.const 0x7766554499881155) (i64.load (i32.const 0)))))
