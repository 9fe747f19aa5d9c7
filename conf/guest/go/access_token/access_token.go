// SPDX-License-Identifier: Apache-2.0

// access_token lets requests pass that carry a JSON Web Token signed with a key of ours.
//
// The token is `Authorization: Bearer …`, signed with HS256 (RFC 7519, RFC 7515); WasmServeConfig is the key. A token
// with "exp" counts until then, for which the plugin needs WasmServeGrant clock. Who is let in is told to the server
// behind as X-User, from "sub"; what a client says there itself is removed. Works as a filter (WasmServeFilter) and as
// an authorization (Require wasmserve).
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"guests/httpwasm"
)

var key = []byte(httpwasm.Config())

type claims struct {
	Subject string  `json:"sub"`
	Expiry  float64 `json:"exp"`
}

// check returns the claims, or why the token does not count.
func check(token string) (c claims, why string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, "malformed token"
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return c, "malformed token"
		}
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	// Whatever else the token says it is signed with is not ours to believe.
	if json.Unmarshal(decoded[0], &header) != nil || header.Algorithm != "HS256" {
		return c, "another algorithm"
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if !hmac.Equal(mac.Sum(nil), decoded[2]) {
		return c, "wrong signature"
	}
	if json.Unmarshal(decoded[1], &c) != nil {
		return c, "malformed token"
	}
	if c.Expiry != 0 && int64(c.Expiry) <= time.Now().Unix() {
		return c, "expired"
	}
	return c, ""
}

//go:wasmexport handle_request
func handleRequest() uint64 {
	httpwasm.Remove(httpwasm.Request, "X-User")
	challenge := "Bearer"
	if token, found := strings.CutPrefix(httpwasm.Get(httpwasm.Request, "Authorization"), "Bearer "); found {
		why := "no key"
		if len(key) > 0 {
			var c claims
			if c, why = check(token); why == "" {
				if c.Subject != "" {
					httpwasm.Set(httpwasm.Request, "X-User", c.Subject)
				}
				return httpwasm.Next
			}
		}
		challenge += ` error="invalid_token", error_description="` + why + `"`
	}
	httpwasm.SetStatus(401)
	httpwasm.Set(httpwasm.Response, "WWW-Authenticate", challenge)
	return httpwasm.Answered
}

//go:wasmexport handle_response
func handleResponse(context, isError uint32) {}

func main() {}
