package bulk

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// The limits of a file. What is beyond one of them is a bad row, or a bad file; nothing is cut.
const (
	MaxRow           = 1 << 20 // bytes of a row, or of a JSON object
	MaxColumns       = 512     // of a CSV, and members of a JSON object
	MaxOrganizations = 1000    // of one record
)

// What is held at once, in bytes of the file, so that long rows are not more than many short ones.
const (
	maxRecord = 4 * MaxRow  // rows of a CSV that are one record
	maxBytes  = 16 * MaxRow // records that are stored together; the last one may go beyond it
)

// held is the length of rows, in bytes.
func held(rows []*row) (n int) {
	for _, r := range rows {
		n += len(r.raw)
	}
	return n
}

// row is one row as it stood in the file: a record of a CSV, or a JSON object.
type row struct {
	number int64    // counted from 1, bad ones too, a header not
	line   int64    // where it begins
	digest [32]byte // of this row and all before it
	raw    []byte   // as UTF-8, without the line end
	fields []string // of a CSV that could be parsed
}

// rower yields rows.
type rower interface {
	// next returns the next row. With a *Problem the row is bad and the next one can be read; any other error is the end, io.EOF the good one.
	next() (*row, *Problem, error)
}

// source reads lines and pushes back what was read too far.
type source struct {
	in     *bufio.Reader
	back   []byte // was read too far: from pos on it is to be read before in
	pos    int
	long   []byte // the beginning of a line that is too long, to be told after back
	line   int64  // how many lines were read
	number int64
	digest [32]byte
}

// errLong is a line beyond MaxRow.
var errLong = errors.New("line is too long")

// readLine returns the next line with its end; the last one may have none. io.EOF only with nothing read. A line beyond MaxRow is read to its
// end and is errLong, with its beginning.
func (s *source) readLine() ([]byte, error) {
	if s.pos < len(s.back) {
		line := s.back[s.pos:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		s.pos += len(line)
		s.line++
		return slices.Clip(line), nil
	}
	if line := s.long; line != nil {
		s.long = nil
		s.line++
		return line, errLong
	}
	var line []byte
	long := false
	for {
		part, err := s.in.ReadSlice('\n')
		if len(line)+len(part) > MaxRow+2 { // the line's end is no part of the row
			long = true
			part = part[:max(0, min(len(part), MaxRow-len(line)))]
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fileError("%w", err)
		}
		s.line++
		if long {
			return line, errLong
		}
		return line, nil
	}
}

// unread pushes the lines back that were read last. Those that came from back already only move the position, so that pushing back costs as much
// as reading did, however often it happens.
func (s *source) unread(lines []byte, count int64) {
	s.line -= count
	if s.pos >= len(lines) && bytes.Equal(s.back[s.pos-len(lines):s.pos], lines) {
		s.pos -= len(lines)
		return
	}
	s.back = append(slices.Clone(lines), s.back[s.pos:]...)
	s.pos = 0
}

// unreadLong pushes back a line that is too long, after what else is pushed back.
func (s *source) unreadLong(beginning []byte) {
	s.long = beginning
	s.line--
}

// row makes a row of what was read.
func (s *source) row(line int64, raw []byte) *row {
	s.number++
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	raw = bytes.TrimSuffix(raw, []byte("\r"))
	h := sha256.New()
	h.Write(s.digest[:])
	h.Write(raw)
	h.Sum(s.digest[:0])
	return &row{number: s.number, line: line, digest: s.digest, raw: raw}
}

// blank reports whether a line holds nothing.
func blank(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }

// checkText refuses what is no text: broken UTF-8 (a file in Windows-1252 looks like that), what a decoder could not read, zeros.
func checkText(raw []byte) *Problem {
	switch {
	case !utf8.Valid(raw):
		return problem(ReasonEncoding, "", "the row is not UTF-8", "save the file as UTF-8 (Excel: \"CSV UTF-8\")")
	case bytes.ContainsRune(raw, utf8.RuneError):
		return problem(ReasonEncoding, "", "the row holds U+FFFD, which stands for letters that a program could not read", "put the right letters in, and save the file as UTF-8")
	case bytes.IndexByte(raw, 0) >= 0:
		return problem(ReasonEncoding, "", "the row holds zero bytes", "save the file as UTF-8")
	}
	return nil
}

// checkValue refuses control characters other than white space within text.
func checkValue(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f })
}
