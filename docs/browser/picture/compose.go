package main

import (
	"bytes"
	"context"
	_ "embed" // for page
	"encoding/base64"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"slices"

	"github.com/chromedp/chromedp"

	"seven-servers/docs/browser"
)

//go:embed page.html
var page string

// Source returns the chart in the form of an address, for the page.
func (p panel) Source() template.URL {
	return template.URL(dataURL("image/png", p.Chart))
}

// dataURL returns an address that is itself the content.
func dataURL(kind string, content []byte) string {
	return "data:" + kind + ";base64," +
		base64.StdEncoding.EncodeToString(content)
}

// compose lets the browser set the panels and the crowds as one page and returns
// a picture of it, a PNG file.
func compose(ctx context.Context, panels []panel,
	crowds []crowd) ([]byte, error) {
	parsed, err := template.New("page").Parse(page)
	if err != nil {
		return nil, err
	}
	var html bytes.Buffer
	if err := parsed.Execute(&html, map[string]any{
		"Panels": panels, "Crowds": crowds, "Patience": patience.Seconds(),
		"Size": size, "Tiles": tiles,
	}); err != nil {
		return nil, err
	}
	tab, closeTab, err := browser.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer closeTab()
	if err := chromedp.Do(tab,
		chromedp.EmulateViewport(1200, 900, chromedp.EmulateScale(sharpness)),
		chromedp.Navigate(dataURL("text/html;charset=utf-8", html.Bytes())),
	); err != nil {
		return nil, err
	}
	return chromedp.Run(tab, chromedp.Screenshot(chromedp.CSS("body")))
}

// shrink writes the picture with 256 colours, one byte for each pixel. It keeps
// the most frequent ones: the others are edges of letters and bars, and have a
// neighbour close enough.
func shrink(file []byte) ([]byte, error) {
	full, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	bounds := full.Bounds()
	counts := map[color.Color]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[full.At(x, y)]++
		}
	}
	var colours color.Palette
	for c := range counts {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(a, b color.Color) int {
		return counts[b] - counts[a]
	})
	colours = colours[:min(256, len(colours))]
	small := image.NewPaletted(bounds, colours)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			small.Set(x, y, full.At(x, y))
		}
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	err = encoder.Encode(&out, small)
	return out.Bytes(), err
}
