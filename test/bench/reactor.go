// SPDX-License-Identifier: Apache-2.0

// A reactor as Go makes one: `_initialize` starts the runtime, and what is exported is called
// afterwards, as often as somebody likes. It counts what it was asked, so that a call is more than
// its way in and out.
package main

var asked = map[string]int{}

//go:wasmexport answer
func answer() {
	asked["/hello"]++
}

func main() {}
