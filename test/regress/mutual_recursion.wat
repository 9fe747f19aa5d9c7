;; SPDX-License-Identifier: Apache-2.0
;; Two functions that call each other through a table without end: the stack limit, and no crash of the thread.
(module
  (type $f (func (param i32) (result i32)))
  (table funcref (elem $even $odd))
  (func $even (type $f)
    (i32.add (i32.const 1) (call_indirect (type $f) (local.get 0) (i32.const 1))))
  (func $odd (type $f)
    (i32.add (i32.const 1) (call_indirect (type $f) (local.get 0) (i32.const 0))))
  (func (export "_start") (drop (call $even (i32.const 0)))))
