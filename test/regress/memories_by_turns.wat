;; SPDX-License-Identifier: Apache-2.0
;; Two memories that grow by turns, so that one of them may have to move, keep what was written to them.
(module
  (memory $a 1 40) (memory $b 1 40)
  (func (export "_start") (local $i i32)
    (loop $again
      (i32.store $a (i32.mul (local.get $i) (i32.const 65536)) (local.get $i))
      (i32.store $b (i32.mul (local.get $i) (i32.const 65536)) (i32.add (local.get $i) (i32.const 1000)))
      (if (i32.ne (memory.grow $a (i32.const 1)) (i32.add (local.get $i) (i32.const 1))) (then unreachable))
      (if (i32.ne (memory.grow $b (i32.const 1)) (i32.add (local.get $i) (i32.const 1))) (then unreachable))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 39))))
    (local.set $i (i32.const 0))
    (loop $check
      (if (i32.ne (i32.load $a (i32.mul (local.get $i) (i32.const 65536))) (local.get $i)) (then unreachable))
      (if (i32.ne (i32.load $b (i32.mul (local.get $i) (i32.const 65536))) (i32.add (local.get $i) (i32.const 1000)))
        (then unreachable))
      (br_if $check (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 39))))))
