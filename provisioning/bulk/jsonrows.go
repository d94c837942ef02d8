package bulk

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// lineRows yields JSON objects, one a line (NDJSON).
type lineRows struct{ source }

// next implements rower.
func (l *lineRows) next() (*row, *Problem, error) {
	for {
		raw, err := l.readLine()
		line := l.line
		switch {
		case errors.Is(err, errLong):
			r := l.row(line, raw)
			return r, problem(ReasonTooLong, "", "the row is longer than 1 MiB", "shorten it").at(r), nil
		case err != nil:
			return nil, nil, err
		case blank(raw):
			continue
		}
		r := l.row(line, raw)
		if p := checkText(r.raw); p != nil {
			return r, p.at(r), nil
		}
		return r, nil, nil
	}
}

// objectRows yields the objects of a JSON array, or objects one after the other, over as many lines as they like.
type objectRows struct {
	source
	array   bool // a "[" has begun
	ended   bool // its "]" has come
	wanted  bool // a comma has come, so that an object must
	objects bool // an object has come, so that a comma must
}

// next implements rower. Beside objects that are no JSON inside, everything that is wrong is the end: nobody can tell where the next object begins.
func (o *objectRows) next() (*row, *Problem, error) {
	for {
		b, err := o.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil, o.end()
		case err != nil:
			return nil, nil, fileError("%w", err)
		}
		switch {
		case b == '\n':
			o.line++
		case b == ' ', b == '\t', b == '\r':
		case b == '[' && !o.array && !o.objects && !o.ended:
			o.array = true
		case b == ']' && o.array && !o.ended && !o.wanted:
			o.ended = true
		case b == ',' && o.array && o.objects && !o.ended && !o.wanted:
			o.wanted = true
		case b == '{' && !o.ended && (!o.array || !o.objects || o.wanted):
			o.wanted, o.objects = false, true
			return o.object()
		default:
			return nil, nil, fileError("line %d: there is something else than objects, with commas between them in an array", o.line+1)
		}
	}
}

func (o *objectRows) end() error {
	if o.array && !o.ended {
		return fileError("it ends before its array does: it is cut off")
	}
	return io.EOF
}

// object reads on to the brace that closes the one just read.
func (o *objectRows) object() (*row, *Problem, error) {
	start := o.line + 1
	raw := []byte{'{'}
	depth, inText, escaped := 1, false, false
	for depth > 0 {
		b, err := o.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil, fileError("line %d: the object that begins there does not end", start)
		case err != nil:
			return nil, nil, fileError("%w", err)
		case len(raw) >= MaxRow:
			return nil, nil, fileError("line %d: the object that begins there does not end within 1 MiB", start)
		}
		raw = append(raw, b)
		switch {
		case b == '\n':
			o.line++
			inText, escaped = false, false // no string goes over a line (RFC 8259, section 7): this object is bad, the next need not be
		case escaped:
			escaped = false
		case inText:
			inText, escaped = b != '"', b == '\\'
		case b == '"':
			inText = true
		case b == '{':
			depth++
		case b == '}':
			depth--
		}
	}
	r := o.row(start, raw)
	if p := checkText(r.raw); p != nil {
		return r, p.at(r), nil
	}
	return r, nil, nil
}

// newJSONRows finds out whether objects stand one a line.
func newJSONRows(in *bufio.Reader) (rower, Format) {
	head, _ := in.Peek(in.Size())
	trimmed := bytes.TrimLeft(head, " \t\r\n")
	if len(trimmed) > 0 && trimmed[0] == '[' {
		return &objectRows{source: source{in: in}}, FormatJSON
	}
	line, _, _ := bytes.Cut(trimmed, []byte("\n"))
	if bytes.Equal(bytes.TrimSpace(line), []byte("{")) { // indented
		return &objectRows{source: source{in: in}}, FormatJSON
	}
	return &lineRows{source: source{in: in}}, FormatNDJSON
}
