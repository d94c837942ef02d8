package wsfed_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// TestHostileForm: the message around the token.
func TestHostileForm(t *testing.T) {
	good := func() url.Values {
		return url.Values{"wa": {"wsignin1.0"}, "wctx": {"ctx-1"}, "wresult": {response(token20().signed())}}
	}
	d := newDoor(t)
	mine := &wsfed.Pending{Context: "ctx-1", Begun: forgeNow}
	id, err := d.VerifyForm(t.Context(), good(), mine)
	require.NoError(t, err)
	require.Equal(t, mallory, id.ObjectID)

	for name, change := range map[string]func(url.Values){
		"wctx of another browser": func(f url.Values) { f.Set("wctx", "ctx-2") },
		"wctx missing":            func(f url.Values) { f.Del("wctx") },
		"wctx empty":              func(f url.Values) { f.Set("wctx", "") },
		"wctx twice":              func(f url.Values) { f.Add("wctx", "ctx-1") },
		"wctx in another case":    func(f url.Values) { f.Set("wctx", "CTX-1") },
		"WCTX beside wctx":        func(f url.Values) { f.Set("WCTX", "ctx-1") },
		"wresult twice":           func(f url.Values) { f.Add("wresult", response(token20().as(victim).signed())) },
		"wresult missing":         func(f url.Values) { f.Del("wresult") },
		"wresult empty":           func(f url.Values) { f.Set("wresult", "") },
		"wresultptr":              func(f url.Values) { f.Del("wresult"); f.Set("wresultptr", "https://evil.example/token.xml") },
		"wresultptr beside it":    func(f url.Values) { f.Set("wresultptr", "https://evil.example/token.xml") },
		"wa missing":              func(f url.Values) { f.Del("wa") },
		"wa twice":                func(f url.Values) { f.Add("wa", "wsignin1.0") },
		"wa of a sign-out":        func(f url.Values) { f.Set("wa", "wsignout1.0") },
		"wa of a clean-up":        func(f url.Values) { f.Set("wa", "wsignoutcleanup1.0") },
		"wa in another case":      func(f url.Values) { f.Set("wa", "WSIGNIN1.0") },
	} {
		t.Run(name, func(t *testing.T) {
			d, f := newDoor(t), good()
			change(f)
			id, err := d.VerifyForm(t.Context(), f, mine)
			requireRefused(t, d, id, err, nil)
		})
	}
	t.Run("no wctx was expected", func(t *testing.T) {
		d, f := newDoor(t), good()
		for _, wctx := range []string{"ctx-1", ""} {
			f.Set("wctx", wctx)
			id, err := d.VerifyForm(t.Context(), f, &wsfed.Pending{Begun: forgeNow})
			require.ErrorIs(t, err, wsfed.ErrInvalid)
			assert.Nil(t, id)
		}
		assert.Zero(t, d.replay.calls)
	})

	for name, tt := range map[string]struct {
		method      string
		query, form url.Values
	}{
		"wresult by GET":            {http.MethodGet, good(), nil},
		"wresult by HEAD":           {http.MethodHead, good(), nil},
		"wresult by PUT":            {http.MethodPut, nil, good()},
		"wresult in a POST's query": {http.MethodPost, good(), nil},
		"both in query and body":    {http.MethodPost, url.Values{"wctx": {"ctx-1"}}, good()},
		"nothing":                   {http.MethodPost, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := wsfed.ParseMessage(tt.method, tt.query, tt.form)
			var refused *wsfed.VerificationError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, wsfed.CheckMessage, refused.Check)
			assert.Nil(t, m)
		})
	}
}
