package hrd_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/hrd"
)

func TestListed(t *testing.T) {
	for typed, want := range map[string]string{
		"contoso.com": "contoso.com", "@Contoso.com.": "contoso.com", "*.contoso.com": "*.contoso.com", "@*.CONTOSO.com.": "*.contoso.com",
		"*.bücher.example": "*.xn--bcher-kva.example", "*.sales.contoso.com": "*.sales.contoso.com", "*.contoso.co.uk": "*.contoso.co.uk", "*.contoso.onmicrosoft.com": "*.contoso.onmicrosoft.com",
	} {
		got, err := hrd.Listed(typed)
		require.NoError(t, err, typed)
		require.Equal(t, want, got)
		again, err := hrd.Listed(got)
		require.NoError(t, err)
		require.Equal(t, got, again)
		base, covers := hrd.Base(got)
		require.Equal(t, strings.TrimPrefix(want, "*."), base)
		require.Equal(t, want[0] == '*', covers)
	}
	long := strings.Repeat("a.", 122) + "contoso.com" // 255 bytes
	for _, typed := range []string{
		"", "*", "*.", "*.com", "*.co.uk", "*.github.io", "*.onmicrosoft.com", "*.mail.onmicrosoft.com", "*.onmicrosoft.us", "*.partner.onmschina.cn", "*contoso.com", "*.*.contoso.com", "a.*.contoso.com", "contoso.*", "*.192.0.2.1", "**.contoso.com", "*. contoso.com",
		"＊.contoso.com", "*。contoso.com", "*.соре.com", "*@contoso.com", "*.@contoso.com", "*." + long[2:], "*.contoso",
	} {
		got, err := hrd.Listed(typed)
		require.ErrorIs(t, err, hrd.ErrInvalid, typed)
		require.Empty(t, got)
	}
	_, err := hrd.Listed(long[2:])
	require.NoError(t, err, "the longest domain, which can have no subdomain")
	_, err = hrd.Canonical("*.contoso.com")
	require.ErrorIs(t, err, hrd.ErrInvalid, "an address has one domain")
	_, err = hrd.Domain("ann@*.contoso.com")
	require.ErrorIs(t, err, hrd.ErrInvalid)
}

func route(t testing.TB, d hrd.Directory, domain string) string {
	t.Helper()
	id, found, err := hrd.Lookup(context.Background(), d, domain)
	require.NoError(t, err)
	require.Equal(t, found, id != "")
	return id
}

// TestLookup: the longest match wins, and a domain that is listed itself before what stands for it.
func TestLookup(t *testing.T) {
	var x hrd.Index
	require.NoError(t, x.Set("all", []string{"*.contoso.com"}))
	require.NoError(t, x.Set("sales", []string{"*.sales.contoso.com", "contoso.com"}))
	require.NoError(t, x.Set("eu", []string{"eu.sales.contoso.com"}))
	require.NoError(t, x.Set("uk", []string{"*.contoso.co.uk"}))
	for domain, want := range map[string]string{
		"contoso.com": "sales", "a.contoso.com": "all", "a.b.c.contoso.com": "all", "sales.contoso.com": "all", "a.sales.contoso.com": "sales",
		"eu.sales.contoso.com": "eu", "a.eu.sales.contoso.com": "sales", "a.contoso.co.uk": "uk", "contoso.co.uk": "",
		"evilcontoso.com": "", "contoso.com.evil.example": "", "fabrikam.com": "", "a.fabrikam.com": "", "com": "", "": "",
	} {
		require.Equal(t, want, route(t, &x, domain), domain)
	}
	require.NoError(t, x.Set("sales", []string{"contoso.com"}))
	require.Equal(t, "all", route(t, &x, "a.sales.contoso.com"))
	require.NoError(t, x.Set("all", nil))
	require.Empty(t, route(t, &x, "a.sales.contoso.com"))
}

// asked is a directory that knows nobody, and remembers its questions.
type asked struct{ domains []string }

func (a *asked) HomeRealm(_ context.Context, domain string) (string, bool, error) {
	a.domains = append(a.domains, domain)
	return "", false, nil
}

// TestLookupIsBounded: an address causes no more than nine questions, none of them for what everybody can register.
func TestLookupIsBounded(t *testing.T) {
	for domain, want := range map[string][]string{
		"contoso.com":         {"contoso.com"},
		"contoso.co.uk":       {"contoso.co.uk"},
		"a.contoso.co.uk":     {"a.contoso.co.uk", "*.contoso.co.uk"},
		"a.b.contoso.com":     {"a.b.contoso.com", "*.b.contoso.com", "*.contoso.com"},
		"contoso.github.io":   {"contoso.github.io"},
		"a.contoso.github.io": {"a.contoso.github.io", "*.contoso.github.io"},
		"a.b.c.ck":            {"a.b.c.ck", "*.b.c.ck"},
		"0.1.2.3.4.5.6.7.8.9.contoso.com": {
			"0.1.2.3.4.5.6.7.8.9.contoso.com", "*.3.4.5.6.7.8.9.contoso.com", "*.4.5.6.7.8.9.contoso.com", "*.5.6.7.8.9.contoso.com", "*.6.7.8.9.contoso.com",
			"*.7.8.9.contoso.com", "*.8.9.contoso.com", "*.9.contoso.com", "*.contoso.com",
		},
	} {
		var a asked
		require.Empty(t, route(t, &a, domain))
		require.Equal(t, want, a.domains)
	}
}

// TestLookupFails where one of the questions does: a store that is down for one of them must not lead to the next best.
func TestLookupFails(t *testing.T) {
	for _, at := range []string{"a.b.contoso.com", "*.b.contoso.com"} {
		d := &directory{answer: func(_ context.Context, domain string) (string, bool, error) {
			if domain == at {
				return "", false, errors.New("down")
			}
			return "c", domain == "*.contoso.com", nil
		}}
		id, found, err := hrd.Lookup(t.Context(), d, "a.b.contoso.com")
		require.EqualError(t, err, "down")
		assert.False(t, found)
		assert.Empty(t, id)
	}
}

// FuzzListed: what is listed has one form, and is about a domain that is one; an address below it is led there, and one of the domain itself is not.
func FuzzListed(f *testing.F) {
	for _, seed := range []string{"contoso.com", "*.contoso.com", "@*.Bücher.example.", "*.co.uk", "*.*.a.b", "*", "a.b.c.d.e.contoso.co.uk"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		listed, err := hrd.Listed(typed)
		if err != nil {
			if listed != "" || !errors.Is(err, hrd.ErrInvalid) {
				t.Fatalf("%q beside %v", listed, err)
			}
			return
		}
		again, err := hrd.Listed(listed)
		require.NoError(t, err)
		require.Equal(t, listed, again)
		base, covers := hrd.Base(listed)
		checkCanonical(t, base)

		var x hrd.Index
		require.NoError(t, x.Set("c", []string{typed}))
		require.Equal(t, covers, route(t, &x, base) == "")
		below, err := hrd.Canonical("a." + base)
		if err == nil {
			require.Equal(t, covers, route(t, &x, below) == "c")
		}
		var a asked
		route(t, &a, base)
		require.Equal(t, base, a.domains[0])
		require.LessOrEqual(t, len(a.domains), 9)
		last := base
		for _, question := range a.domains[1:] {
			parent, covers := hrd.Base(question)
			require.True(t, covers)
			require.True(t, strings.HasSuffix(last, "."+parent) || len(a.domains) == 9 && strings.HasSuffix(base, "."+parent), "%q", a.domains)
			require.False(t, hrd.IsPublicSuffix(parent))
			last = parent
		}
	})
}
