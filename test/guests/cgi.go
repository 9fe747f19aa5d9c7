// SPDX-License-Identifier: Apache-2.0

// cgi.go answers through net/http/cgi, as an existing Go web program would: routes, JSON, a form
// and a body that streams through. It is the largest guest of the tests (some 10 MB).
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"os"
)

func describe(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Guest", "go")
	json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method,
		"path":   r.URL.Path,
		"query":  r.URL.RawQuery,
		"host":   r.Host,
		"agent":  r.UserAgent(),
	})
}

func digest(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	count, err := io.Copy(hash, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%d %s\n", count, hex.EncodeToString(hash.Sum(nil)))
}

func form(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		http.Error(w, "only POST here", http.StatusMethodNotAllowed)
		return
	}
	fmt.Fprintf(w, "hello, %s\n", r.FormValue("name"))
}

func main() {
	err := cgi.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch os.Getenv("PATH_INFO") {
		case "/digest":
			digest(w, r)
		case "/form":
			form(w, r)
		case "/panic":
			panic("asked to")
		default:
			describe(w, r)
		}
	}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
