// SPDX-License-Identifier: Apache-2.0

//go:build first

package main

// newPalette is that of the app's first release, without colours: grey up and down again. The demo
// packs that release too, so that there is one that visitors can have had before.
func newPalette() *palette {
	var p palette
	for i := range p {
		grey := byte(min(i, len(p)-1-i) * 255 / (len(p) / 2))
		p[i] = [3]byte{grey, grey, grey}
	}
	return &p
}

// min is built in only since Go 1.21.
func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}
