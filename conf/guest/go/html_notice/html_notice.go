// SPDX-License-Identifier: Apache-2.0

// html_notice puts a notice at the end of every page.
//
// WasmServeConfig is the HTML that goes in front of the last </body>. What is not HTML, and HTML that whoever answers
// has compressed, passes as it is. The response is held for it, up to WasmServeBody.
package main

import (
	"bytes"
	"strings"

	"guests/httpwasm"
)

var notice = httpwasm.Config()

func init() { httpwasm.Enable(httpwasm.BufferResponse) }

//go:wasmexport handle_request
func handleRequest() uint64 { return httpwasm.Next }

//go:wasmexport handle_response
func handleResponse(context, isError uint32) {
	if !strings.HasPrefix(strings.ToLower(httpwasm.Get(httpwasm.Response, "Content-Type")), "text/html") ||
		httpwasm.Get(httpwasm.Response, "Content-Encoding") != "" {
		return
	}
	page := httpwasm.Body(httpwasm.Response)
	end := bytes.LastIndex(bytes.ToLower(page), []byte("</body>"))
	if end < 0 {
		return
	}
	httpwasm.Write(httpwasm.Response, string(page[:end])+notice+string(page[end:]))
}

func main() {}
