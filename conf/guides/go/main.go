// SPDX-License-Identifier: Apache-2.0

//go:build js && wasm

// An app for the page beside it: greets whom its arguments name, in the words of its environment.
package main

import (
	"os"
	"syscall/js"
)

func main() {
	text := os.Getenv("GREETING") + ", " + os.Args[1] + ", from Go."
	js.Global().Get("document").Call("getElementById", "app").Set("textContent", text)
}
