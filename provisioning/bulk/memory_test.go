package bulk_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

// nowhere is a store that keeps nothing, so that what the memory holds is the import's own.
type nowhere struct{}

func (nowhere) UserByKey(context.Context, ...provisioning.Key) (*provisioning.User, error) {
	return nil, provisioning.ErrNotFound
}

func (nowhere) UsersByEmail(context.Context, string) ([]*provisioning.User, error) { return nil, nil }

func (nowhere) Create(context.Context, provisioning.Change) (*provisioning.User, error) {
	return &provisioning.User{}, nil
}

func (nowhere) Update(context.Context, string, provisioning.Change) (*provisioning.User, error) {
	return nil, provisioning.ErrNotFound
}

func (nowhere) CreateMany(_ context.Context, changes []provisioning.Change) ([]error, error) {
	return make([]error, len(changes)), nil
}

// endless is a file of so many rows, which is in nobody's memory either. Every row is of another domain, organization and connection, every tenth is bad.
type endless struct {
	rows, next int
	made       bytes.Buffer
}

func (e *endless) Read(p []byte) (int, error) {
	for e.made.Len() < len(p) && e.next < e.rows {
		if e.next == 0 {
			e.made.WriteString("email,id,first_name,external_organization_id,connection\n")
		}
		switch i := e.next; {
		case i%10 == 3:
			fmt.Fprintf(&e.made, "no address,%d,P,,\n", i)
		case i%10 == 7:
			fmt.Fprintf(&e.made, "p%d@d%d.example,%d,P,o%d,c%d\n", i, i, i, i, i)
		default:
			fmt.Fprintf(&e.made, "p%d@d%d.example,%d,P,o%d,\n", i, i, i, i)
		}
		e.next++
	}
	if e.made.Len() == 0 {
		return 0, io.EOF
	}
	return e.made.Read(p)
}

// TestMemory: what an import holds does not depend on how long the file is. The heap is looked at when what is kept for a run has reached its bounds, and at
// the end; a word kept of each row would be a megabyte more.
func TestMemory(t *testing.T) {
	const rows, settled = 160_000, 30_000
	var early, late uint64
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	c := bulk.Config{
		Users: nowhere{}, By: bulk.ByEnvironment(), Source: "kinde", Connections: contosos(), Now: clock,
		Checkpoint: func(_ context.Context, p bulk.Checkpoint) error {
			if n := p.Summary.Records(); early == 0 && n > settled {
				early = held()
			} else if n == rows {
				late = held()
			}
			return nil
		},
	}
	i, err := bulk.New(c)
	require.NoError(t, err)
	r, err := bulk.NewReader(&endless{rows: rows})
	require.NoError(t, err)
	summary, err := i.Run(t.Context(), r)
	require.NoError(t, err)
	require.EqualValues(t, rows/5, summary.Bad, "%+v", summary)
	require.EqualValues(t, rows*4/5, summary.Created)
	t.Logf("%d kB after %d rows, %d kB after %d", early/1000, settled, late/1000, rows)
	require.NotZero(t, early)
	require.NotZero(t, late)
	require.Less(t, late, early+3<<20)
}

// long is a file of rows that are as long as they may be: of one person with many organizations, or of many people.
func long(rows int, row func(i int, padding string) string) io.Reader {
	padding := strings.Repeat("x", bulk.MaxRow-200)
	parts := []io.Reader{strings.NewReader("email,id,note,external_organization_id\n")}
	for i := range rows {
		parts = append(parts, lazily(func() string { return row(i, padding) }))
	}
	return io.MultiReader(parts...)
}

// lazily is text that is made when it is read.
func lazily(text func() string) io.Reader { return &lazy{text: text} }

type lazy struct {
	text func() string
	from *strings.Reader
}

func (l *lazy) Read(p []byte) (int, error) {
	if l.from == nil {
		l.from = strings.NewReader(l.text())
	}
	n, err := l.from.Read(p)
	if err != nil {
		l.from = strings.NewReader("") // what was read is nobody's any more
	}
	return n, err
}

// TestLongRowsAreNotHeldTogether: neither the rows of one record, nor the records of one batch, nor its bad rows, nor what a run remembers of them add up to more than
// a few dozen megabytes.
func TestLongRowsAreNotHeldTogether(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("one goroutine reads 300 MB, byte by byte: the race detector finds nothing there, and takes a minute")
	}
	for _, tt := range []struct {
		name string
		rows int
		row  func(i int, padding string) string
	}{
		{"one record", 150, func(i int, padding string) string { return fmt.Sprintf("ann@example.com,1,%s,o%d\n", padding, i) }},
		{"one batch", 60, func(i int, padding string) string { return fmt.Sprintf("p%d@example.com,%d,%s,\n", i, i, padding) }},
		{"bad rows", 60, func(i int, padding string) string { return fmt.Sprintf("no address,%d,%s,\n", i, padding) }},
		{"not records", 60, func(i int, padding string) string { return fmt.Sprintf("p%d@example.com,%d,%s\n", i, i, padding) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var most uint64
			look := func() {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
			i, err := bulk.New(bulk.Config{
				Users: nowhere{}, By: bulk.ByEnvironment(), Source: "kinde", Ignore: []string{"note"}, Now: clock, Batch: 5000,
				Report: func(bulk.Result) { look() },
			})
			require.NoError(t, err)
			r, err := bulk.NewReader(long(tt.rows, tt.row))
			require.NoError(t, err)
			_, err = i.Run(t.Context(), r)
			require.NoError(t, err)
			require.EqualValues(t, tt.rows, r.Position().Rows)
			require.NotZero(t, most)
			require.Less(t, most, uint64(100<<20))
		})
	}
}
