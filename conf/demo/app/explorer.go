// SPDX-License-Identifier: Apache-2.0

//go:build js && wasm

// The demo's app in the browser: a Mandelbrot explorer on a canvas. The page starts it with the
// canvas's id as its argument and hears from it by the events "app:running" and "app:drawn".
//
// How: everything happens in callbacks on the page's one thread. A picture is drawn in passes of
// finer and finer blocks; each animation frame works for a few milliseconds and gives the thread
// back, so that the page stays alive while a deep picture is being computed.
package main

import (
	"fmt"
	"os"
	"syscall/js"
	"time"
)

const (
	frameBudget = 12 * time.Millisecond // leaves the browser a few of a frame's 16 to do its own work
	coarsest    = 16                    // edge of the first pass's blocks, in pixels
)

// explorer is the app's whole state; it lives as long as the page.
type explorer struct {
	canvas, context, image js.Value
	pixels                 js.Value // the image's bytes on the JavaScript side
	width, height          int
	rgba                   []byte // the same on ours
	view                   View
	colours                *palette
	block, row             int // the pass being drawn, and how far it got
	began                  time.Time
	busy                   bool // a frame is asked for
	draw                   js.Func
	drag                   struct {
		active bool
		x, y   float64
		from   View
	}
}

func main() {
	id := "app-canvas"
	if len(os.Args) > 1 {
		id = os.Args[1]
	}
	canvas := js.Global().Get("document").Call("getElementById", id)
	if canvas.IsNull() {
		fmt.Fprintf(os.Stderr, "there is no canvas %q on this page\n", id)
		os.Exit(1)
	}
	e := &explorer{canvas: canvas, colours: newPalette()}
	e.context = canvas.Call("getContext", "2d")
	e.draw = js.FuncOf(func(js.Value, []js.Value) any {
		e.frame()
		return nil
	})
	e.listen()
	e.resize()
	e.view = home(e.width, e.height)
	e.restart()
	e.tell("app:running", nil)
	select {} // the callbacks go on; a Go program whose main returns is gone
}

// resize takes over the canvas's size and makes the buffers fit.
func (e *explorer) resize() {
	e.width = e.canvas.Get("width").Int()
	e.height = e.canvas.Get("height").Int()
	e.rgba = make([]byte, 4*e.width*e.height)
	e.image = e.context.Call("createImageData", e.width, e.height)
	e.pixels = e.image.Get("data")
}

// restart begins a new picture at its coarsest pass.
func (e *explorer) restart() {
	e.block, e.row, e.began = coarsest, 0, time.Now()
	if !e.busy {
		e.busy = true
		js.Global().Call("requestAnimationFrame", e.draw)
	}
}

// frame computes for as long as a frame may take and shows what there is.
func (e *explorer) frame() {
	until := time.Now().Add(frameBudget)
	for e.block >= 1 && time.Now().Before(until) {
		e.drawRow()
		e.row += e.block
		if e.row >= e.height {
			e.block, e.row = e.block/2, 0
		}
	}
	js.CopyBytesToJS(e.pixels, e.rgba)
	e.context.Call("putImageData", e.image, 0, 0)
	if e.block >= 1 {
		js.Global().Call("requestAnimationFrame", e.draw)
		return
	}
	e.busy = false
	e.tell("app:drawn", map[string]any{
		"x": e.view.X, "y": e.view.Y, "scale": e.view.Scale, "depth": e.view.depth(),
		"milliseconds": time.Since(e.began).Milliseconds(),
	})
}

// drawRow fills one row of blocks. Where a coarser pass has already computed a block's corner,
// that quarter is right as it stands.
func (e *explorer) drawRow() {
	limit := e.view.depth()
	var colour [4]byte
	for x := 0; x < e.width; x += e.block {
		if e.block < coarsest && x%(2*e.block) == 0 && e.row%(2*e.block) == 0 {
			continue
		}
		cx, cy := e.view.at(float64(x), float64(e.row), e.width, e.height)
		e.colours.paint(colour[:], escape(cx, cy, limit))
		for dy := 0; dy < e.block && e.row+dy < e.height; dy++ {
			line := 4 * ((e.row+dy)*e.width + x)
			for dx := 0; dx < e.block && x+dx < e.width; dx++ {
				copy(e.rgba[line+4*dx:], colour[:])
			}
		}
	}
}

// tell sends the page an event from the canvas.
func (e *explorer) tell(name string, detail map[string]any) {
	options := map[string]any{"bubbles": true}
	if detail != nil {
		options["detail"] = detail
	}
	e.canvas.Call("dispatchEvent", js.Global().Get("CustomEvent").New(name, options))
}

// pixel is where on the canvas, in its own pixels, an event happened; CSS may have scaled it.
func (e *explorer) pixel(event js.Value) (float64, float64) {
	box := e.canvas.Call("getBoundingClientRect")
	x := event.Get("clientX").Float() - box.Get("left").Float()
	y := event.Get("clientY").Float() - box.Get("top").Float()
	return x * float64(e.width) / box.Get("width").Float(),
		y * float64(e.height) / box.Get("height").Float()
}

func (e *explorer) zoom(factor, x, y float64) {
	e.view = e.view.zoomed(factor, x, y, e.width, e.height)
	e.restart()
}

func (e *explorer) pan(dx, dy float64) {
	e.view.X += dx * float64(e.width) * e.view.Scale
	e.view.Y += dy * float64(e.height) * e.view.Scale
	e.restart()
}

// command does what a key, or a button of the page, asks for; false if it means nothing here.
func (e *explorer) command(name string) bool {
	middleX, middleY := float64(e.width)/2, float64(e.height)/2
	switch name {
	case "+", "=", "in":
		e.zoom(0.6, middleX, middleY)
	case "-", "out":
		e.zoom(1/0.6, middleX, middleY)
	case "ArrowLeft":
		e.pan(-0.1, 0)
	case "ArrowRight":
		e.pan(0.1, 0)
	case "ArrowUp":
		e.pan(0, -0.1)
	case "ArrowDown":
		e.pan(0, 0.1)
	case "0", "Home", "home":
		e.view = home(e.width, e.height)
		e.restart()
	default:
		return false
	}
	return true
}

// listen ties the canvas's events to what they do. The functions are never released: they are
// wanted until the page goes.
func (e *explorer) listen() {
	on := func(name string, do func(event js.Value)) {
		handler := js.FuncOf(func(_ js.Value, args []js.Value) any {
			do(args[0])
			return nil
		})
		// A wheel listener is passive unless it says otherwise, and then the page would scroll as well.
		e.canvas.Call("addEventListener", name, handler, map[string]any{"passive": false})
	}
	on("keydown", func(event js.Value) {
		held := event.Get("ctrlKey").Bool() || event.Get("metaKey").Bool() || event.Get("altKey").Bool()
		if !held && e.command(event.Get("key").String()) {
			event.Call("preventDefault")
		}
	})
	on("app:command", func(event js.Value) { e.command(event.Get("detail").String()) })
	on("wheel", func(event js.Value) {
		event.Call("preventDefault")
		x, y := e.pixel(event)
		factor := 0.8
		if event.Get("deltaY").Float() > 0 {
			factor = 1 / factor
		}
		e.zoom(factor, x, y)
	})
	on("dblclick", func(event js.Value) {
		x, y := e.pixel(event)
		e.zoom(0.4, x, y)
	})
	on("pointerdown", func(event js.Value) {
		e.canvas.Call("setPointerCapture", event.Get("pointerId"))
		e.drag.active = true
		e.drag.x, e.drag.y = e.pixel(event)
		e.drag.from = e.view
	})
	on("pointermove", func(event js.Value) {
		if !e.drag.active {
			return
		}
		x, y := e.pixel(event)
		e.view.X = e.drag.from.X - (x-e.drag.x)*e.view.Scale
		e.view.Y = e.drag.from.Y - (y-e.drag.y)*e.view.Scale
		e.restart()
	})
	release := func(js.Value) { e.drag.active = false }
	on("pointerup", release)
	on("pointercancel", release)
}
