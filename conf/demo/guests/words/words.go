// SPDX-License-Identifier: Apache-2.0

// A web application in standard Go, answering from the sandbox: the same net/http handler that
// would run behind any CGI server, compiled with
//
//	GOOS=wasip1 GOARCH=wasm go build
//
// It is posted a text and says in JSON what is in it.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cgi"
	"runtime"
	"strings"
)

type answer struct {
	Words  int    `json:"words"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Engine string `json:"built_by"`
}

// count reads the text once: through the digest on its way to the words.
func count(text io.Reader) (answer, error) {
	digest := sha256.New()
	reader := &counted{from: io.TeeReader(text, digest)}
	words := bufio.NewScanner(reader)
	words.Split(bufio.ScanWords)
	result := answer{Engine: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}
	for words.Scan() {
		result.Words++
	}
	result.Bytes = reader.bytes
	result.SHA256 = hex.EncodeToString(digest.Sum(nil))
	return result, words.Err()
}

type counted struct {
	from  io.Reader
	bytes int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.bytes += int64(n)
	return n, err
}

func handle(w http.ResponseWriter, r *http.Request) {
	text := io.Reader(r.Body)
	if r.Method == http.MethodGet {
		text = strings.NewReader(r.URL.Query().Get("text"))
	}
	result, err := count(text)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(result)
}

func main() {
	if err := cgi.Serve(http.HandlerFunc(handle)); err != nil {
		panic(err)
	}
}
