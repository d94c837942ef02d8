package credential_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/credential"
)

const plain = "kE8~not-to-be-seen"

// hexes of the plain text, as %x and %q would show it
var leaks = []string{plain, "6b45387e", "6B45387E", "not-to-be-seen", "[107 69 56", "0x6b, 0x45"}

func ExampleSecret() {
	s := credential.NewSecret("correct horse")
	fmt.Println(s, s.IsZero(), s.Equal(credential.NewSecret("correct horse")))
	fmt.Printf("%d %x %q %#v\n", s, s, s, s)
	// Output:
	// [redacted] false true
	// [redacted] [redacted] [redacted] [redacted]
}

type holder struct {
	Public  credential.Secret
	private credential.Secret
	pointer *credential.Secret
	list    []credential.Secret
	mapped  map[string]credential.Secret
}

// Attack: no secret in logs, errors, pages, whatever way it gets there.
func TestSecretMasksItself(t *testing.T) {
	s := credential.NewSecret(plain)
	inside := holder{s, s, &s, []credential.Secret{s}, map[string]credential.Secret{"a": s}}
	values := map[string]any{
		"itself": s, "pointer": &s, "inside": inside, "inside, pointer": &inside, "list": []any{s, inside}, "map": map[credential.Secret]holder{s: inside},
		"error": fmt.Errorf("x %v: %w", s, errors.New(s.String())), "token": credential.Token{Access: s, Refresh: s, ID: s},
		"credential": credential.FromSecret(s),
	}
	for name, v := range values {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%t", "%c", "%U", "%e", "%b", "%o", "%p", "%T", "%w", "%100v", "%.3s", "%!"} {
			requireMasked(t, name+" "+format, fmt.Sprintf(format, v))
		}
		requireMasked(t, name+" Print", fmt.Sprint(v))
		data, err := json.Marshal(v)
		if err == nil {
			requireMasked(t, name+" JSON", string(data))
		}
		var text, jsonText bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&jsonText, nil)).Info("x", "v", v)
		requireMasked(t, name+" slog", text.String()+jsonText.String())
	}
	type element struct {
		A credential.Secret `xml:",attr"`
		B credential.Secret
	}
	data, err := xml.Marshal(element{s, s})
	require.NoError(t, err)
	requireMasked(t, "XML", string(data))
	var b bytes.Buffer
	require.NoError(t, gob.NewEncoder(&b).Encode(struct{ S credential.Secret }{s}))
	requireMasked(t, "gob", b.String())
	var back struct{ S credential.Secret }
	require.Error(t, gob.NewDecoder(&b).Decode(&back))
	assert.True(t, back.S.IsZero())
	assert.Equal(t, "[redacted]", s.String())
	assert.Contains(t, fmt.Sprintf("%+v", struct{ S credential.Secret }{s}), "[redacted]")
}

func requireMasked(t *testing.T, what, text string) {
	t.Helper()
	for _, leak := range leaks {
		if strings.Contains(text, leak) {
			t.Fatalf("%s shows the secret", what) // not the text: this test's output is output too
		}
	}
}

// A code or refresh token in a request's form does not get into a log with the request.
func TestRequestMasksItsForm(t *testing.T) {
	q := credential.Request{ClientID: clientID, Tenant: tenant, Credential: credential.FromSecret(credential.NewSecret(plain)), Form: url.Values{"code": {plain}}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{q, &q, []any{q}, struct{ Q credential.Request }{q}} {
			requireMasked(t, format, fmt.Sprintf(format, v))
		}
	}
	assert.Contains(t, q.String(), tenant)
	var text, jsonText bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", q, "w", &q)
	slog.New(slog.NewJSONHandler(&jsonText, nil)).Info("x", "v", q, "w", []any{q})
	data, err := json.Marshal(q)
	require.NoError(t, err)
	requireMasked(t, "slog and JSON", text.String()+jsonText.String()+string(data))
}

func TestSecretJSON(t *testing.T) {
	type form struct {
		Secret credential.Secret `json:"secret,omitzero"`
	}
	var f form
	require.NoError(t, json.Unmarshal([]byte(`{"secret":"abc"}`), &f))
	assert.Equal(t, "abc", f.Secret.Reveal())
	data, err := json.Marshal(f)
	require.NoError(t, err)
	assert.JSONEq(t, `{"secret":"[redacted]"}`, string(data))
	require.Error(t, json.Unmarshal(data, &f), "the mask is no secret")
	require.NoError(t, json.Unmarshal([]byte(`{"secret":""}`), &f))
	assert.True(t, f.Secret.IsZero())
	data, err = json.Marshal(form{})
	require.NoError(t, err)
	assert.JSONEq(t, `{}`, string(data))
}

func TestSecretEqual(t *testing.T) {
	a := credential.NewSecret("a")
	assert.True(t, a.Equal(credential.NewSecret("a")))
	assert.False(t, a.Equal(credential.NewSecret("b")))
	assert.False(t, a.Equal(credential.NewSecret("ab")))
	assert.False(t, a.Equal(credential.Secret{}))
	assert.True(t, credential.NewSecret("").Equal(credential.Secret{}))
	assert.True(t, credential.NewSecret("").IsZero())
	assert.Empty(t, credential.Secret{}.Reveal())
	assert.Empty(t, fmt.Sprint(credential.Secret{}))
}

func TestSecretLooksLikeID(t *testing.T) {
	assert.True(t, credential.NewSecret("0f9d2c86-4dbb-4b48-9f0f-6f3d3c2a1b00").LooksLikeID())
	assert.False(t, credential.NewSecret("kE8~Q0f9d2c86-4dbb-4b48-9f0f-6f3d3c").LooksLikeID())
	assert.False(t, credential.Secret{}.LooksLikeID())
}
