package entra_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
)

func TestReturnAddress(t *testing.T) {
	s := newStage(t)
	returned := func(address string) string {
		d := s.begin(t, entra.BeginOptions{ReturnTo: address})
		in, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
		require.NoError(t, err)
		return in.ReturnTo
	}
	for _, good := range []string{
		"/", "/inbox", "/inbox?folder=1&next=https%3A%2F%2Fevil.example", "/a/../b", "/a//b", "/%C3%BC#part", "/a?b=//c",
		"https://app.example.com/in", "https://app.example.com/in/box?x=1",
	} {
		require.Equal(t, good, returned(good))
	}
	for _, bad := range []string{
		"", "inbox", "//evil.example", "///evil.example", `/\evil.example`, `\/evil.example`, `\\evil.example`, "/\t/evil.example", "/\n/evil.example",
		"/.//evil.example", "/a/..//evil.example", "/%2e//evil.example", "/a/%2E%2e/%2fevil.example", "/a/../b//c",
		"/%2f/evil.example", "/%2Fevil.example", "/%5cevil.example", "/%5Cevil.example", "/%252fevil.example", "/%0d%0aSet-Cookie:x", "/a\r\nb", " /inbox", "/in box",
		"https:evil.example", "https:/evil.example", "https:///evil.example", "https://evil.example/", "javascript:alert(1)", "data:text/html,x", "JaVaScRiPt:alert(1)",
		"https://app.example.com.evil.example/in", "https://app.example.com@evil.example/in", "https://user@app.example.com/in", "http://app.example.com/in",
		"https://app.example.com:444/in", "https://app.example.com/", "https://app.example.com/inbox", "https://app.example.com/in/../out",
		"https://app.example.com/in/%2e%2e/out", `https://app.example.com\@evil.example/in`, "https://APP.example.com/in\x00", "/ü", "?x=//evil.example", "#x",
	} {
		require.Equal(t, "/home", returned(bad), "%q", bad)
	}
}

func FuzzReturnAddress(f *testing.F) {
	for _, s := range []string{"/inbox", "//evil.example", "https://app.example.com/in/x", `/\evil`, "/%2f/e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		s := newStage(t)
		d := s.begin(t, entra.BeginOptions{ReturnTo: address})
		in, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
		require.NoError(t, err)
		require.True(t, in.ReturnTo == "/home" || in.ReturnTo == address)
		// What is allowed begins with a path of this origin, or with the listed address.
		require.Regexp(t, `^(/([^/\\]|$)|https://app\.example\.com/in([/?#]|$))`, in.ReturnTo)
	})
}
