;; SPDX-License-Identifier: Apache-2.0
;; The deadline covers the start function.
(module
  (func $begin (loop $again (br $again)))
  (start $begin)
  (func (export "_start")))
