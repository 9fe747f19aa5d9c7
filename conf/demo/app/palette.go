// SPDX-License-Identifier: Apache-2.0

//go:build !first

package main

import "math"

// newPalette mixes three cosines out of phase; they are periodic, so that the wheel has no seam.
func newPalette() *palette {
	var p palette
	wave := func(t, phase float64) byte {
		return byte(255 * (0.5 - 0.5*math.Cos(2*math.Pi*(t+phase))))
	}
	for i := range p {
		t := float64(i) / float64(len(p))
		p[i] = [3]byte{wave(t, 0.02), wave(t, 0.12), wave(t, 0.27)}
	}
	return &p
}
