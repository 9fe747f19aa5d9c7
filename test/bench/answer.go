// SPDX-License-Identifier: Apache-2.0

// The program of answer.c in Go: as a guest, which starts Go's runtime for each request, and for mod_cgid.
package main

import "os"

func main() {
	os.Stdout.WriteString("Content-Type: text/plain\r\n\r\nHello, world!\n")
}
