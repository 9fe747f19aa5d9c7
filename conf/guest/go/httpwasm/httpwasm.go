// SPDX-License-Identifier: Apache-2.0

// Package httpwasm is the http-wasm interface for guests in Go 1.24 or newer, built as reactors:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o guest.wasm ./guest
//
// A guest exports two functions with //go:wasmexport, handle_request() uint64 and
// handle_response(context, isError uint32), and has an empty main. What may be called when is said in
// the interface (http-wasm/http-wasm, http-handler-abi.md).
package httpwasm

import (
	"strings"
	"unsafe"
)

// What handle_request returns. The upper 32 bits of what lets the request pass are handed to handle_response.
const (
	Answered uint64 = 0
	Next     uint64 = 1
)

// Kind is one of a message's parts.
type Kind uint32

const (
	Request Kind = iota
	Response
	RequestTrailers
	ResponseTrailers
)

// Features for Enable.
const (
	BufferRequest uint32 = 1 << iota
	BufferResponse
	Trailers
)

type give func(buf unsafe.Pointer, limit uint32) uint32

//go:wasmimport http_handler enable_features
func enableFeatures(features uint32) uint32

//go:wasmimport http_handler get_config
func getConfig(buf unsafe.Pointer, limit uint32) uint32

//go:wasmimport http_handler log
func log(level int32, text unsafe.Pointer, length uint32)

//go:wasmimport http_handler get_method
func getMethod(buf unsafe.Pointer, limit uint32) uint32

//go:wasmimport http_handler set_method
func setMethod(text unsafe.Pointer, length uint32)

//go:wasmimport http_handler get_uri
func getURI(buf unsafe.Pointer, limit uint32) uint32

//go:wasmimport http_handler set_uri
func setURI(text unsafe.Pointer, length uint32)

//go:wasmimport http_handler get_source_addr
func getSource(buf unsafe.Pointer, limit uint32) uint32

//go:wasmimport http_handler get_header_values
func getHeaderValues(kind uint32, name unsafe.Pointer, nameLength uint32, buf unsafe.Pointer, limit uint32) uint64

//go:wasmimport http_handler set_header_value
func setHeaderValue(kind uint32, name unsafe.Pointer, nameLength uint32, value unsafe.Pointer, length uint32)

//go:wasmimport http_handler add_header_value
func addHeaderValue(kind uint32, name unsafe.Pointer, nameLength uint32, value unsafe.Pointer, length uint32)

//go:wasmimport http_handler remove_header
func removeHeader(kind uint32, name unsafe.Pointer, nameLength uint32)

//go:wasmimport http_handler read_body
func readBody(kind uint32, buf unsafe.Pointer, limit uint32) uint64

//go:wasmimport http_handler write_body
func writeBody(kind uint32, bytes unsafe.Pointer, length uint32)

//go:wasmimport http_handler get_status_code
func getStatus() uint32

//go:wasmimport http_handler set_status_code
func setStatus(status uint32)

func bytesOf(s string) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.StringData(s)), uint32(len(s))
}

// text asks twice: for the length, then for the bytes.
func text(f give) string {
	length := f(nil, 0)
	if length == 0 {
		return ""
	}
	buf := make([]byte, length)
	f(unsafe.Pointer(&buf[0]), length)
	return string(buf)
}

// Enable asks for features and returns those that are on.
func Enable(features uint32) uint32 { return enableFeatures(features) }

// Config is what WasmServeConfig says.
func Config() string { return text(getConfig) }

// Log writes a line to the server's log: -1 debug, 0 info, 1 warn, 2 error.
func Log(level int32, line string) {
	at, length := bytesOf(line)
	log(level, at, length)
}

func Method() string { return text(getMethod) }
func URI() string    { return text(getURI) }
func Source() string { return text(getSource) }
func Status() uint32 { return getStatus() }

func SetMethod(method string) { setMethod(bytesOf(method)) }
func SetURI(uri string)       { setURI(bytesOf(uri)) }
func SetStatus(status uint32) { setStatus(status) }

// Values are all values of a header field.
func Values(kind Kind, name string) []string {
	at, length := bytesOf(name)
	found := getHeaderValues(uint32(kind), at, length, nil, 0)
	if found == 0 {
		return nil
	}
	buf := make([]byte, uint32(found))
	getHeaderValues(uint32(kind), at, length, unsafe.Pointer(&buf[0]), uint32(found))
	return strings.Split(string(buf[:len(buf)-1]), "\x00")
}

// Get is the first value of a header field, "" if there is none.
func Get(kind Kind, name string) string {
	if values := Values(kind, name); len(values) > 0 {
		return values[0]
	}
	return ""
}

func Set(kind Kind, name, value string) {
	nameAt, nameLength := bytesOf(name)
	at, length := bytesOf(value)
	setHeaderValue(uint32(kind), nameAt, nameLength, at, length)
}

func Add(kind Kind, name, value string) {
	nameAt, nameLength := bytesOf(name)
	at, length := bytesOf(value)
	addHeaderValue(uint32(kind), nameAt, nameLength, at, length)
}

func Remove(kind Kind, name string) {
	at, length := bytesOf(name)
	removeHeader(uint32(kind), at, length)
}

// Body reads a body to its end.
func Body(kind Kind) []byte {
	var body []byte
	buf := make([]byte, 16384)
	for {
		got := readBody(uint32(kind), unsafe.Pointer(&buf[0]), uint32(len(buf)))
		body = append(body, buf[:uint32(got)]...)
		if got>>32 != 0 {
			return body
		}
	}
}

// Write replaces a body with its first call in a function, and adds to it with the next ones.
func Write(kind Kind, s string) {
	at, length := bytesOf(s)
	writeBody(uint32(kind), at, length)
}
