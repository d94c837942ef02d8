package bulk

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Rejects writes the rows that did not go in as a file of the same format, to be mended and fed back: with import_line, import_error and import_text as
// more columns, or members, of which readers pass over the first two. A row that could not be taken apart is the text in import_text, and stays bad
// until that is empty.
//
// The rows are whole: passwords in them are in the file too. In a CSV an apostrophe goes before whatever a spreadsheet would take for a formula, since
// people call themselves what they like; readers take it away again.
type Rejects struct {
	w      *bufio.Writer
	header []string // nil for JSON; written before the first row
	comma  byte
	begun  bool
}

// NewRejects returns Rejects for the problems of a reader's file, and of importing it. With appending, w has a header already.
func NewRejects(w io.Writer, of *Reader, appending bool) *Rejects {
	return newRejects(w, of.header, of.comma, appending)
}

func newRejects(w io.Writer, header []string, comma byte, appending bool) *Rejects {
	return &Rejects{w: bufio.NewWriter(w), header: header, comma: comma, begun: appending}
}

// Write writes the rows of a problem, and flushes.
func (r *Rejects) Write(p *Problem) error {
	for _, row := range p.rows.reveal() {
		if err := r.row(p, row); err != nil {
			return err
		}
	}
	return r.w.Flush()
}

func (r *Rejects) row(p *Problem, row *row) error {
	line := strconv.FormatInt(row.line, 10)
	if r.header == nil {
		_, err := r.w.Write(append(rejectedObject(p, line, row.raw), '\n'))
		return err
	}
	keep := make([]int, 0, len(r.header)) // columns, without those of a file of Rejects that is fed back
	for i, name := range r.header {
		if name != errorColumn && name != lineColumn && name != textColumn {
			keep = append(keep, i)
		}
	}
	w := csv.NewWriter(r.w)
	w.Comma = rune(r.comma)
	if !r.begun {
		r.begun = true
		if err := w.Write(guard(append(pick(r.header, keep), lineColumn, errorColumn, textColumn))); err != nil {
			return err
		}
	}
	values, rest := pick(row.fields, keep), ""
	if i := slices.Index(r.header, textColumn); i >= 0 && i < len(row.fields) {
		rest = row.fields[i] // not mended yet
	}
	if len(row.fields) != len(r.header) {
		values, rest = pick(nil, keep), readable(row.raw)
	}
	if err := w.Write(guard(append(values, line, p.text(), rest))); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

// isFormula reports whether a spreadsheet would work a value out, if not for the apostrophes that it may begin with
// (https://owasp.org/www-community/attacks/CSV_Injection).
func isFormula(value string) bool {
	begin, _ := utf8.DecodeRuneInString(strings.TrimLeft(value, "'"))
	return strings.ContainsRune("=+-@\t\r\n＝＋－＠", begin)
}

// guard puts an apostrophe before each formula, in place, and one more where there is one already: unguardAll gives back what was.
func guard(values []string) []string {
	for i, v := range values {
		if isFormula(v) {
			values[i] = "'" + v
		}
	}
	return values
}

func unguardAll(values []string) {
	for i, v := range values {
		if isFormula(v) {
			values[i] = strings.TrimPrefix(v, "'")
		}
	}
}

// isRejects reports whether a header is one of Rejects.
func isRejects(header []string) bool {
	named := func(column string) bool {
		return slices.ContainsFunc(header, func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), column) })
	}
	return named(errorColumn) && named(lineColumn)
}

// text is the reason without the line, which may be another one by the time it is read.
func (p *Problem) text() string {
	text := p.What
	if p.Column != "" {
		text = strings.Trim(clip(p.Column), `"`) + ": " + text
	}
	if p.Fix != "" {
		text += ": " + p.Fix
	}
	return text
}

func pick(fields []string, keep []int) []string {
	values := make([]string, 0, len(keep)+3)
	for _, i := range keep {
		value := ""
		if i < len(fields) {
			value = fields[i]
		}
		values = append(values, value)
	}
	return values
}

// readable is text, whatever the file held.
func readable(raw []byte) string { return string(bytes.ToValidUTF8(raw, []byte("\uFFFD"))) }

// rejectedObject puts line and reason before the members of an object, in place of those that it may have.
func rejectedObject(p *Problem, line string, raw []byte) []byte {
	var m members
	reason, err := json.Marshal(p.text())
	if err != nil { // strings always can be
		reason = []byte(`""`)
	}
	begin := append([]byte(`{"`+lineColumn+`":`+line+`,"`+errorColumn+`":`), reason...)
	var whole bytes.Buffer
	if json.Unmarshal(raw, &m) != nil || m == nil || json.Compact(&whole, raw) != nil {
		text, err := json.Marshal(readable(raw))
		if err != nil {
			text = []byte(`""`)
		}
		return append(append(append(begin, `,"`+textColumn+`":`...), text...), '}')
	}
	body := whole.Bytes()
	if _, ok := m[errorColumn]; ok {
		delete(m, errorColumn)
		delete(m, lineColumn)
		if again, err := json.Marshal(m); err == nil {
			body = again
		}
	}
	if len(m) == 0 {
		return append(begin, '}')
	}
	return append(append(begin, ','), bytes.TrimPrefix(body, []byte("{"))...)
}

// AsProblem returns the *Problem in err, if there is one.
func AsProblem(err error) (*Problem, bool) {
	var p *Problem
	ok := errors.As(err, &p)
	return p, ok
}
