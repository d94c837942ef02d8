package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"net/http"

	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

const (
	photoPath    = "/photos/96x96/$value"
	maxPhotoSide = 648 // pixels: the largest that Graph keeps
	maxRefusal   = 64 << 10
)

// Photo is a small profile photo.
type Photo struct {
	ContentType string // image/jpeg or image/png
	Data        []byte
}

// Photo returns the photo, at most limit bytes; nil without an error when there is none. What is not a JPEG or PNG by its
// content, whatever it calls itself, is refused: an SVG can carry scripts.
//
// Permissions: delegated User.Read; app-only User.Read.All.
//
// Source: https://learn.microsoft.com/graph/api/profilephoto-get
func (c *Client) Photo(ctx context.Context, as Caller, limit int) (*Photo, error) {
	if limit <= 0 {
		return nil, errors.New("graph: the photo's size limit is not positive")
	}
	ctx, cancel, s, err := c.begin(ctx, as, true)
	if err != nil {
		return nil, err
	}
	defer cancel()
	var photo *Photo
	err = s.aboutUser(ctx, func(ctx context.Context) (err error) {
		photo, err = s.photo(ctx, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return photo, nil
}

func (s *session) photo(ctx context.Context, most int) (*Photo, error) {
	res, err := s.do(ctx, http.MethodGet, s.at(photoPath, nil), nil, int64(max(most, maxRefusal)))
	var refused *Error
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return nil, nil //nolint:nilnil // no photo is an ordinary answer
	}
	if err != nil {
		return nil, err
	}
	if len(res.Body) > most {
		return nil, fmt.Errorf("graph: photo of %d bytes: %w", len(res.Body), outbound.ErrTooLarge)
	}
	contentType := imageType(res.Body)
	if contentType == "" {
		return nil, errors.New("graph: the photo is neither a JPEG nor a PNG of a sensible size")
	}
	return &Photo{ContentType: contentType, Data: res.Body}, nil
}

// imageType looks at the content. The decoders are called by name, so that no other format that the host has
// registered with package image is taken.
func imageType(data []byte) string {
	decoders := map[string]func(*bytes.Reader) (image.Config, error){
		"image/jpeg": func(r *bytes.Reader) (image.Config, error) { return jpeg.DecodeConfig(r) },
		"image/png":  func(r *bytes.Reader) (image.Config, error) { return png.DecodeConfig(r) },
	}
	kind := http.DetectContentType(data)
	decode := decoders[kind]
	if decode == nil {
		return ""
	}
	c, err := decode(bytes.NewReader(data))
	if err != nil || c.Width < 1 || c.Height < 1 || c.Width > maxPhotoSide || c.Height > maxPhotoSide {
		return ""
	}
	return kind
}
