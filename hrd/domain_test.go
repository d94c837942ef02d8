package hrd_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/hrd"
)

func TestDomain(t *testing.T) {
	for address, want := range map[string]string{
		"ann@contoso.com":                        "contoso.com",
		"Ann.Archer+x@CONTOSO.com":               "contoso.com",
		"o'neil@contoso.com.":                    "contoso.com",
		"ann@sales.contoso.com":                  "sales.contoso.com",
		"ann_gmail.com#EXT#@contoso.test":        "contoso.test",
		"änn@bücher.example":                     "xn--bcher-kva.example",
		"ann@xn--bcher-kva.example":              "xn--bcher-kva.example",
		"ann@3com.com":                           "3com.com",
		"ann@1.2.contoso.com":                    "1.2.contoso.com",
		strings.Repeat("a", 64) + "@contoso.com": "contoso.com",
	} {
		got, err := hrd.Domain(address)
		require.NoError(t, err, address)
		assert.Equal(t, want, got)
	}
}

func TestDomainRefuses(t *testing.T) {
	for name, address := range map[string]string{
		"empty":                  "",
		"no at":                  "contoso.com",
		"no local part":          "@contoso.com",
		"no domain":              "ann@",
		"two ats":                "attacker@evil.example@contoso.com",
		"two ats together":       "ann@@contoso.com",
		"quoted local part":      `"ann"@contoso.com`,
		"at within quotes":       `"ann@evil.example"@contoso.com`,
		"comment":                "ann(x)@contoso.com",
		"comment after":          "ann@contoso.com(@evil.example)",
		"angle brackets":         "Ann <ann@contoso.com>",
		"leading space":          " ann@contoso.com",
		"trailing space":         "ann@contoso.com ",
		"space in the domain":    "ann@contoso .com",
		"no-break space":         "ann\u00a0@contoso.com",
		"line end":               "ann@contoso.com\n",
		"header injection":       "ann\r\nBcc: x@contoso.com",
		"NUL":                    "ann\x00@contoso.com",
		"escape":                 "ann\x1b@contoso.com",
		"zero-width space":       "ann\u200b@contoso.com",
		"right-to-left override": "ann\u202e@contoso.com",
		"full-width at":          "ann＠evil.example@contoso.com",
		"small at":               "ann@evil.example﹫contoso.com",
		"backslash":              `ann\@contoso.com`,
		"comma":                  "ann,bob@contoso.com",
		"semicolon":              "ann;bob@contoso.com",
		"colon":                  "mailto:ann@contoso.com",
		"leading dot":            ".ann@contoso.com",
		"trailing dot":           "ann.@contoso.com",
		"double dot":             "an..n@contoso.com",
		"address literal":        "ann@[192.0.2.1]",
		"IPv6 literal":           "ann@[IPv6:2001:db8::1]",
		"IPv4":                   "ann@192.0.2.1",
		"local part too long":    strings.Repeat("a", 65) + "@contoso.com",
		"address of long parts":  strings.Repeat("a", 64) + "@" + strings.Repeat("abcdefg.", 24) + "com",
		"address too long":       "a@" + strings.Repeat("abcdefgh.", 30) + "com",
		"not UTF-8":              "ann\xff@contoso.com",
		"percent-encoded at":     "ann@evil.example%40contoso.com",
		"source route":           "@evil.example:ann@contoso.com",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := hrd.Domain(address)
			require.ErrorIs(t, err, hrd.ErrInvalid)
			assert.Empty(t, got)
			assert.NotContains(t, err.Error(), "evil")
			assert.NotContains(t, err.Error(), "ann")
		})
	}
}

func TestCanonicalIsOneForm(t *testing.T) {
	for want, spellings := range map[string][]string{
		"contoso.com":                        {"contoso.com", "@contoso.com", "CONTOSO.COM", "Contoso.Com.", "contoso。com", "contoso．com｡", "ｃontoso.com", "con\u00adtoso.com", "ℂontoso.com", "conto\u017fo.com"},
		"xn--bcher-kva.example":              {"bücher.example", "BÜCHER.example", "bu\u0308cher.example", "xn--bcher-kva.example", "XN--BCHER-KVA.EXAMPLE."},
		"xn--strae-oqa.example":              {"straße.example"}, // non-transitional: not strasse
		"xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g": {"उदाहरण.परीक्षा"},
		"xn--wgv71a119e.xn--jp-8m8d.example": {"日本語.jp本.example"},
	} {
		for _, s := range spellings {
			got, err := hrd.Canonical(s)
			require.NoError(t, err, s)
			assert.Equal(t, want, got, s)
		}
	}
}

func TestCanonicalRefuses(t *testing.T) {
	for name, domain := range map[string]string{
		"empty":                     "",
		"at only":                   "@",
		"two ats":                   "@@contoso.com",
		"dot":                       ".",
		"single label":              "contoso",
		"single label with a dot":   "contoso.",
		"leading dot":               ".contoso.com",
		"empty label":               "contoso..com",
		"two trailing dots":         "contoso.com..",
		"only a soft hyphen":        "\u00ad.com",
		"IPv4":                      "192.0.2.1",
		"IPv4 with a dot":           "192.0.2.1.",
		"IPv4 full width":           "１９２.０.２.１",
		"IPv4 short":                "127.1",
		"IPv4 hexadecimal":          "0x7f.0x1",
		"IPv4 empty hexadecimal":    "contoso.0x",
		"IPv6":                      "2001:db8::1",
		"IPv6 in brackets":          "[2001:db8::1]",
		"port":                      "contoso.com:443",
		"path":                      "contoso.com/x",
		"URL":                       "https://contoso.com",
		"user info":                 "ann@contoso.com",
		"wildcard":                  "*.contoso.com",
		"underscore":                "_dmarc.contoso.com",
		"space":                     "contoso .com",
		"ideographic space":         "contoso\u3000.com",
		"tab":                       "contoso.com\t",
		"NUL":                       "contoso.com\x00",
		"full-width slash":          "contoso.com／x.example",
		"percent":                   "contoso%2ecom.example",
		"leading hyphen":            "-contoso.com",
		"trailing hyphen":           "contoso-.com",
		"hyphens in third place":    "ab--cd.com",
		"label too long":            strings.Repeat("a", 64) + ".com",
		"domain too long":           strings.Repeat("abcdefg.", 32) + "com",
		"absurdly long":             strings.Repeat("ü", 10000) + ".com",
		"broken A-label":            "xn--\u00fc.com",
		"A-label of nothing":        "xn--.com",
		"A-label of ASCII":          "xn--contoso-.com",
		"A-label not lower case":    "xn--bcher-2pa.example",
		"not UTF-8":                 "cont\xffoso.com",
		"Latin and Cyrillic":        "соntoso.com",
		"Latin and Greek":           "contοso.com",
		"all Cyrillic, looks Latin": "соре.com",
		"the same as an A-label":    "xn--e1argc3h.com",
		"zero-width joiner":         "con\u200dtoso.com",
		"bidirectional rule":        "0א.example",
		"label too long, mapped":    strings.Repeat("A", 64) + ".com",
		"domain too long, mapped":   strings.Repeat("Abcdefg.", 32) + "com",
		"empty label, mapped":       "Contoso..com",
		"single label, mapped":      "Contoso",
		"bidirectional":             "אcontoso.com",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := hrd.Canonical(domain)
			require.ErrorIs(t, err, hrd.ErrInvalid)
			assert.Empty(t, got)
		})
	}
}

func TestCyrillicDomainsWork(t *testing.T) {
	for _, d := range []string{"президент.рф", "почта.com", "пример.com", "соре.рф"} {
		_, err := hrd.Canonical(d)
		require.NoError(t, err, d)
	}
}

func TestShared(t *testing.T) {
	for _, d := range []string{"com", "co.uk", "github.io"} {
		assert.True(t, hrd.IsPublicSuffix(d), d)
	}
	for _, d := range []string{"contoso.com", "contoso.co.uk", "contoso.onmicrosoft.com", "contoso.test"} {
		assert.False(t, hrd.IsPublicSuffix(d), d)
		assert.False(t, hrd.IsMailProvider(d), d)
	}
	for _, d := range []string{"gmail.com", "outlook.com", "qq.com"} {
		assert.True(t, hrd.IsMailProvider(d), d)
	}
}

// FuzzDomain: an accepted domain is a host name in its only form, whatever surrounds it, and the address has one "@".
func FuzzDomain(f *testing.F) {
	for _, s := range []string{"ann@contoso.com", "ann@BÜCHER.example.", `"a@b"@c.example`, "a@b@c.example", "a@xn--bcher-kva.example", "a@192.0.2.1", "ann＠x@y.example", "a@ſ。example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		got, err := hrd.Domain(address)
		if err != nil {
			require.ErrorIs(t, err, hrd.ErrInvalid)
			require.Empty(t, got)
			return
		}
		checkCanonical(t, got)
		require.Equal(t, 1, strings.Count(address, "@"))
		require.False(t, strings.ContainsAny(address, " \t\r\n\x00\"(),:;<>[\\]"))
		local, typed, _ := strings.Cut(address, "@")
		for _, same := range []string{"x@" + typed, local + "@" + got, strings.ToUpper("x@" + got), "x@" + got + "."} {
			if len(same) > 254 {
				continue
			}
			again, err := hrd.Domain(same)
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	})
}

// FuzzCanonical: the canonical form is its own canonical form, and a host name.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"contoso.com", "@CONTOSO.com.", "bücher.example", "xn--bcher-kva.example", "1.2.3.4", "a--b.c", "xn--a.b", "соре.рф", "日本語.jp"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, domain string) {
		got, err := hrd.Canonical(domain)
		if err != nil {
			require.Empty(t, got)
			return
		}
		checkCanonical(t, got)
	})
}

func checkCanonical(t *testing.T, d string) {
	again, err := hrd.Canonical(d)
	require.NoError(t, err)
	require.Equal(t, d, again)
	require.Equal(t, strings.ToLower(d), d)
	require.LessOrEqual(t, len(d), 253)
	labels := strings.Split(d, ".")
	require.GreaterOrEqual(t, len(labels), 2)
	for _, l := range labels {
		require.NotEmpty(t, l)
		require.LessOrEqual(t, len(l), 63)
		require.Empty(t, strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-"))
		require.False(t, strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-"))
	}
	require.NotEmpty(t, strings.Trim(labels[len(labels)-1], "0123456789"))
}
