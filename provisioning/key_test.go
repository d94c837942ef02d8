package provisioning_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func TestKeyOf(t *testing.T) {
	adfs := claims.Identity{Kind: claims.KindExternal, Issuer: "http://adfs.contoso.com/adfs/services/trust", Subject: "S-1-5-21-1"}
	with := func(id claims.Identity, change func(*claims.Identity)) claims.Identity {
		change(&id)
		return id
	}
	for name, c := range map[string]struct {
		connection string
		id         claims.Identity
		want       provisioning.Key // zero: an error
	}{
		"entra":                 {conn, *ann(), annKey()},
		"guest":                 {conn, with(*ann(), func(id *claims.Identity) { id.Kind = claims.KindGuest }), annKey()},
		"external id":           {conn, with(*ann(), func(id *claims.Identity) { id.Kind = claims.KindExternal }), annKey()},
		"adfs":                  {conn, adfs, provisioning.Key{conn, adfs.Issuer, adfs.Subject}},
		"no connection":         {"", *ann(), provisioning.Key{}},
		"no tenant":             {conn, with(*ann(), func(id *claims.Identity) { id.TenantID = "" }), provisioning.Key{}},
		"no object":             {conn, with(*ann(), func(id *claims.Identity) { id.ObjectID = "" }), provisioning.Key{}},
		"member without either": {conn, with(adfs, func(id *claims.Identity) { id.Kind = claims.KindMember }), provisioning.Key{}},
		"adfs with an object":   {conn, with(adfs, func(id *claims.Identity) { id.ObjectID = annOID }), provisioning.Key{}},
		"adfs with a tenant":    {conn, with(adfs, func(id *claims.Identity) { id.TenantID = tenant }), provisioning.Key{}},
		"adfs as a tenant":      {conn, with(adfs, func(id *claims.Identity) { id.Issuer, id.Subject = tenant, annOID }), provisioning.Key{}},
		"adfs without subject":  {conn, with(adfs, func(id *claims.Identity) { id.Subject = "" }), provisioning.Key{}},
		"adfs without issuer":   {conn, with(adfs, func(id *claims.Identity) { id.Issuer = "" }), provisioning.Key{}},
		"upper case":            {conn, with(*ann(), func(id *claims.Identity) { id.ObjectID = strings.ToUpper(annOID) }), provisioning.Key{}},
		"braces":                {conn, with(*ann(), func(id *claims.Identity) { id.TenantID = "{" + tenant + "}" }), provisioning.Key{}},
		"shifted hyphens":       {conn, with(*ann(), func(id *claims.Identity) { id.ObjectID = "aaaaaaa-aaaaa-4aaa-8aaa-aaaaaaaaaaaa" }), provisioning.Key{}},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := provisioning.KeyOf(c.connection, &c.id)
			require.Equal(t, c.want == provisioning.Key{}, err != nil, "%v", err)
			require.Equal(t, c.want, k)
			if err != nil {
				d := provisioning.Decide(provisioning.Policy{ConnectionID: c.connection, CreateMissing: true}, &c.id, nil, nil)
				require.Equal(t, provisioning.ReasonNoKey, d.Reason)
			}
		})
	}
}

// Both protocols see the same person: the subject, which differs, is no part of the key.
func TestKeyOfBothProtocols(t *testing.T) {
	saml := ann()
	saml.Issuer, saml.Subject, saml.Email = "https://sts.windows.net/"+tenant+"/", "name-id", claims.Email{}
	k, err := provisioning.KeyOf(conn, saml)
	require.NoError(t, err)
	require.Equal(t, annKey(), k)
}

func TestKeyHash(t *testing.T) {
	// printf '\0\0\0\0\0\0\0\1a\0\0\0\0\0\0\0\2bc\0\0\0\0\0\0\0\0' | sha256sum: stored hashes must stay what they are.
	require.Equal(t, "74f2dff90c16bd75e74ea8ab93e0f683754b4ae5a7e2b6c960734cf5c656341a", provisioning.Key{"a", "bc", ""}.Hash())

	seen := map[string]provisioning.Key{}
	for _, k := range []provisioning.Key{
		{"a", "b", "c"},
		{"ab", "", "c"},
		{"", "ab", "c"},
		{"a", "bc", ""},
		{"a", "", "bc"},
		{"A", "b", "c"},
		{"a", "b", "c "},
		{"a", "b", "\x00c"},
		{"a\x00\x00\x00\x00\x00\x00\x00\x01b", "", "c"},
		{"é", "b", "c"},
		{"e\u0301", "b", "c"},
	} {
		h := k.Hash()
		require.Regexp(t, "^[0-9a-f]{64}$", h)
		require.NotContains(t, seen, h, "%q and %q", k, seen[h])
		seen[h] = k
	}
}

func FuzzKeyHash(f *testing.F) {
	f.Add("a", "b", "c", "ab", "", "c")
	f.Fuzz(func(t *testing.T, a, b, c, x, y, z string) {
		k, o := provisioning.Key{a, b, c}, provisioning.Key{x, y, z}
		if (k == o) != (k.Hash() == o.Hash()) {
			t.Fatalf("%q and %q", k, o)
		}
	})
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"Ann.Lee@Contoso.COM":            "ann.lee@contoso.com",
		"ann@contoso.com.":               "ann@contoso.com",
		"ann@Bücher.example":             "ann@xn--bcher-kva.example",
		"ann@xn--bcher-kva.example":      "ann@xn--bcher-kva.example",
		"JÖRG@contoso.com":               "jÖrg@contoso.com", // another mailbox than jörg's, as far as we know
		"\u212aate@contoso.com":          "\u212aate@contoso.com",
		"a+tag@contoso.com":              "a+tag@contoso.com",
		"ann_x.y#EXT#@c.onmicrosoft.com": "ann_x.y#ext#@c.onmicrosoft.com",
		"":                               "",
		"ann":                            "",
		"@contoso.com":                   "",
		"ann@":                           "",
		"evil@evil.example@contoso.com":  "",
		`"evil@x"@contoso.com`:           "",
		" ann@contoso.com":               "",
		"ann@contoso.com\n":              "",
		"ann(comment)@contoso.com":       "",
	} {
		require.Equal(t, want, provisioning.Fold(in), "%q", in)
	}
	require.NotEqual(t, provisioning.Fold("kate@contoso.com"), provisioning.Fold("\u212aate@contoso.com"), "the Kelvin sign is no k")
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"Ann@Contoso.com", "a@b@c", "ä@bücher.example", "\u212a@x.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		folded := provisioning.Fold(s)
		if again := provisioning.Fold(folded); again != folded {
			t.Fatalf("%q folds to %q, which folds to %q", s, folded, again)
		}
		if folded != "" && strings.Count(folded, "@") != 1 {
			t.Fatalf("%q folds to %q", s, folded)
		}
	})
}
