package wsfed_test

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// attack is one answer that must be refused. The names say where an attack comes from.
type attack struct {
	name    string
	wresult string
	checks  []wsfed.Check // the checks that may be what refuses it
}

// Groups of checks: what is not XML, or not the form of an answer, may be found at more than one place.
var (
	byForm      = []wsfed.Check{wsfed.CheckXML, wsfed.CheckEnvelope, wsfed.CheckVersion, wsfed.CheckSignature}
	bySignature = []wsfed.Check{wsfed.CheckSignature}
	byXML       = []wsfed.Check{wsfed.CheckXML}
	byEnvelope  = []wsfed.Check{wsfed.CheckEnvelope, wsfed.CheckXML, wsfed.CheckSignature}
)

// refuseAll runs attacks. Attacks on what XML means must be well formed, or they prove nothing about the checks behind the parser.
func refuseAll(t *testing.T, wellFormed bool, attacks []attack, change ...func(*wsfed.Config)) {
	t.Helper()
	names := make(map[string]bool)
	for _, a := range attacks {
		require.False(t, names[a.name], "two attacks are called %q", a.name)
		names[a.name] = true
		t.Run(a.name, func(t *testing.T) {
			if wellFormed {
				require.NoError(t, parses(a.wresult), "the attack itself is broken")
			}
			d := newDoor(t, change...)
			id, err := d.Verify(t.Context(), []byte(a.wresult))
			requireRefused(t, d, id, err, a.checks)
		})
	}
}

// requireRefused: a typed error, no identity, nothing written, nothing sent to a foreign host, and nothing of the token in the text.
func requireRefused(t *testing.T, d door, id *claims.Identity, err error, checks []wsfed.Check) {
	t.Helper()
	require.Error(t, err)
	assert.Nil(t, id)
	var refused *wsfed.VerificationError
	require.ErrorAs(t, err, &refused)
	t.Log(err)
	if len(checks) > 0 {
		assert.Contains(t, checks, refused.Check, "refused by another check: %v", err)
	}
	assert.NotErrorIs(t, err, wsfed.ErrUnavailable, "trying again is no help")
	if !slices.Contains(checks, wsfed.CheckReplay) {
		assert.Zero(t, d.replay.calls, "the replay store was written to")
	}
	assert.Empty(t, d.provider.foreign, "fetched")
	for _, secret := range []string{mallory, victim, keys().trusted.base64()[:40], "mallory-pairwise", "victim-pairwise"} {
		assert.NotContains(t, err.Error(), secret)
	}
	assert.Less(t, len(err.Error()), 1024)
}

// parses tells whether a document is well formed, as far as the standard library sees it.
func parses(document string) error {
	d := xml.NewDecoder(strings.NewReader(document))
	for {
		if _, err := d.RawToken(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// accept verifies an answer that must pass.
func accept(t *testing.T, wresult string, change ...func(*wsfed.Config)) *claims.Identity {
	t.Helper()
	d := newDoor(t, change...)
	id, err := d.Verify(t.Context(), []byte(wresult))
	require.NoError(t, err)
	require.NotNil(t, id)
	assert.Equal(t, 1, d.replay.calls)
	assert.Empty(t, d.provider.foreign)
	return id
}
