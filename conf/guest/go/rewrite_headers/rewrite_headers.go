// SPDX-License-Identifier: Apache-2.0

// rewrite_headers changes header fields by configuration, in both directions.
//
// WasmServeConfig has a rule in each line:
//
//	> Name: value      sets a field of the request
//	> -Name            removes it
//	< Name: value      sets a field of the response, unless whoever answers sets it
//	< -Name            removes it; for this the whole response is held
package main

import (
	"strings"

	"guests/httpwasm"
)

var rules = strings.Split(httpwasm.Config(), "\n")
var holds bool

func init() {
	for _, rule := range rules {
		holds = holds || strings.HasPrefix(rule, "< -")
	}
	if holds {
		httpwasm.Enable(httpwasm.BufferResponse)
	}
}

func apply(kind httpwasm.Kind, direction string, removals bool) {
	for _, rule := range rules {
		what, ours := strings.CutPrefix(rule, direction)
		name, removal := strings.CutPrefix(what, "-")
		switch {
		case !ours || removal != removals:
		case removal:
			httpwasm.Remove(kind, name)
		default:
			if name, value, found := strings.Cut(what, ":"); found {
				httpwasm.Set(kind, name, strings.TrimSpace(value))
			}
		}
	}
}

//go:wasmexport handle_request
func handleRequest() uint64 {
	apply(httpwasm.Request, "> ", true)
	apply(httpwasm.Request, "> ", false)
	apply(httpwasm.Response, "< ", false)
	return httpwasm.Next
}

//go:wasmexport handle_response
func handleResponse(context, isError uint32) {
	if holds {
		apply(httpwasm.Response, "< ", true)
	}
}

func main() {}
