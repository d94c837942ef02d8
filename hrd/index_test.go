package hrd_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/hrd"
)

func holder(t testing.TB, d hrd.Directory, domain string) string {
	t.Helper()
	id, found, err := d.HomeRealm(context.Background(), domain)
	require.NoError(t, err)
	require.Equal(t, found, id != "")
	return id
}

func TestIndexZeroValue(t *testing.T) {
	var x hrd.Index
	assert.Empty(t, holder(t, &x, "contoso.com"))
	assert.Empty(t, holder(t, &x, ""))
	assert.Zero(t, x.Len())
	require.NoError(t, x.Set("c", nil))
}

func TestIndexSet(t *testing.T) {
	var x hrd.Index
	require.NoError(t, x.Set("contoso", []string{"@contoso.com", "Contoso.COM.", "bücher.example"}))
	assert.Equal(t, 2, x.Len())
	assert.Equal(t, "contoso", holder(t, &x, "contoso.com"))
	assert.Equal(t, "contoso", holder(t, &x, "xn--bcher-kva.example"))
	assert.Empty(t, holder(t, &x, "sales.contoso.com"), "domains are exact")

	require.NoError(t, x.Set("contoso", []string{"contoso.com", "contoso.io"}))
	assert.Equal(t, "contoso", holder(t, &x, "contoso.io"))
	assert.Empty(t, holder(t, &x, "xn--bcher-kva.example"), "a domain that is not listed any more is free")
	require.NoError(t, x.Set("fabrikam", []string{"bücher.example"}))

	require.NoError(t, x.Set("contoso", nil))
	assert.Empty(t, holder(t, &x, "contoso.com"))
	assert.Equal(t, 1, x.Len())
}

func TestIndexTaken(t *testing.T) {
	for _, spelling := range []string{"contoso.com", "@CONTOSO.com", "contoso.com.", "contoso。com", "ｃontoso.com"} {
		var x hrd.Index
		require.NoError(t, x.Set("contoso", []string{"contoso.com"}))
		require.NoError(t, x.Set("fabrikam", []string{"fabrikam.com"}))
		err := x.Set("fabrikam", []string{"new.example", spelling})
		var taken *hrd.TakenError
		require.ErrorAs(t, err, &taken)
		assert.Equal(t, hrd.TakenError{Domain: "contoso.com", ConnectionID: "contoso"}, *taken)
		assert.NotContains(t, err.Error(), `"contoso"`)
		assert.Equal(t, "contoso", holder(t, &x, "contoso.com"))
		assert.Equal(t, "fabrikam", holder(t, &x, "fabrikam.com"), "nothing changed")
		assert.Empty(t, holder(t, &x, "new.example"), "nothing changed")
		assert.Equal(t, 2, x.Len())
	}
}

func TestIndexRefusesWhatIsNoDomain(t *testing.T) {
	var x hrd.Index
	require.NoError(t, x.Set("contoso", []string{"contoso.com"}))
	require.ErrorIs(t, x.Set("contoso", []string{"contoso.io", "192.0.2.1"}), hrd.ErrInvalid)
	require.Error(t, x.Set("", []string{"contoso.io"}))
	assert.Equal(t, "contoso", holder(t, &x, "contoso.com"))
	assert.Empty(t, holder(t, &x, "contoso.io"))
}

func TestIndexLoad(t *testing.T) {
	var x hrd.Index
	require.NoError(t, x.Set("old", []string{"old.example"}))
	require.NoError(t, x.Load(maps.All(map[string][]string{"a": {"a.example", "@A2.example"}, "b": {"b.example"}})))
	assert.Equal(t, 3, x.Len())
	assert.Empty(t, holder(t, &x, "old.example"))
	assert.Equal(t, "a", holder(t, &x, "a2.example"))
	require.NoError(t, x.Set("a", []string{"a.example"}), "what was loaded can be set")
	assert.Empty(t, holder(t, &x, "a2.example"))

	var taken *hrd.TakenError
	require.ErrorAs(t, x.Load(maps.All(map[string][]string{"a": {"same.example"}, "b": {"same.example"}})), &taken)
	require.ErrorIs(t, x.Load(maps.All(map[string][]string{"a": {"10.0.0.1"}})), hrd.ErrInvalid)
	require.Error(t, x.Load(maps.All(map[string][]string{"": {"c.example"}})))
	assert.Equal(t, "b", holder(t, &x, "b.example"), "nothing changed")
	assert.Equal(t, 2, x.Len())
}

// TestIndexAgainstMap drives an index and two plain maps with the same random changes.
func TestIndexAgainstMap(t *testing.T) {
	var x hrd.Index
	random := rand.New(rand.NewPCG(1, 2))
	owner := map[string]string{}
	for range 4000 {
		connection := "c" + strconv.Itoa(random.IntN(60))
		domains := make([]string, random.IntN(6))
		conflict := false
		for i := range domains {
			domains[i] = name(random.IntN(600))
			if h := owner[domains[i]]; h != "" && h != connection {
				conflict = true
			}
		}
		err := x.Set(connection, domains)
		var taken *hrd.TakenError
		require.Equal(t, conflict, errors.As(err, &taken), err)
		if conflict {
			continue
		}
		maps.DeleteFunc(owner, func(_, c string) bool { return c == connection })
		for _, d := range domains {
			owner[d] = connection
		}
	}
	require.Equal(t, len(owner), x.Len())
	for i := range 600 {
		require.Equal(t, owner[name(i)], holder(t, &x, name(i)))
	}
}

// name is a domain: of a usual length, around the one from which on it lies elsewhere, as long as can be, or one that stands for others.
func name(i int) string {
	switch d := fmt.Sprintf("d%d.example", i); i % 4 {
	case 0:
		return d
	case 1:
		return strings.Repeat("x", 36-len(d)+i%16) + "." + d
	case 2:
		return strings.Repeat("long.", 46) + d
	default:
		return "*." + d
	}
}

// TestIndexGrowsAndShrinks: nothing is lost as the table is made anew, and what is gone takes no memory.
func TestIndexGrowsAndShrinks(t *testing.T) {
	var x hrd.Index
	for i := range 3000 {
		require.NoError(t, x.Set("c"+strconv.Itoa(i/3), []string{name(i / 3 * 3), name(i/3*3 + 1), name(i/3*3 + 2)}[:i%3+1]))
		require.Equal(t, i+1, x.Len())
	}
	for i := range 3000 {
		require.Equal(t, "c"+strconv.Itoa(i/3), holder(t, &x, name(i)))
	}
	require.Empty(t, holder(t, &x, name(3000)))
	require.Greater(t, x.Cells(), 3000)
	for i := range 990 {
		require.NoError(t, x.Set("c"+strconv.Itoa(i), nil))
	}
	require.Less(t, x.Cells(), 1000)
	require.Equal(t, 30, x.Len())
	for i := range 3000 {
		require.Equal(t, i >= 2970, holder(t, &x, name(i)) != "")
	}
}

// TestIndexOfChanges: however often domains come and go, the table stays as large as they are many.
func TestIndexOfChanges(t *testing.T) {
	var x hrd.Index
	require.NoError(t, x.Set("stays", []string{"stays.example"}))
	for i := range 20_000 {
		require.NoError(t, x.Set("changes", []string{name(i)}))
	}
	require.Equal(t, 2, x.Len())
	require.Less(t, x.Cells(), 100)
	require.Equal(t, "stays", holder(t, &x, "stays.example"))
	require.Equal(t, "changes", holder(t, &x, name(19_999)))
	require.Empty(t, holder(t, &x, name(19_998)))
}

// TestIndexRace: of many connections that race for one domain exactly one gets it, while readers read.
func TestIndexRace(t *testing.T) {
	var x hrd.Index
	require.NoError(t, x.Set("stable", []string{"stable.example"}))
	var wg sync.WaitGroup
	won := make([]bool, 16)
	for i := range won {
		wg.Go(func() {
			won[i] = x.Set("c"+strconv.Itoa(i), []string{"contested.example", fmt.Sprintf("own%d.example", i)}) == nil
			for n := range 200 {
				assert.Equal(t, "stable", holder(t, &x, "stable.example"))
				assert.NoError(t, x.Set("c"+strconv.Itoa(i)+"-own", []string{fmt.Sprintf("own%d-%d.example", i, n)}))
			}
		})
	}
	wg.Wait()
	winner := holder(t, &x, "contested.example")
	for i, w := range won {
		assert.Equal(t, w, winner == "c"+strconv.Itoa(i))
		assert.Equal(t, w, holder(t, &x, fmt.Sprintf("own%d.example", i)) != "", "all or nothing")
	}
}

func TestIndexLookupDoesNotAllocate(t *testing.T) {
	var x hrd.Index
	require.NoError(t, x.Set("c", []string{"contoso.com"}))
	ctx := context.Background()
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_, _, _ = x.HomeRealm(ctx, "contoso.com")
		_, _, _ = x.HomeRealm(ctx, "nobody.example")
	}))
}

const million = 1_000_000

func names() (domains, connections []string) {
	for i := range million {
		domains = append(domains, fmt.Sprintf("customer%d.example", i))
		connections = append(connections, fmt.Sprintf("conn_%d", i))
	}
	return domains, connections
}

// questions are a million domains in an order without pattern, of the first so many: as in a server, what is asked for is at hand, since their texts lie one
// behind the other, and what is known is not. Those of top level "invalid" are nobody's.
func questions(top string, among uint64) []string {
	var texts []byte
	ends := make([]int, million)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range ends {
		texts = append(strconv.AppendUint(append(texts, "customer"...), random.Uint64N(among), 10), top...)
		ends[i] = len(texts)
	}
	asked, all, from := make([]string, million), string(texts), 0
	for i, to := range ends {
		asked[i], from = all[from:to], to
	}
	return asked
}

func pairs(domains, connections []string) iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for i, d := range domains {
			if !yield(connections[i], []string{d}) {
				return
			}
		}
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// benchmarkLookups measures lookups of domains that are known, each as likely as any other; of the ten thousand among them whose people come today; and of
// ones that are not known. Alone means that a lookup begins when the one before it has answered, so that the processor cannot wait for several at once.
func benchmarkLookups(b *testing.B, lookup func(domain string) (string, bool)) {
	for _, c := range []struct {
		name, top string
		among     uint64
		known     bool
	}{{"known", ".example", million, true}, {"busy", ".example", 10_000, true}, {"unknown", ".invalid", million, false}} {
		asked := questions(c.top, c.among)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, found := lookup(asked[i%million]); found != c.known {
					b.Fatal("a wrong answer")
				}
			}
		})
		b.Run(c.name+" alone", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				id, found := lookup(asked[i%million])
				if found != c.known {
					b.Fatal("a wrong answer")
				}
				i += len(id) >> 32 // nothing, but only the answer says so
			}
		})
	}
}

// BenchmarkIndex measures lookups among a million domains of as many connections, alone and beside a writer that never rests, and single updates; and beside them lookups in a plain map.
func BenchmarkIndex(b *testing.B) {
	domains, connections := names()
	ctx := context.Background()
	x := &hrd.Index{}
	require.NoError(b, x.Load(pairs(domains, connections)))
	lookup := func(domain string) (string, bool) {
		id, found, _ := x.HomeRealm(ctx, domain)
		return id, found
	}
	b.Run("lookup", func(b *testing.B) { benchmarkLookups(b, lookup) })
	b.Run("lookup beside a writer", func(b *testing.B) {
		done, stopped := make(chan struct{}), make(chan struct{})
		updates, begun := 0, time.Now()
		go func() {
			defer close(stopped)
			for ; ; updates++ {
				select {
				case <-done:
					return
				default:
					_ = x.Set("writer", []string{"writer" + strconv.Itoa(updates) + ".example"})
				}
			}
		}()
		benchmarkLookups(b, lookup)
		close(done)
		<-stopped
		b.Logf("%.0f updates a second", float64(updates)/time.Since(begun).Seconds())
	})
	b.Run("set", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if err := x.Set("writer", []string{"writer" + strconv.Itoa(i) + ".example"}); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
	b.Run("plain map", func(b *testing.B) {
		m := make(map[string]string, million)
		for i, d := range domains {
			m[d] = connections[i]
		}
		benchmarkLookups(b, func(domain string) (string, bool) {
			id, found := m[domain]
			return id, found
		})
	})
}

// BenchmarkIndexFill fills an empty index connection by connection, and at once, and reports what it takes beyond the strings that it is given.
func BenchmarkIndexFill(b *testing.B) {
	domains, connections := names()
	for name, fill := range map[string]func(x *hrd.Index) error{
		"load": func(x *hrd.Index) error { return x.Load(pairs(domains, connections)) },
		"set": func(x *hrd.Index) error {
			for i, d := range domains {
				if err := x.Set(connections[i], []string{d}); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				var x hrd.Index
				if err := fill(&x); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(heap()-before)/million, "B/domain")
				runtime.KeepAlive(&x)
			}
		})
	}
	runtime.KeepAlive(connections)
}
