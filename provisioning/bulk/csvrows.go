package bulk

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
)

// csvRows yields the records of a CSV (RFC 4180, with any of the usual delimiters). It finds where a record ends by itself, so that one open quote
// costs one line and not the rest of the file; package encoding/csv then reads the record.
type csvRows struct {
	source
	comma   byte
	columns int // 0 before the header is known
	feed    *bufio.Reader
	guarded bool  // the file is one of Rejects
	begun   int64 // bytes of the lines with which rows begin
	vain    int64 // bytes after them that were read and pushed back, since they did not close the quote
}

// What is read in vain for quotes that are never closed is bounded for the file as a whole, by a sum and by a multiple of what the file holds: a file in
// which every line opens a quote would otherwise be read to the limit of a row for each of its lines.
const (
	freeVain  = 16 << 20 // bytes
	timesRead = 8
)

// patient reports whether a row may still go on in lines to come.
func (c *csvRows) patient() bool { return c.vain <= freeVain+timesRead*c.begun }

func newCSVRows(in *bufio.Reader, comma byte) *csvRows {
	return &csvRows{source: source{in: in}, comma: comma, feed: bufio.NewReader(nil)}
}

// next implements rower. Rows without any value are passed over.
func (c *csvRows) next() (*row, *Problem, error) {
	for {
		first, err := c.readLine()
		line := c.line
		switch {
		case errors.Is(err, errLong):
			r := c.row(line, first)
			return r, problem(ReasonTooLong, "", "the row is longer than 1 MiB", "shorten it").at(r), nil
		case err != nil:
			return nil, nil, err
		case blank(first):
			continue
		}
		r, p, err := c.record(line, first)
		if err != nil || p != nil || !empty(r.fields) {
			return r, p, err
		}
	}
}

// empty reports whether a row holds no value: spreadsheets leave such ones behind.
func empty(fields []string) bool {
	for _, f := range fields {
		if f != "" {
			return false
		}
	}
	return true
}

// record reads on until the record that begins with this line is whole. If that never happens, the first line alone is bad, and the others are read again.
func (c *csvRows) record(line int64, first []byte) (*row, *Problem, error) {
	raw := first
	c.begun += int64(len(first))
	quotes := quoting{comma: c.comma}
	quotes.scan(first)
	if quotes.open() && !c.patient() {
		return c.bad(line, first, problem(ReasonSyntax, "", "a quote that opens in this row is not closed in it, and too many rows before it are like that for values to go on in the next line", "close the quotes in the first of these rows, or take them out"))
	}
	for quotes.open() {
		next, err := c.readLine()
		switch {
		case errors.Is(err, errLong):
			c.unreadLong(next)
			return c.broken(line, first, raw)
		case errors.Is(err, io.EOF):
			return c.broken(line, first, raw)
		case err != nil:
			return nil, nil, err
		}
		raw = append(raw, next...)
		quotes.scan(next)
		if len(raw) > MaxRow || quotes.bad {
			return c.broken(line, first, raw)
		}
	}
	fields, err := c.parse(raw)
	several := len(raw) > len(first)
	switch {
	case several && (err != nil || c.columns > 0 && len(fields) != c.columns):
		return c.broken(line, first, raw)
	case err != nil:
		return c.bad(line, raw, problem(ReasonSyntax, "", "a quote stands within a value", "put the value into quotes, and write each quote in it twice"))
	}
	if p := checkText(raw); p != nil {
		return c.bad(line, raw, p)
	}
	if c.columns > 0 && len(fields) != c.columns {
		r, p, _ := c.bad(line, raw, problem(ReasonColumns, "", "the row has more or fewer columns than the header", "put values that hold the delimiter into quotes, and leave no column out"))
		r.fields = fields
		return r, p, nil
	}
	r := c.row(line, raw)
	r.fields = fields
	return r, nil, nil
}

// broken gives up what follows the first line.
func (c *csvRows) broken(line int64, first, raw []byte) (*row, *Problem, error) {
	rest := raw[len(first):]
	c.vain += int64(len(rest))
	lines := int64(bytes.Count(rest, []byte("\n")))
	if len(rest) > 0 && rest[len(rest)-1] != '\n' {
		lines++
	}
	c.unread(rest, lines)
	return c.bad(line, first, problem(ReasonSyntax, "", "a quote that opens in this row is not closed, or is closed in the midst of a value", "close it, or take it out"))
}

func (c *csvRows) bad(line int64, raw []byte, p *Problem) (*row, *Problem, error) {
	r := c.row(line, raw)
	return r, p.at(r), nil
}

// parse reads one record.
func (c *csvRows) parse(raw []byte) ([]string, error) {
	c.feed.Reset(bytes.NewReader(raw))
	r := csv.NewReader(c.feed)
	r.Comma, r.FieldsPerRecord = rune(c.comma), -1
	fields, err := r.Read()
	if c.guarded {
		unguardAll(fields)
	}
	return fields, err
}

// quoting follows the quotes of a record over its lines, as RFC 4180, section 2, has them.
type quoting struct {
	comma  byte
	inside bool // a quoted value
	quote  bool // inside, and the last byte was a quote: the value's end, or the first half of a quote
	middle bool // a value without quotes
	bad    bool // a quote was followed by what neither ends the value nor doubles the quote
}

// open reports whether the record goes on in the next line.
func (q *quoting) open() bool { return q.inside && !q.quote && !q.bad }

func (q *quoting) scan(line []byte) {
	for _, b := range bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")) {
		switch {
		case q.inside && q.quote:
			q.quote = false
			switch b {
			case '"':
			case q.comma:
				q.inside = false
			default:
				q.bad, q.inside = true, false
				return
			}
		case q.inside:
			q.quote = b == '"'
		case b == q.comma:
			q.middle = false
		case b == '"' && !q.middle:
			q.inside = true
		default:
			q.middle = true
		}
	}
}
