// SPDX-License-Identifier: Apache-2.0

// rate_limit lets so many requests in a window of time through for each client, over all processes.
//
// WasmServeConfig: "REQUESTS SECONDS", such as "100 60". Needs WasmServeGrant kv. Who asks for more is answered 429 with
// Retry-After; all others learn from X-RateLimit-Remaining what is left. If the store cannot be used the guest ends
// itself, and WasmServeOnError says what that means: nobody is let in (closed), or everybody (open).
package main

import (
	"fmt"
	"strings"
	"unsafe"

	"guests/httpwasm"
)

var (
	requests int64
	seconds  float64
)

// increment gives a number that is not there its time, and leaves that of one that is there alone; conf/guest/wasmserve_kv.h
// explains it and its relatives.
//
//go:wasmimport wasmserve_kv increment
func increment(key unsafe.Pointer, keyLength uint32, delta int64, milliseconds uint64, sum unsafe.Pointer) int32

func init() {
	if _, err := fmt.Sscan(httpwasm.Config(), &requests, &seconds); err != nil || seconds < 0.001 {
		panic("WasmServeConfig must be REQUESTS SECONDS")
	}
}

// countOf is how many requests of this client there were in this window, this one included.
func countOf(source string) int64 {
	// The port is another with each connection.
	key := "requests of " + source[:strings.LastIndex(source, ":")]
	var count int64
	result := increment(unsafe.Pointer(unsafe.StringData(key)), uint32(len(key)), 1, uint64(seconds*1000), unsafe.Pointer(&count))
	if result != 0 {
		httpwasm.Log(2, fmt.Sprintf("the store answered %d", result))
		panic("no store")
	}
	return count
}

//go:wasmexport handle_request
func handleRequest() uint64 {
	count := countOf(httpwasm.Source())
	if count <= requests {
		httpwasm.Set(httpwasm.Response, "X-RateLimit-Remaining", fmt.Sprint(requests-count))
		return httpwasm.Next
	}
	httpwasm.SetStatus(429)
	httpwasm.Set(httpwasm.Response, "Retry-After", fmt.Sprint(int64(seconds)+1))
	httpwasm.Set(httpwasm.Response, "Content-Type", "text/plain")
	httpwasm.Write(httpwasm.Response, "too many requests\n")
	return httpwasm.Answered
}

//go:wasmexport handle_response
func handleResponse(context, isError uint32) {}

func main() {}
