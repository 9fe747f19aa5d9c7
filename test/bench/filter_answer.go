// SPDX-License-Identifier: Apache-2.0

// The filter of filter_answer.c in Go: begun once, each request gets a copy of what it was then.
package main

import "guests/httpwasm"

//go:wasmexport handle_request
func handleRequest() uint64 {
	httpwasm.Set(httpwasm.Response, "Content-Type", "text/plain")
	httpwasm.Write(httpwasm.Response, "Hello, world!\n")
	return httpwasm.Answered
}

//go:wasmexport handle_response
func handleResponse(context, isError uint32) {}

func main() {}
