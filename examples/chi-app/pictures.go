package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/cmplx"
)

// demoPictures are Julia sets, for the emulated bucket.
func demoPictures() map[string][]byte {
	return map[string][]byte{
		"dendrite":      julia(complex(0, 1), 170),
		"Douady rabbit": julia(complex(-0.123, 0.745), 265),
		"spirals":       julia(complex(-0.8, 0.156), 35),
	}
}

// julia draws the Julia set of z²+c as a PNG, in shades of a hue in degrees.
func julia(c complex128, hue float64) []byte {
	const width, height, steps = 360, 240, 96
	palette := make(color.Palette, steps+1)
	for i := range palette {
		light := float64(i) / steps
		palette[i] = shade(hue, light)
	}
	m := image.NewPaletted(image.Rect(0, 0, width, height), palette)
	for y := range height {
		for x := range width {
			z := complex(float64(x-width/2)/110, float64(y-height/2)/110)
			n := 0
			for ; n < steps && cmplx.Abs(z) < 2; n++ {
				z = z*z + c
			}
			m.SetColorIndex(x, y, uint8(n))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // writing to a buffer never fails
	}
	return b.Bytes()
}

// shade mixes a hue from nearly black over full colour to white.
func shade(hue, light float64) color.Color {
	channel := func(offset float64) uint8 {
		// The distance of the hue from the channel's own, 0 to 1.
		d := hue - offset
		for d < 0 {
			d += 360
		}
		full := 1 - min(d, 360-d)/180
		v := full * min(1, 3*light)
		v += (1 - v) * max(0, light-1.0/3) * 1.5
		return uint8(20 + 235*min(1, v))
	}
	return color.RGBA{channel(0), channel(120), channel(240), 255}
}
