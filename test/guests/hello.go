// SPDX-License-Identifier: Apache-2.0

// hello.go is the hello guest made by standard Go (GOOS=wasip1): a CGI answer with nothing but the
// fmt and os packages. It needs no grant.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Print("Content-Type: text/plain\r\n\r\n")
	fmt.Println("hello from Go")
	for _, name := range []string{"REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"} {
		fmt.Printf("%s=%s\n", name, os.Getenv(name))
	}
}
