// SPDX-License-Identifier: Apache-2.0

// ab_redirect sends visitors to one of two variants of a place, and keeps them there.
//
// WasmServeConfig: "PATH A B PERCENT", such as "/shop /shop-a /shop-b 30". Who asks for PATH or something below is
// redirected to the same below A or B; B for PERCENT of all addresses. A cookie keeps the choice.
package main

import (
	"fmt"
	"hash/fnv"
	"strings"

	"guests/httpwasm"
)

var (
	path     string
	variants [2]string
	percent  uint32
)

func init() {
	if _, err := fmt.Sscan(httpwasm.Config(), &path, &variants[0], &variants[1], &percent); err != nil {
		panic("WasmServeConfig must be PATH A B PERCENT: " + err.Error())
	}
}

// chosen is 0 or 1.
func chosen() int {
	for _, cookies := range httpwasm.Values(httpwasm.Request, "cookie") {
		for _, cookie := range strings.Split(cookies, ";") {
			switch strings.TrimSpace(cookie) {
			case "variant=a":
				return 0
			case "variant=b":
				return 1
			}
		}
	}
	source := httpwasm.Source()
	hash := fnv.New32a()
	hash.Write([]byte(source[:strings.LastIndex(source, ":")]))
	if hash.Sum32()/65536%100 < percent {
		return 1
	}
	return 0
}

//go:wasmexport handle_request
func handleRequest() uint64 {
	rest, ours := strings.CutPrefix(httpwasm.URI(), path)
	if !ours || (rest != "" && rest[0] != '/' && rest[0] != '?') {
		return httpwasm.Next
	}
	variant := chosen()
	httpwasm.SetStatus(302)
	httpwasm.Set(httpwasm.Response, "Location", variants[variant]+rest)
	httpwasm.Set(httpwasm.Response, "Set-Cookie", fmt.Sprintf("variant=%c; Path=/; Max-Age=2592000", 'a'+variant))
	httpwasm.Set(httpwasm.Response, "Cache-Control", "private, no-store")
	return httpwasm.Answered
}

//go:wasmexport handle_response
func handleResponse(context, isError uint32) {}

func main() {}
