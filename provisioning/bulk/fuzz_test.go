package bulk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// item is what one Next returned.
type item struct {
	text     string // without the line
	record   *Record
	tied     bool
	position Position
}

// drain reads a file to its end, and holds what must be true of any file.
func drain(t *testing.T, r *Reader) (all []item, end error) {
	t.Helper()
	before := r.Position()
	for {
		rec, err := r.Next()
		at := r.Position()
		p, bad := AsProblem(err)
		switch {
		case rec != nil:
			require.NoError(t, err, "a record or an error, never both")
			require.Nil(t, rec.finish(), "a record holds what is asked of records")
			require.NotEmpty(t, rec.rows.reveal())
			all = append(all, item{show(rec), rec, r.tied, at})
		case bad:
			require.NotEmpty(t, p.What)
			require.NotEmpty(t, p.rows.reveal())
			require.Positive(t, p.Line)
			all = append(all, item{p.Error(), nil, r.tied, at})
		default:
			require.Error(t, err)
			if !errors.Is(err, io.EOF) {
				require.ErrorIs(t, err, ErrFile)
			}
			return all, err
		}
		require.True(t, at.Rows > before.Rows || r.tied, "it goes on")
		before = at
	}
}

// show is a record without its lines.
func show(r *Record) string {
	c := *r
	c.Line, c.rows, c.Rest = 0, hidden[[]*row]{}, Rest{}
	var rest []string
	for _, name := range r.Rest.Names() {
		var one bytes.Buffer
		if json.Compact(&one, r.Rest.values()[name]) != nil {
			one.Write(r.Rest.values()[name])
		}
		rest = append(rest, name+"="+one.String())
	}
	for i := range c.Memberships {
		var scopes bytes.Buffer
		if json.Compact(&scopes, c.Memberships[i].Scopes) == nil {
			c.Memberships[i].Scopes = scopes.Bytes()
		}
	}
	return fmt.Sprintf("%+v %q", c, rest)
}

func FuzzReader(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	require.NoError(f, err)
	for _, name := range files {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte("email;id\r\n\"a@b.example\";\"x\ny\"\r\n\"open;1\r\n"))
	f.Add([]byte("sep=|\nid|email\n1|a@b.example\n1|A@b.example\n"))
	f.Add([]byte("\xFF\xFEe\x00m\x00a\x00i\x00l\x00\n\x00"))
	f.Add([]byte(`[{"user_id":"1","email":"a@b.example"},{"a":"}"}]`))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			require.ErrorIs(t, err, ErrFile)
			return
		}
		all, end := drain(t, r)

		// From any place on, the rest is the same.
		for i := 0; i < len(all); i += 1 + len(all)/3 {
			if all[i].tied {
				continue
			}
			again, err := NewReader(bytes.NewReader(file))
			require.NoError(t, err)
			require.NoError(t, again.Skip(all[i].position))
			rest, sameEnd := drain(t, again)
			require.Equal(t, fmt.Sprint(end), fmt.Sprint(sameEnd))
			require.Len(t, rest, len(all)-i-1)
			for k := range rest {
				require.Equal(t, all[i+1+k].text, rest[k].text)
			}
		}

		// What Rejects writes of a record is read as the same record.
		for _, one := range all[:min(len(all), 5)] {
			if one.record == nil {
				continue
			}
			var out bytes.Buffer
			require.NoError(t, NewRejects(&out, r, false).Write(problem(ReasonValue, "email", "a reason, with \"quotes\"", "").at(one.record.rows.reveal()...)))
			back, err := NewReader(&out)
			require.NoError(t, err)
			got, end := drain(t, back)
			require.ErrorIs(t, end, io.EOF)
			require.Len(t, got, 1)
			require.Equal(t, one.text, got[0].text)
		}
	})
}
