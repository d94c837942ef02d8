package wsfed_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEachBound goes a little past one bound at a time, and stays far below the others, so that each refuses on its own.
func TestEachBound(t *testing.T) {
	trusted := func(inner string) string {
		k := token20()
		k.attributes = strings.Replace(k.attributes, ">Mallory<", ">"+inner+"<", 1)
		return response(k.signed())
	}
	nest := func(levels int, start string) string {
		return strings.Repeat("<"+start+">", levels) + strings.Repeat("</a>", levels)
	}
	envelope := func(more string) string {
		return strings.Replace(response(token20().signed()), "<t:RequestSecurityTokenResponse ", "<t:RequestSecurityTokenResponse "+more, 1)
	}
	refuseAll(t, true, []attack{
		{"100 levels", trusted(nest(100, `a`)), byXML},
		{"100 attributes", envelope(many(100, `a%="1" `)), byXML},
		{"100 declarations", envelope(many(100, `xmlns:a%="urn:%" `)), byXML},
		{"100 declarations on three elements", response(`<a ` + many(34, `xmlns:p%="urn:%" `) + `><a ` + many(34, `xmlns:q%="urn:%" `) +
			`><a ` + many(34, `xmlns:r%="urn:%" `) + `></a></a></a>`), byXML},
		{"11,000 elements", trusted(strings.Repeat("<a></a>", 11_000)), byXML},
		{"11,000 elements that close at once", trusted(strings.Repeat("<a/>", 11_000)), byXML},
		{"600 KB of text", trusted(strings.Repeat("evil ", 120<<10)), byXML},
	})
}

// heaviest is the worst that the bounds let through, by name.
func heaviest() map[string]string {
	trusted := func(inner string) string {
		k := token20()
		k.attributes = strings.Replace(k.attributes, "</AttributeStatement>", attribute20("urn:note", inner)+"</AttributeStatement>", 1)
		return response(k.signed())
	}
	letters := "" // attributes in canonical order
	for c := 'a'; c <= 'z'; c++ {
		letters += " " + string(c) + `="1"`
	}
	values := strings.Repeat("</AttributeValue><AttributeValue>x", 4_000)
	return map[string]string{
		"480 KB of text":               trusted(strings.Repeat("long ", 96<<10)),
		"480 KB of references":         strings.Replace(trusted(strings.Repeat("A", 96<<10)), strings.Repeat("A", 96<<10), strings.Repeat("&#65;", 96<<10), 1),
		"4,000 values":                 trusted("x" + values),
		"9,000 elements":               trusted(strings.Repeat("<a></a>", 9_000)),
		"9,000 elements, twice nested": trusted(strings.Repeat("<a><a></a></a>", 4_500)),
		"9,000 elements, 40 levels":    trusted(strings.Repeat(strings.Repeat("<a>", 30)+strings.Repeat("</a>", 30), 300)),
		"26 attributes, 900 times":     trusted(strings.Repeat("<a"+letters+"></a>", 900)),
		"40 declarations, 300 times":   strings.ReplaceAll(trusted(strings.Repeat("<a></a>", 300)), "<a>", "<a "+many(40, `xmlns:p%="urn:%" `)+">"),
		"40 declarations around all":   strings.Replace(trusted(strings.Repeat("<a></a>", 8_000)), "<t:RequestedSecurityToken>", "<t:RequestedSecurityToken "+many(40, `xmlns:p%="urn:%" `)+">", 1),
		"900 attributes":               trusted("x</AttributeValue></Attribute>" + strings.Repeat(attribute20("urn:a", "x"), 900) + `<Attribute Name="urn:b"><AttributeValue>`),
		"5,000 long names":             trusted(strings.Repeat(element(strings.Repeat("a", 40), ""), 5_000)),
		"500 KB of white space":        trusted("x") + strings.Repeat(" ", 500<<10),
		"500 KB of certificates":       response(token20().sign(signature{keyInfo: keyInfo("<X509Data>" + strings.Repeat(element("X509Certificate", keys().foreign.base64()), 450) + "</X509Data>")})),
	}
}

// warm is a door that has its metadata already.
func warm(t testing.TB) door {
	d := newDoor(t)
	_, err := d.Verify(t.Context(), []byte(response(token20().withID("_warm").signed())))
	require.NoError(t, err)
	return d
}

// TestWorkIsBounded: the worst takes little memory, whether it is accepted or not. BenchmarkHeaviest says how long it takes.
func TestWorkIsBounded(t *testing.T) {
	for name, wresult := range heaviest() {
		t.Run(name, func(t *testing.T) {
			require.Less(t, len(wresult), 512<<10)
			d := warm(t)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := d.Verify(t.Context(), []byte(wresult))
			runtime.ReadMemStats(&after)
			t.Logf("%d KB: %d MB allocated: %v", len(wresult)>>10, (after.TotalAlloc-before.TotalAlloc)>>20, err)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
		})
	}
}

// BenchmarkHeaviest verifies the worst that the bounds let through; what is accepted is a replay from the second time on, which is found out last.
//
//	go test -run '^$' -bench Heaviest -benchtime 10x ./wsfed
func BenchmarkHeaviest(b *testing.B) {
	for name, wresult := range heaviest() {
		b.Run(name, func(b *testing.B) {
			d := warm(b)
			b.SetBytes(int64(len(wresult)))
			for b.Loop() {
				_, _ = d.Verify(b.Context(), []byte(wresult))
			}
		})
	}
}
