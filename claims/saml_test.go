package claims_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
)

const (
	identityClaims = "http://schemas.microsoft.com/identity/claims/"
	soapClaims     = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
	roleClaims     = "http://schemas.microsoft.com/ws/2008/06/identity/claims/"
	groupsLink     = "http://schemas.microsoft.com/claims/groups.link"
	stsIssuer      = "https://sts.windows.net/" + contoso + "/"
)

func attr(name string, values ...string) claims.Attribute {
	return claims.Attribute{Name: name, Values: values}
}

// assertion is Ann's, with attributes replaced or added; one without values at all is removed.
func assertion(change ...claims.Attribute) claims.SAML {
	a := claims.SAML{Issuer: stsIssuer, Subject: "nameid-ann", Tenant: contoso}
	for _, base := range []claims.Attribute{
		attr(identityClaims+"tenantid", contoso),
		attr(identityClaims+"objectidentifier", ann),
		attr(identityClaims+"displayname", "Ann Archer"),
		attr(identityClaims+"identityprovider", stsIssuer),
		attr(soapClaims+"name", "ann@contoso.com"),
	} {
		keep := true
		for _, c := range change {
			keep = keep && c.Name != base.Name
		}
		if keep {
			a.Attributes = append(a.Attributes, base)
		}
	}
	for _, c := range change {
		if c.Values != nil {
			a.Attributes = append(a.Attributes, c)
		}
	}
	return a
}

func TestFromVerifiedSAML(t *testing.T) {
	a := assertion(
		attr(soapClaims+"givenname", "Ann"), attr(soapClaims+"surname", "Archer"),
		attr(soapClaims+"emailaddress", "Ann@contoso.com"), attr(soapClaims+"upn", "ann.upn@contoso.com"),
		attr(roleClaims+"groups", other, `contoso.com\Sales`), attr(roleClaims+"role", "Reader"), attr(roleClaims+"wids", other),
		attr("http://schemas.example/department", "R&D"), attr("http://schemas.example/sites", "A", "B"),
	)
	a.AuthTime, a.SessionID, a.SessionEnd = time.Unix(1700000000, 0).UTC(), "session-1", time.Unix(1700003600, 0).UTC()
	id, err := claims.FromVerifiedSAML(a)
	require.NoError(t, err)
	assert.Equal(t, stsIssuer, id.Issuer)
	assert.Equal(t, "nameid-ann", id.Subject)
	assert.Equal(t, "ann.upn@contoso.com", id.Username)
	assert.Equal(t, "Ann Archer", id.Name)
	assert.Equal(t, "Ann", id.GivenName)
	assert.Equal(t, "Archer", id.FamilyName)
	assert.Equal(t, claims.Email{Address: "Ann@contoso.com"}, id.Email, "SAML carries no evidence")
	assert.Equal(t, claims.KindMember, id.Kind)
	groups, ok := id.Groups.Known()
	assert.True(t, ok)
	assert.Equal(t, []claims.Group{{ID: other}, {Name: `contoso.com\Sales`, Origin: claims.OriginOnPremises}}, groups)
	assert.Equal(t, []string{"Reader"}, id.Roles)
	assert.Equal(t, []string{other}, id.DirectoryRoles)
	assert.Equal(t, a.AuthTime, id.AuthTime)
	assert.Equal(t, a.SessionEnd, id.SessionEnd)
	assert.Equal(t, "session-1", id.SessionID)
	assert.Equal(t, "R&D", id.Raw["http://schemas.example/department"])
	assert.Equal(t, []any{"A", "B"}, id.Raw["http://schemas.example/sites"])
}

func TestSamePersonOverBothProtocols(t *testing.T) {
	overSAML, err := claims.FromVerifiedSAML(assertion())
	require.NoError(t, err)
	overJWT := fromJWT(t, nil)
	assert.Equal(t, overJWT.TenantID, overSAML.TenantID)
	assert.Equal(t, overJWT.ObjectID, overSAML.ObjectID)
}

func TestFromVerifiedSAMLRefuses(t *testing.T) {
	tests := map[string]struct {
		assertion claims.SAML
		says      string
	}{
		"no issuer":              {claims.SAML{Subject: "x"}, "issuer or subject"},
		"no subject":             {claims.SAML{Issuer: "x"}, "issuer or subject"},
		"no tenantid":            {assertion(attr(identityClaims + "tenantid")), "lacks tenantid"},
		"empty tenantid":         {assertion(attr(identityClaims+"tenantid", "")), "lacks tenantid"},
		"another tenantid":       {assertion(attr(identityClaims+"tenantid", other)), "not the issuer's"},
		"tenantid in upper case": {assertion(attr(identityClaims+"tenantid", strings.ToUpper(contoso))), "not the issuer's"},
		"two tenantids":          {assertion(attr(identityClaims+"tenantid", contoso, other)), "several values"},
		"two tenantid elements":  {assertion(attr(identityClaims+"tenantid", contoso), attr(identityClaims+"tenantid", contoso)), "several values"},
		"no objectidentifier":    {assertion(attr(identityClaims + "objectidentifier")), "objectidentifier"},
		"objectidentifier name":  {assertion(attr(identityClaims+"objectidentifier", "ann@contoso.com")), "objectidentifier"},
		"two objectidentifiers":  {assertion(attr(identityClaims+"objectidentifier", ann, other)), "several values"},
		"two addresses":          {assertion(attr(soapClaims+"emailaddress", "a@x.example", "b@x.example")), "several values"},
		"other case":             {assertion(attr(identityClaims+"ObjectIdentifier", other)), "only in case"},
		"other case, alone":      {assertion(attr(soapClaims+"EmailAddress", "a@x.example")), "only in case"},
		"other case, custom":     {assertion(attr("urn:a", "x"), attr("urn:A", "y")), "only in case"},
		"long s":                 {assertion(attr(soapClaims+"ſurname", "x")), "ASCII"},
		"no name":                {assertion(attr("", "x")), "ASCII"},
		"tenant not a GUID":      {claims.SAML{Issuer: "x", Subject: "y", Tenant: "common", Attributes: []claims.Attribute{attr(identityClaims+"tenantid", "common"), attr(identityClaims+"objectidentifier", ann)}}, "issuer's tenant"},
		"too many attributes":    {assertion(many(1001)...), "more than"},
		"too many values":        {assertion(attr("urn:a", make([]string, 20001)...)), "more than"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := claims.FromVerifiedSAML(test.assertion)
			require.ErrorContains(t, err, test.says)
			assert.Nil(t, id)
		})
	}
}

func many(n int) []claims.Attribute {
	list := make([]claims.Attribute, n)
	for i := range list {
		list[i] = attr("urn:"+strconv.Itoa(i), "x")
	}
	return list
}

func TestADFSNeverReadsIDs(t *testing.T) {
	a := assertion(attr("http://schemas.xmlsoap.org/claims/Group", "Sales"), attr("http://schemas.xmlsoap.org/claims/CommonName", "Ann"))
	a.Issuer, a.Tenant = "http://adfs.contoso.com/adfs/services/trust", ""
	id, err := claims.FromVerifiedSAML(a)
	require.NoError(t, err)
	assert.Empty(t, id.TenantID)
	assert.Empty(t, id.ObjectID)
	assert.Equal(t, claims.KindExternal, id.Kind)
	groups, _ := id.Groups.Known()
	assert.Equal(t, []claims.Group{{Name: "Sales"}}, groups)
	assert.Equal(t, ann, id.Raw[identityClaims+"objectidentifier"], "kept, not read")
}

func TestSAMLKind(t *testing.T) {
	idp, acct := identityClaims+"identityprovider", identityClaims+"acct"
	tests := map[string]struct {
		change []claims.Attribute
		want   claims.Kind
	}{
		"own tenant":       {nil, claims.KindMember},
		"own, but guest":   {[]claims.Attribute{attr(acct, "1")}, claims.KindGuest},
		"another tenant":   {[]claims.Attribute{attr(idp, "https://sts.windows.net/"+other+"/"), attr(acct, "0")}, claims.KindGuest},
		"live.com":         {[]claims.Attribute{attr(idp, "live.com")}, claims.KindGuest},
		"acct only":        {[]claims.Attribute{attr(idp), attr(acct, "0")}, claims.KindMember},
		"nothing said":     {[]claims.Attribute{attr(idp)}, claims.KindUnknown},
		"empty provider":   {[]claims.Attribute{attr(idp, "")}, claims.KindUnknown},
		"acct not a digit": {[]claims.Attribute{attr(acct, "member")}, claims.KindUnknown},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := claims.FromVerifiedSAML(assertion(test.change...))
			require.NoError(t, err)
			assert.Equal(t, test.want, id.Kind)
		})
	}
}

func TestSAMLGroupStates(t *testing.T) {
	link := "https://graph.windows.net/" + contoso + "/users/" + ann + "/getMemberObjects"
	adfsGroup := attr("http://schemas.xmlsoap.org/claims/Group", "Sales")
	tests := map[string]struct {
		change []claims.Attribute
		want   string
	}{
		"not emitted":         {nil, "not emitted"},
		"known":               {[]claims.Attribute{attr(roleClaims+"groups", ann)}, "known"},
		"split":               {[]claims.Attribute{attr(roleClaims+"groups", ann), attr(roleClaims+"groups", other)}, "known"},
		"empty":               {[]claims.Attribute{attr(roleClaims+"groups", "")}, "known"},
		"link":                {[]claims.Attribute{attr(groupsLink, link)}, "overage"},
		"link beside groups":  {[]claims.Attribute{attr(groupsLink, link), attr(roleClaims+"groups", ann)}, "overage"},
		"AD FS form at Entra": {[]claims.Attribute{adfsGroup}, "not emitted"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := claims.FromVerifiedSAML(assertion(test.change...))
			require.NoError(t, err)
			assert.Equal(t, test.want, id.Groups.String())
			if name == "split" {
				list, _ := id.Groups.Known()
				assert.Len(t, list, 2)
			}
		})
	}
}

// FuzzFromVerifiedSAML: whatever is accepted under an Entra issuer names the issuer's tenant and one object id, and both
// stand in an attribute of exactly that name.
func FuzzFromVerifiedSAML(f *testing.F) {
	add := func(a claims.SAML) {
		data, err := json.Marshal(a.Attributes)
		require.NoError(f, err)
		f.Add(data, true)
		f.Add(data, false)
	}
	add(assertion())
	add(assertion(attr(identityClaims+"ObjectIdentifier", other)))
	add(assertion(attr(groupsLink, "x"), attr(roleClaims+"groups", "a", "")))
	f.Fuzz(func(t *testing.T, data []byte, entra bool) {
		var list []claims.Attribute
		if json.Unmarshal(data, &list) != nil {
			return
		}
		a := claims.SAML{Issuer: stsIssuer, Subject: "x", Attributes: list}
		if entra {
			a.Tenant = contoso
		}
		id, err := claims.FromVerifiedSAML(a)
		if err != nil {
			require.Nil(t, id)
			return
		}
		if !entra {
			require.Empty(t, id.TenantID+id.ObjectID)
			require.Equal(t, claims.KindExternal, id.Kind)
			return
		}
		require.Equal(t, contoso, id.TenantID)
		require.True(t, claims.IsGUID(id.ObjectID))
		require.Empty(t, id.Email.Evidence)
		for _, got := range list {
			if strings.EqualFold(got.Name, identityClaims+"objectidentifier") {
				require.Equal(t, identityClaims+"objectidentifier", got.Name)
				for _, v := range got.Values {
					require.Contains(t, []string{"", id.ObjectID}, v)
				}
			}
		}
	})
}
