// SPDX-License-Identifier: Apache-2.0

// The arithmetic of the demo's app: which point of the complex plane a pixel shows, how fast that
// point escapes under z -> z*z + c, and the colour that says so. It knows nothing of browsers.

package main

import "math"

// View is the part of the plane that a canvas shows.
type View struct {
	X, Y  float64 // the point at the canvas's middle
	Scale float64 // plane units for each pixel
}

// home shows the whole set on a canvas of that many pixels.
func home(width, height int) View {
	scale := math.Max(3.2/float64(width), 2.4/float64(height))
	return View{X: -0.65, Y: 0, Scale: scale}
}

// at is the point that pixel (px, py) of a width x height canvas shows.
func (v View) at(px, py float64, width, height int) (float64, float64) {
	return v.X + (px-float64(width)/2)*v.Scale, v.Y + (py-float64(height)/2)*v.Scale
}

// zoomed changes the scale by a factor and keeps the point under (px, py) where it is.
func (v View) zoomed(factor, px, py float64, width, height int) View {
	x, y := v.at(px, py, width, height)
	next := View{Scale: v.Scale * factor}
	// Below this a pixel is thinner than float64 can tell two of them apart; above it there is
	// nothing but the outside.
	next.Scale = math.Min(math.Max(next.Scale, 4e-16), 0.05)
	next.X = x - (px-float64(width)/2)*next.Scale
	next.Y = y - (py-float64(height)/2)*next.Scale
	return next
}

// depth is how many steps are worth trying: the border gets finer as one looks closer.
func (v View) depth() int {
	zoom := 0.005 / v.Scale
	return 160 + int(90*math.Max(0, math.Log10(zoom)))
}

// escape counts the steps, with a fraction that makes neighbours differ smoothly, until the point
// leaves the circle beyond which it never returns; -1 if it has not done so after limit steps.
func escape(cx, cy float64, limit int) float64 {
	// The two large bodies of the set need no iteration: their borders are known in closed form.
	q := (cx-0.25)*(cx-0.25) + cy*cy
	if q*(q+(cx-0.25)) <= 0.25*cy*cy || (cx+1)*(cx+1)+cy*cy <= 0.0625 {
		return -1
	}
	var x, y, xx, yy float64
	for n := 0; n < limit; n++ {
		y = 2*x*y + cy
		x = xx - yy + cx
		xx, yy = x*x, y*y
		if xx+yy > 256 {
			return float64(n) + 1 - math.Log2(0.5*math.Log2(xx+yy))
		}
	}
	return -1
}

// palette holds one turn of the colour wheel that escape times are laid upon. newPalette fills it; each release of the
// app has its own.
type palette [1024][3]byte

// paint writes the colour of an escape time as RGBA.
func (p *palette) paint(rgba []byte, steps float64) {
	var c [3]byte
	if steps >= 0 {
		i := int(math.Sqrt(steps+1)*110) % len(p)
		c = p[i]
	}
	rgba[0], rgba[1], rgba[2], rgba[3] = c[0], c[1], c[2], 255
}
