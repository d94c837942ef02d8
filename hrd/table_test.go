package hrd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCellTellsDomainsApart: a mark is no proof; whose the cell is says its text, to the last byte.
func TestCellTellsDomainsApart(t *testing.T) {
	for _, n := range []int{1, 12, inline - 1, inline, inline + 1, maxDomain} {
		var c cell
		domain := strings.Repeat("d", n)
		c.set(domain, "connection")
		require.Equal(t, domain, c.domain())
		require.Equal(t, "connection", c.connection())
		require.True(t, c.is(domain))
		for _, other := range []string{"", domain[1:], domain + "d", domain[1:] + "e", "e" + domain[1:], domain + "connection"} {
			require.False(t, c.is(other), "%d bytes: %q", n, other)
		}
	}
}

// TestGoneCellsStay: a reader that has found a cell may read it as long as the table lives, so nothing is written over what is gone.
func TestGoneCellsStay(t *testing.T) {
	table := newTable(200)
	for i := range 100 {
		table.add(fmt.Sprintf("first%d.example", i), "first")
	}
	table.removeUnless("first", func(string) bool { return false })
	left := map[int]string{}
	for i := range table.cells {
		if table.marks[i].Load() == gone {
			left[i] = table.cells[i].domain()
		}
	}
	require.Len(t, left, 100)
	for i := 0; !table.isFull(); i++ {
		table.add(fmt.Sprintf("second%d.example", i), "second")
	}
	for i, domain := range left {
		require.Equal(t, domain, table.cells[i].domain())
		require.Nil(t, table.find(domain))
	}
}

// TestMarksAreNeverEmptyOrGone, whatever the hash.
func TestMarksAreNeverEmptyOrGone(t *testing.T) {
	table := newTable(0)
	for i := range 100 {
		at, mark := table.place(fmt.Sprintf("d%d.example", i))
		require.Less(t, at, len(table.cells))
		require.NotZero(t, mark&taken)
	}
}
