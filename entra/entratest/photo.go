package entratest

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
)

// samplePhoto draws a small portrait: a plain face on a plain ground.
func samplePhoto() []byte {
	const size = 48
	m := image.NewRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			dx, dy := x-size/2, y-size*2/5
			c := color.RGBA{0x8a, 0xb0, 0xff, 0xff}
			switch {
			case dx*dx+dy*dy < 90:
				c = color.RGBA{0xff, 0xe0, 0xc2, 0xff}
			case y > 32 && dx*dx+(y-52)*(y-52) < 350:
				c = color.RGBA{0x24, 0x59, 0xc9, 0xff}
			}
			m.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, m) // writing to memory
	return b.Bytes()
}
