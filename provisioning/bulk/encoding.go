package bulk

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"golang.org/x/text/encoding/unicode"
)

// ErrFile is what every error about a whole file wraps: not one row is wrong, but none can be read.
var ErrFile = errors.New("bulk: the file cannot be read")

// decode returns the file as UTF-8 without a byte order mark. UTF-16, as Excel's "Unicode Text" is, is known by its mark, or by the zeros that
// Latin letters have in it; what is no text at all is named.
func decode(r io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fileError("%w", err)
	}
	switch {
	case len(head) == 0:
		return nil, fileError("it is empty")
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		_, err = b.Discard(3)
		return b, err
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE, 0, 0}), bytes.HasPrefix(head, []byte{0, 0, 0xFE, 0xFF}):
		return nil, fileError("it is UTF-32: save it as UTF-8")
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		return utf16(b, unicode.LittleEndian)
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return utf16(b, unicode.BigEndian)
	case len(head) >= 4 && head[1] == 0 && head[3] == 0 && head[0] != 0 && head[2] != 0:
		return utf16(b, unicode.LittleEndian)
	case len(head) >= 4 && head[0] == 0 && head[2] == 0 && head[1] != 0 && head[3] != 0:
		return utf16(b, unicode.BigEndian)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, fileError("it is an Excel workbook or a ZIP archive: save it as \"CSV UTF-8\", or unpack it")
	case bytes.HasPrefix(head, []byte{0xD0, 0xCF, 0x11, 0xE0}):
		return nil, fileError("it is an old Excel workbook: save it as \"CSV UTF-8\"")
	case bytes.HasPrefix(head, []byte{0x1F, 0x8B}):
		return nil, fileError("it is compressed: unpack it (gunzip)")
	}
	return b, nil
}

// utf16 decodes; the mark, where there is one, is left out. A surrogate without its other half becomes U+FFFD, which checkText then refuses.
func utf16(b *bufio.Reader, order unicode.Endianness) (*bufio.Reader, error) {
	decoder := unicode.UTF16(order, unicode.UseBOM).NewDecoder()
	return bufio.NewReaderSize(decoder.Reader(b), 64<<10), nil
}
