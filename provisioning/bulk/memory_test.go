package bulk_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
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
