package bulk

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"slices"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Format is how a file is written.
type Format string

// The formats.
const (
	FormatCSV      Format = "csv"       // Kinde's columns and ours
	FormatEntraCSV Format = "entra_csv" // Microsoft Entra's "download users"
	FormatNDJSON   Format = "ndjson"    // Kinde's or Auth0's objects, one a line
	FormatJSON     Format = "json"      // the same in an array, or over several lines
)

// Position is a place between two rows of a file.
type Position struct {
	Rows   int64  `json:"rows"`   // rows before it, bad ones too, a header not
	Line   int64  `json:"line"`   // where the last of them begins
	Digest string `json:"digest"` // SHA-256 over them, hex: another file has another one
}

// Reader reads the records of a file, one after the other, in constant memory. It is not safe for concurrent use.
//
// It finds out by itself how the file is written: CSV with commas, semicolons, tabs or bars, NDJSON or JSON, in UTF-8 or UTF-16, with a byte order
// mark or without. What it cannot read it names.
type Reader struct {
	records recordRows
	format  Format
	header  []string
	comma   byte

	last *row     // of what Next returned last
	held *Record  // may go on in the next row
	bad  *Problem // comes after held
	tied bool     // bad is so because of what held says
	end  error    // comes after both
}

// recordRows yields rows as records.
type recordRows interface {
	next() (*row, *Record, *Problem, error)
	// skip returns the next row without reading it.
	skip() (*row, *Problem, error)
}

// NewReader begins to read a file. Its error wraps ErrFile, if it is not r's.
func NewReader(r io.Reader) (*Reader, error) {
	in, err := decode(r)
	if err != nil {
		return nil, err
	}
	head, err := in.Peek(in.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fileError("%w", err)
	}
	begin := bytes.TrimLeft(head, " \t\r\n")
	switch {
	case len(begin) == 0:
		return nil, fileError("it is empty")
	case begin[0] == '{', begin[0] == '[':
		rows, format := newJSONRows(in)
		return &Reader{records: &jsonRecords{rows: rows}, format: format}, nil
	}
	c, err := newCSVRecords(in)
	if err != nil {
		return nil, err
	}
	format := FormatCSV
	if c.entra {
		format = FormatEntraCSV
	}
	return &Reader{records: c, format: format, header: c.header, comma: c.rows.comma}, nil
}

// Format tells how the file is written.
func (r *Reader) Format() Format { return r.format }

// Position is the place after what Next returned last, or before it where the next row is bad only beside it.
func (r *Reader) Position() Position {
	if r.last == nil {
		return Position{}
	}
	return Position{Rows: r.last.number, Line: r.last.line, Digest: hex.EncodeToString(r.last.digest[:])}
}

// Next returns the next record. Where a row is malformed it returns a *Problem; call it again for the row after it. Any other error is the end: io.EOF of the
// file, else one that wraps ErrFile.
//
// Lines of a CSV that stand one after the other and have the same id, or no id and the same address, are one record.
func (r *Reader) Next() (*Record, error) {
	for r.bad == nil && r.end == nil {
		rec, done := r.read()
		if done {
			return r.release(rec), nil
		}
	}
	switch {
	case r.held != nil:
		return r.release(nil), nil
	case r.bad != nil:
		p := r.bad
		r.bad, r.tied, r.last = nil, false, lastOf(p.rows)
		return nil, p
	}
	return nil, r.end
}

// read reads a row. When held is whole it says so, and returns the record that begins after it.
func (r *Reader) read() (next *Record, done bool) {
	row, rec, p, err := r.records.next()
	switch {
	case err != nil:
		r.end = err
	case p != nil:
		r.bad = p
	case r.held == nil:
		r.held = rec
		return nil, r.format != FormatCSV // no row of the other formats goes on
	case !r.held.continues(rec):
		return rec, true
	default:
		if differs := r.held.merge(rec); differs != nil {
			r.bad, r.tied = differs.at(row), true
		}
	}
	return nil, false
}

// release returns the record that is held, and holds next.
func (r *Reader) release(next *Record) *Record {
	done := r.held
	r.held = next
	if !r.tied {
		r.last = lastOf(done.rows)
	}
	return done
}

func lastOf(rows hidden[[]*row]) *row {
	list := rows.reveal()
	return list[len(list)-1]
}

// Skip passes over the rows before a position, for a run that goes on where another one stopped. It is an error when they are not those of the
// file that the position was taken in.
func (r *Reader) Skip(to Position) error {
	if r.last != nil || r.held != nil {
		return errors.New("bulk: rows are skipped before the first is read")
	}
	for r.Position().Rows < to.Rows { // a row that holds nothing counts too
		row, _, err := r.records.skip()
		switch {
		case errors.Is(err, io.EOF):
			return fileError("it ends before the place at which to go on: it is not the file that was begun")
		case err != nil:
			return err
		}
		r.last = row
	}
	if to.Rows > 0 && r.Position() != to {
		return fileError("it is not the file, or no longer the file, that was begun: begin anew, which does no harm")
	}
	return nil
}

// continues reports whether a row belongs to the record before it.
func (r *Record) continues(next *Record) bool {
	if rows := r.rows.reveal(); len(rows) >= MaxOrganizations || held(rows)+held(next.rows.reveal()) > maxRecord { // memory is bounded; the rest is a record that is known already
		return false
	}
	if r.ID != "" || next.ID != "" {
		return r.ID == next.ID
	}
	folded := provisioning.Fold(r.Email)
	return folded != "" && folded == provisioning.Fold(next.Email)
}

// merge adds the organizations of another row of the record. What both rows say of the person must be the same; what one leaves out, the other says.
func (r *Record) merge(next *Record) *Problem {
	whole := *r
	for _, f := range []struct {
		column string
		mine   *string
		theirs string
	}{
		{"phone", &whole.Phone, next.Phone},
		{"username", &whole.Username, next.Username},
		{"first_name", &whole.GivenName, next.GivenName},
		{"last_name", &whole.FamilyName, next.FamilyName},
		{"picture", &whole.Picture, next.Picture},
		{"connection", &whole.Connection, next.Connection},
		{"entra_object_id", &whole.ObjectID, next.ObjectID},
		{"entra_tenant_id", &whole.TenantID, next.TenantID},
		{"email", &whole.Email, next.Email},
	} {
		same := *f.mine == f.theirs || f.column == "email" && provisioning.Fold(*f.mine) == provisioning.Fold(f.theirs)
		switch {
		case f.theirs == "" || same:
		case *f.mine == "":
			*f.mine = f.theirs
		default:
			return problem(ReasonDiffers, f.column, "the row says something else than the row before it, which is of the same record", "make them agree, or give the records different ids")
		}
	}
	for _, name := range next.Rest.Names() {
		if old, ok := r.Rest.values()[name]; ok && !bytes.Equal(old, next.Rest.values()[name]) {
			return problem(ReasonDiffers, name, "the row says something else than the row before it, which is of the same record", "make them agree, or give the records different ids")
		}
	}
	whole.EmailVerified, whole.PhoneVerified = r.EmailVerified || next.EmailVerified, r.PhoneVerified || next.PhoneVerified
	whole.Memberships = append(slices.Clip(whole.Memberships), next.Memberships...)
	if p := whole.finish(); p != nil {
		return p
	}
	whole.Rest = Rest{}
	for _, rest := range []Rest{r.Rest, next.Rest} {
		for name, value := range rest.values() {
			whole.Rest.put(name, value)
		}
	}
	whole.rows = hide(append(r.rows.reveal(), next.rows.reveal()...))
	*r = whole
	return nil
}
