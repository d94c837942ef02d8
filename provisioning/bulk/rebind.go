package bulk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Move is a row of a file of moves: an identity's old key and its new one.
type Move struct {
	Line          int64
	Connection    string // by name
	NewConnection string // by name; "" is Connection
	UserID        string // the host's own id of whoever holds the old key; "" is whoever that is, and when nobody does, but somebody holds the new one, the row counts as done
	OldTenant     string // a tenant id in lower case; of AD FS its issuer
	OldSubject    string // an object id in lower case; of AD FS the subject
	NewTenant     string
	NewObject     string

	row *row
}

// moveColumns are the columns of a file of moves; the first five are required.
var moveColumns = []string{"connection", "old_tenant_id", "old_object_id", "new_tenant_id", "new_object_id", "new_connection", "user_id", errorColumn, lineColumn, textColumn}

const requiredMoveColumns = 5

// Moves reads a CSV of old and new identities, for when tenants merge or people's accounts were made anew: the columns connection (its name), old_tenant_id, old_object_id,
// new_tenant_id and new_object_id, in any order, and if wanted user_id and new_connection. Encodings, delimiters and limits are those of a Reader, and so is what a bad row is. It is
// not safe for concurrent use.
type Moves struct{ csv *csvRecords }

// NewMoves begins to read a file. Its error wraps ErrFile, if it is not r's.
func NewMoves(r io.Reader) (*Moves, error) {
	in, err := decode(r)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, name := range moveColumns {
		known[name] = true
	}
	c, err := openCSV(in, func(name string) bool { return known[name] })
	if err != nil {
		return nil, err
	}
	at := map[string]bool{}
	for i, name := range c.folded {
		if !known[name] {
			return nil, fileError("its header has a column %s, which a file of moves does not have", clip(c.header[i]))
		}
		at[name] = true
	}
	for _, name := range moveColumns[:requiredMoveColumns] {
		if !at[name] {
			return nil, fileError("its header lacks the column %s", name)
		}
	}
	return &Moves{csv: c}, nil
}

// Next returns the next row. Where one is malformed it returns a *Problem; call it again for the row after it. Any other error is the end: io.EOF of the file,
// else one that wraps ErrFile.
func (m *Moves) Next() (*Move, error) {
	line, p, err := m.csv.rows.next()
	switch {
	case err != nil:
		return nil, err
	case p != nil:
		return nil, p
	}
	v := &Move{Line: line.line, row: line}
	for i, value := range line.fields {
		if p := v.read(m.csv.folded[i], m.csv.header[i], strings.TrimSpace(value)); p != nil {
			return nil, p.at(line)
		}
	}
	return v, nil
}

func (v *Move) read(folded, name, value string) (p *Problem) {
	if value == "" && folded != textColumn && folded != errorColumn && folded != lineColumn && folded != "new_connection" && folded != "user_id" {
		return problem(ReasonValue, name, "the value is missing", "fill it in, or take the row out")
	}
	switch folded {
	case "connection":
		v.Connection = value
	case "new_connection":
		v.NewConnection = value
	case "user_id":
		v.UserID, p = identifier(name, value)
	case "old_tenant_id":
		v.OldTenant = lowerGUID(value)
	case "old_object_id":
		v.OldSubject = lowerGUID(value)
	case "new_tenant_id":
		v.NewTenant, p = guid(name, value)
	case "new_object_id":
		v.NewObject, p = guid(name, value)
	case textColumn:
		_, p = unmended(name, value)
	}
	return p
}

// lowerGUID leaves alone what is no GUID: an issuer of AD FS is compared as it stands.
func lowerGUID(value string) string {
	if lower := strings.ToLower(value); guidText.MatchString(lower) {
		return lower
	}
	return value
}

// Rejects writes the moves that were not done, to be mended and fed back.
func (m *Moves) Rejects(w io.Writer, appending bool) *Rejects {
	return newRejects(w, m.csv.header, m.csv.rows.comma, appending)
}

// Moved is what became of a row of moves.
type Moved struct {
	Line    int64
	Done    bool     // the identity moved now, or in a dry run would; false: it had before, or Problem says why not
	Problem *Problem // nil: it is where it should be
}

// MovedSummary counts the rows.
type MovedSummary struct {
	Moved   int64 `json:"moved"`
	Already int64 `json:"already"`
	Bad     int64 `json:"bad"`
}

// Rebind moves the identities that a file names, row after row, in constant memory. Good rows are done, bad ones reported. Running it again, also after a crash, begins anew and changes
// nothing of what is done. Rows whose new key is the old key of a later row are refused until that one has moved: run it twice, or order them. Connections are found by name
// among those that connections shows; only the environment may move identities (o.By). A dry run does not see what earlier rows would have changed.
//
// The error ends it: ErrNotAllowed, the store's, the connections', the file's. report may be nil.
func Rebind(ctx context.Context, p *provisioning.Provisioner, o provisioning.Order, connections Connections, in *Moves, report func(Moved)) (MovedSummary, error) {
	var sum MovedSummary
	if !o.By.Environment {
		return sum, provisioning.ErrNotAllowed
	}
	r := &rebinding{people: p, order: o, connections: connections, ids: map[string]string{}}
	for {
		v, err := in.Next()
		if errors.Is(err, io.EOF) {
			return sum, nil
		}
		one, err := r.row(ctx, v, err)
		if err != nil {
			return sum, err
		}
		switch {
		case one.Problem != nil:
			sum.Bad++
		case one.Done:
			sum.Moved++
		default:
			sum.Already++
		}
		if report != nil {
			report(one)
		}
	}
}

type rebinding struct {
	people      *provisioning.Provisioner
	order       provisioning.Order
	connections Connections
	ids         map[string]string // connection's name → id, "" for none; bounded
}

// row does one row; err is that of reading it.
func (r *rebinding) row(ctx context.Context, v *Move, err error) (Moved, error) {
	if p, bad := AsProblem(err); bad {
		return Moved{Line: p.Line, Problem: p}, nil
	}
	if err != nil {
		return Moved{}, err
	}
	var ids [2]string
	for i, name := range []string{v.Connection, cmp.Or(v.NewConnection, v.Connection)} {
		if ids[i], err = r.connection(ctx, name); err != nil {
			return Moved{}, err
		}
		if ids[i] == "" {
			p := problem(ReasonConnection, moveColumns[i*requiredMoveColumns], "there is no such connection", "write its name as the connection has it").at(v.row)
			return Moved{Line: v.Line, Problem: p}, nil
		}
	}
	from := provisioning.Key{ConnectionID: ids[0], Authority: v.OldTenant, Subject: v.OldSubject}
	to := provisioning.Key{ConnectionID: ids[1], Authority: v.NewTenant, Subject: v.NewObject}
	var done bool
	if v.UserID != "" {
		done, err = r.people.Rebind(ctx, r.order, v.UserID, from, to)
	} else {
		done, err = r.people.RebindHolder(ctx, r.order, from, to)
	}
	var refused *provisioning.ActError
	if errors.As(err, &refused) {
		return Moved{Line: v.Line, Problem: problem(refusedReason(refused), "", refusedText(refused), refused.Fix).at(v.row)}, nil
	}
	return Moved{Line: v.Line, Done: done}, err
}

func refusedReason(e *provisioning.ActError) Reason {
	switch {
	case errors.Is(e, provisioning.ErrNotFound):
		return ReasonNotFound
	case errors.Is(e, provisioning.ErrTaken), errors.Is(e, provisioning.ErrIdentityConflict):
		return ReasonConflict
	}
	return ReasonValue
}

func refusedText(e *provisioning.ActError) string {
	switch refusedReason(e) {
	case ReasonNotFound:
		return "the old identity is nobody's"
	case ReasonConflict:
		return "an identity belongs to another user"
	}
	return "the row names no identity"
}

const maxNames = 10_000 // of connections that are remembered

func (r *rebinding) connection(ctx context.Context, name string) (string, error) {
	if id, asked := r.ids[name]; asked {
		return id, nil
	}
	id, found, err := r.connections.Resolve(ctx, name, "")
	if err != nil {
		return "", fmt.Errorf("bulk: finding a connection: %w", err)
	}
	if !found {
		id = ""
	}
	if len(r.ids) < maxNames {
		r.ids[name] = id
	}
	return id, nil
}
