// SPDX-License-Identifier: Apache-2.0

// form is a form to write to somebody, and what becomes of it: a line of JSON in a file.
//
// It is a program that answers requests (WasmServeHandler), in CGI's way. Needs WasmServeGrant random, which Go's runtime
// asks for, and dir:DIRECTORY:/messages:rw, where DIRECTORY must be one in which httpd's user can write. GET shows the
// form; POST takes its fields "name" and "message", adds a line to /messages/messages.jsonl, and says thank you.
//
// Everything that a visitor has typed is escaped where it is shown or kept, a line is written by one call (so that those
// of two requests do not mix), and a body has a largest size.
package main

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"os"
	"strings"
)

const largest = 16384

func head(status int, more string) {
	fmt.Printf("Status: %d\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n%s\r\n", status, more)
}

func page(status int, more, notice, name, message string) {
	head(status, more)
	fmt.Printf("<!DOCTYPE html><title>Write to us</title><p>%s</p><form method=\"post\"><input name=\"name\" value=\"%s\">"+
		"<textarea name=\"message\">%s</textarea><button>Send</button></form>\n",
		notice, html.EscapeString(name), html.EscapeString(message))
}

func keep(name, message string) error {
	line, err := json.Marshal(map[string]string{"name": name, "message": message})
	if err != nil {
		return err
	}
	file, err := os.OpenFile("/messages/messages.jsonl", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(append(line, '\n'))
	return err
}

func post() {
	if !strings.HasPrefix(strings.ToLower(os.Getenv("CONTENT_TYPE")), "application/x-www-form-urlencoded") {
		page(415, "", "This is no form.", "", "")
		return
	}
	body, err := io.ReadAll(io.LimitReader(os.Stdin, largest+1))
	if err != nil || len(body) > largest {
		page(413, "", "This is too long.", "", "")
		return
	}
	// What cannot be decoded is left out.
	fields, _ := url.ParseQuery(string(body))
	name, message := fields.Get("name"), fields.Get("message")
	if name == "" || message == "" {
		page(422, "", "Please fill in both fields.", name, message)
	} else if err := keep(name, message); err != nil {
		fmt.Fprintln(os.Stderr, err)
		page(500, "", "This could not be kept; please try again later.", name, message)
	} else {
		head(200, "")
		fmt.Printf("<!DOCTYPE html><title>Thank you</title><p>Thank you, %s!</p>\n", html.EscapeString(name))
	}
}

func main() {
	switch os.Getenv("REQUEST_METHOD") {
	case "POST":
		post()
	case "GET", "HEAD":
		page(200, "", "Write to us:", "", "")
	default:
		page(405, "Allow: GET, HEAD, POST\r\n", "This is no way to write to us.", "", "")
	}
}
