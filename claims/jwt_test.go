package claims_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
)

const (
	contoso = "11111111-aaaa-4bbb-8ccc-222222222222"
	other   = "99999999-aaaa-4bbb-8ccc-888888888888"
	ann     = "33333333-dddd-4eee-8fff-444444444444"
	issuer  = "https://login.microsoftonline.com/" + contoso + "/v2.0"
)

type members map[string]any

// payload is Ann's token, changed: a nil value removes a claim.
func payload(t testing.TB, change members) []byte {
	t.Helper()
	m := members{
		"iss": issuer, "sub": "pairwise-ann", "aud": "app", "tid": contoso, "oid": ann, "ver": "2.0",
		"preferred_username": "ann@contoso.com", "name": "Ann Archer",
	}
	maps.Copy(m, change)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	out, err := json.Marshal(m)
	require.NoError(t, err)
	return out
}

func fromJWT(t testing.TB, change members) *claims.Identity {
	t.Helper()
	id, err := claims.FromVerifiedJWT(payload(t, change))
	require.NoError(t, err)
	return id
}

func refuseJWT(t *testing.T, data []byte, says string) {
	t.Helper()
	id, err := claims.FromVerifiedJWT(data)
	require.Error(t, err)
	assert.Nil(t, id, "a failed parse returns nothing")
	assert.Contains(t, err.Error(), says)
	assert.True(t, strings.HasPrefix(err.Error(), "claims: "), err.Error())
}

func TestFromVerifiedJWT(t *testing.T) {
	id := fromJWT(t, members{
		"sid": "session-1", "login_hint": "O.hint", "given_name": "Ann", "family_name": "Archer",
		"picture": "https://example.com/ann.png", "acct": 0, "auth_time": 1700000000, "email": "Ann@contoso.com", "xms_edov": true,
		"groups": []string{other, "S-1-5-21-1-2-3-513", `CONTOSO\Sales`}, "roles": []string{"Reader"}, "wids": []string{other},
		"large": json.Number("12345678901234567890.5"),
	})
	assert.Equal(t, issuer, id.Issuer)
	assert.Equal(t, "pairwise-ann", id.Subject)
	assert.Equal(t, contoso, id.TenantID)
	assert.Equal(t, ann, id.ObjectID)
	assert.Equal(t, "session-1", id.SessionID)
	assert.Equal(t, "O.hint", id.LoginHint)
	assert.Equal(t, "ann@contoso.com", id.Username)
	assert.Equal(t, "Ann Archer", id.Name)
	assert.Equal(t, "Ann", id.GivenName)
	assert.Equal(t, "Archer", id.FamilyName)
	assert.Equal(t, "https://example.com/ann.png", id.Picture)
	assert.Equal(t, claims.KindMember, id.Kind)
	assert.Equal(t, claims.Email{Address: "Ann@contoso.com", Evidence: []claims.Evidence{claims.EvidenceDomainOwnerVerified}}, id.Email)
	groups, ok := id.Groups.Known()
	assert.True(t, ok)
	assert.Equal(t, []claims.Group{{ID: other}, {ID: "S-1-5-21-1-2-3-513", Origin: claims.OriginOnPremises}, {Name: `CONTOSO\Sales`, Origin: claims.OriginOnPremises}}, groups)
	assert.Equal(t, []string{"Reader"}, id.Roles)
	assert.Equal(t, []string{other}, id.DirectoryRoles)
	assert.Equal(t, time.Unix(1700000000, 0).UTC(), id.AuthTime)
	assert.Equal(t, json.Number("12345678901234567890.5"), id.Raw["large"], "numbers are kept exactly")
	assert.Equal(t, "app", id.Raw["aud"])
}

func TestFromVerifiedJWTRefuses(t *testing.T) {
	good := string(payload(t, nil))
	with := func(member string) string { return strings.TrimSuffix(good, "}") + "," + member + "}" }
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	tests := map[string]struct{ payload, says string }{
		"empty":                      {"", "not JSON"},
		"a list":                     {"[]", "not an object"},
		"null":                       {"null", "not an object"},
		"trailing data":              {good + "{}", "not JSON"},
		"trailing garbage":           {good + "x", "not JSON"},
		"cut":                        {good[:len(good)-1], "not JSON"},
		"comma":                      {with(""), "not JSON"},
		"not UTF-8":                  {with("\"x\":\"\xff\""), "UTF-8"},
		"too long":                   {with(`"x":"` + strings.Repeat("a", 300<<10) + `"`), "longer"},
		"too deep":                   {with(`"x":` + deep), "deeper"},
		"sub twice":                  {with(`"sub":"other"`), "twice"},
		"sub in other case":          {with(`"Sub":"other"`), "twice"},
		"sub escaped":                {with(`"\u0073ub":"other"`), "twice"},
		"long s":                     {with(`"ſub":"other"`), "ASCII"},
		"Cyrillic":                   {with(`"оid":"` + other + `"`), "ASCII"},
		"Kelvin sign":                {with(`"\u212aind":"x"`), "ASCII"},
		"full width":                 {with(`"ｓub":"x"`), "ASCII"},
		"zero width":                 {with(`"sub\u200b":"x"`), "ASCII"},
		"NUL in a name":              {with(`"sub\u0000":"x"`), "ASCII"},
		"nested twice":               {with(`"_claim_names":{"groups":"a","groups":"b"}`), "twice"},
		"nested in other case":       {with(`"_claim_names":{"groups":"a","Groups":"b"}`), "twice"},
		"nested look-alike":          {with(`"_claim_names":{"groupſ":"a"}`), "ASCII"},
		"twice within a list":        {with(`"x":[{"a":1,"A":2}]`), "twice"},
		"custom claim in two cases":  {with(`"extn.a":"1","extn.A":"2"`), "twice"},
		"Groups instead of groups":   {with(`"Groups":["x"]`), "only in case"},
		"XMS_EDOV":                   {with(`"XMS_EDOV":true`), "only in case"},
		"no tid":                     {string(payload(t, members{"tid": nil})), "scope profile"},
		"no oid":                     {string(payload(t, members{"oid": nil})), "scope profile"},
		"oid is an address":          {string(payload(t, members{"oid": "ann@contoso.com"})), "oid is not"},
		"upper-case oid":             {string(payload(t, members{"oid": strings.ToUpper(ann)})), "oid is not"},
		"braces":                     {string(payload(t, members{"oid": "{" + ann[1:35] + "}"})), "oid is not"},
		"zero oid":                   {string(payload(t, members{"oid": "00000000-0000-0000-0000-000000000000"})), "oid is not"},
		"oid with a line end":        {string(payload(t, members{"oid": ann + "\n"})), "oid is not"},
		"upper-case tid":             {string(payload(t, members{"tid": strings.ToUpper(contoso)})), "tid is not"},
		"tid is common":              {string(payload(t, members{"tid": "common"})), "tid is not"},
		"tid is a list":              {string(payload(t, members{"tid": []string{contoso}})), "tid is not a string"},
		"no iss":                     {string(payload(t, members{"iss": nil})), "iss or sub"},
		"no sub":                     {string(payload(t, members{"sub": nil})), "iss or sub"},
		"sub is a number":            {string(payload(t, members{"sub": 7})), "sub is not a string"},
		"email is a list":            {string(payload(t, members{"email": []string{"a@b.c"}})), "email is not a string"},
		"groups is a number":         {string(payload(t, members{"groups": 7})), "groups is not a list"},
		"groups holds a number":      {string(payload(t, members{"groups": []any{other, 7}})), "groups is not a list"},
		"groups holds nothing":       {string(payload(t, members{"groups": []any{""}})), "groups is not a list"},
		"roles is an object":         {string(payload(t, members{"roles": members{}})), "roles is not a list"},
		"_claim_names is a string":   {string(payload(t, members{"_claim_names": "groups"})), "_claim_names is not"},
		"auth_time is text":          {string(payload(t, members{"auth_time": "now"})), "auth_time is not"},
		"auth_time is a fraction":    {string(payload(t, members{"auth_time": 1.5})), "auth_time is not"},
		"auth_time is past all time": {with(`"auth_time":99999999999999`), "auth_time is not"},
		"auth_time is negative":      {with(`"auth_time":-1`), "auth_time is not"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { refuseJWT(t, []byte(test.payload), test.says) })
	}
}

func TestKind(t *testing.T) {
	sts := "https://sts.windows.net/"
	tests := map[string]struct {
		change members
		want   claims.Kind
	}{
		"nothing said":                         {nil, claims.KindUnknown},
		"acct 0":                               {members{"acct": 0}, claims.KindMember},
		"acct as text":                         {members{"acct": "0"}, claims.KindMember},
		"acct 1":                               {members{"acct": 1}, claims.KindGuest},
		"acct 1 as text":                       {members{"acct": "1"}, claims.KindGuest},
		"acct 2":                               {members{"acct": 2}, claims.KindUnknown},
		"acct false":                           {members{"acct": false}, claims.KindUnknown},
		"acct list":                            {members{"acct": []int{0}}, claims.KindUnknown},
		"own idp":                              {members{"idp": issuer}, claims.KindMember},
		"own idp, v1 form":                     {members{"idp": sts + contoso + "/"}, claims.KindMember},
		"own idp but a guest":                  {members{"idp": issuer, "acct": 1}, claims.KindGuest},
		"own idp, acct not understood":         {members{"idp": issuer, "acct": 7}, claims.KindUnknown},
		"another tenant":                       {members{"idp": sts + other + "/"}, claims.KindGuest},
		"another tenant, though acct 0":        {members{"idp": sts + other + "/", "acct": 0}, claims.KindGuest},
		"Google":                               {members{"idp": "google.com"}, claims.KindGuest},
		"our tenant id on another host":        {members{"idp": "https://evil.example/" + contoso + "/", "acct": 0}, claims.KindGuest},
		"personal account as a guest":          {members{"idp": "live.com"}, claims.KindGuest},
		"consumer tenant":                      {members{"tid": "9188040d-6c67-4c5b-b112-36a304b66dad", "acct": 0}, claims.KindPersonal},
		"External ID":                          {members{"iss": "https://contoso.ciamlogin.com/" + contoso + "/v2.0", "acct": 0}, claims.KindExternal},
		"a host that ends like External ID's":  {members{"iss": "https://evilciamlogin.com/" + contoso + "/v2.0", "acct": 0}, claims.KindMember},
		"External ID as part of a longer host": {members{"iss": "https://ciamlogin.com.example/" + contoso + "/v2.0", "acct": 0}, claims.KindMember},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, fromJWT(t, test.change).Kind)
		})
	}
	assert.Equal(t, "unknown member guest personal external", fmt.Sprint(
		claims.KindUnknown, claims.KindMember, claims.KindGuest, claims.KindPersonal, claims.KindExternal))
}

func TestEmail(t *testing.T) {
	edov, primary := claims.EvidenceDomainOwnerVerified, claims.EvidenceVerifiedPrimaryEmail
	mail := func(address string, e ...claims.Evidence) claims.Email {
		return claims.Email{Address: address, Evidence: e}
	}
	tests := map[string]struct {
		change members
		want   claims.Email
	}{
		"email alone":                {members{"email": "a@x.example"}, mail("a@x.example")},
		"xms_edov true":              {members{"email": "a@x.example", "xms_edov": true}, mail("a@x.example", edov)},
		"xms_edov 1":                 {members{"email": "a@x.example", "xms_edov": 1}, mail("a@x.example", edov)},
		`xms_edov "1"`:               {members{"email": "a@x.example", "xms_edov": "1"}, mail("a@x.example", edov)},
		`xms_edov "True"`:            {members{"email": "a@x.example", "xms_edov": "True"}, mail("a@x.example", edov)},
		"xms_edov false":             {members{"email": "a@x.example", "xms_edov": false}, mail("a@x.example")},
		"xms_edov 0":                 {members{"email": "a@x.example", "xms_edov": 0}, mail("a@x.example")},
		"xms_edov 2":                 {members{"email": "a@x.example", "xms_edov": 2}, mail("a@x.example")},
		"xms_edov yes":               {members{"email": "a@x.example", "xms_edov": "yes"}, mail("a@x.example")},
		"xms_edov list":              {members{"email": "a@x.example", "xms_edov": []bool{true}}, mail("a@x.example")},
		"email_verified is no proof": {members{"email": "a@x.example", "email_verified": true}, mail("a@x.example")},
		"xms_edov without email":     {members{"xms_edov": true}, mail("ann@contoso.com")},
		"primary, string":            {members{"email": "a@x.example", "verified_primary_email": "p@x.example"}, mail("p@x.example", primary)},
		"primary, list":              {members{"verified_primary_email": []string{"p@x.example", "q@x.example"}}, mail("p@x.example", primary)},
		"primary does not borrow":    {members{"email": "a@x.example", "xms_edov": true, "verified_primary_email": []string{"p@x.example"}}, mail("p@x.example", primary)},
		"both for one address":       {members{"email": "a@x.example", "xms_edov": 1, "verified_primary_email": []string{"p@x.example", "a@x.example"}}, mail("a@x.example", primary, edov)},
		"empty primary":              {members{"email": "a@x.example", "verified_primary_email": []string{}}, mail("a@x.example")},
		"user name for display":      {nil, mail("ann@contoso.com")},
		"upn for display":            {members{"preferred_username": "ann", "upn": "ann@upn.example"}, mail("ann@upn.example")},
		"guest's user name":          {members{"preferred_username": "ann_gmail.com#EXT#@contoso.onmicrosoft.com"}, mail("")},
		"no user name":               {members{"preferred_username": nil}, mail("")},
		"two at signs":               {members{"email": "attacker@evil.example@contoso.com", "xms_edov": true, "preferred_username": nil}, mail("")},
		"quoted":                     {members{"email": `"a@evil.example"@contoso.com`, "xms_edov": true, "preferred_username": nil}, mail("")},
		"comment":                    {members{"email": "a@contoso.com(@evil.example)", "xms_edov": true, "preferred_username": nil}, mail("")},
		"list in one string":         {members{"email": "a@contoso.com,b", "xms_edov": true, "preferred_username": nil}, mail("")},
		"line end":                   {members{"email": "a@contoso.com\nb", "xms_edov": true, "preferred_username": nil}, mail("")},
		"too long":                   {members{"email": strings.Repeat("a", 250) + "@x.example", "preferred_username": nil}, mail("")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, fromJWT(t, test.change).Email)
		})
	}
}

func TestGroupStates(t *testing.T) {
	foreign := members{"src1": members{"endpoint": "https://graph.windows.net/x/users/y/getMemberObjects"}}
	tests := map[string]struct {
		change members
		want   string
		count  int
	}{
		"not emitted":             {nil, "not emitted", 0},
		"null":                    {members{"groups": json.RawMessage("null")}, "not emitted", 0},
		"empty":                   {members{"groups": []string{}}, "known", 0},
		"two":                     {members{"groups": []string{ann, other}}, "known", 2},
		"one, as text":            {members{"groups": ann}, "known", 1},
		"pointer":                 {members{"_claim_names": members{"groups": "src1"}, "_claim_sources": foreign}, "overage", 0},
		"pointer without source":  {members{"_claim_names": members{"groups": "src1"}}, "overage", 0},
		"pointer beside a list":   {members{"groups": []string{ann}, "_claim_names": members{"groups": "src1"}}, "overage", 0},
		"pointer to others":       {members{"_claim_names": members{"roles": "src1"}}, "not emitted", 0},
		"hasgroups":               {members{"hasgroups": true}, "overage", 0},
		"hasgroups as text":       {members{"hasgroups": "true"}, "overage", 0},
		"hasgroups false":         {members{"hasgroups": false}, "not emitted", 0},
		"hasgroups beside a list": {members{"hasgroups": true, "groups": []string{ann}}, "overage", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			groups := fromJWT(t, test.change).Groups
			list, known := groups.Known()
			assert.Equal(t, test.want, groups.String())
			assert.Equal(t, test.want == "known", known)
			assert.Equal(t, test.want == "overage", groups.Overage())
			assert.Len(t, list, test.count)
		})
	}
}

func TestGroupsAreCopies(t *testing.T) {
	list := []claims.Group{{ID: "a"}}
	groups := claims.KnownGroups(list)
	list[0].ID = "changed"
	got, _ := groups.Known()
	assert.Equal(t, "a", got[0].ID)
	got[0].ID = "changed"
	again, _ := groups.Known()
	assert.Equal(t, "a", again[0].ID)
	assert.Equal(t, "n", claims.Group{Name: "n"}.Value())
}

func TestPictureIsHTTPS(t *testing.T) {
	for _, bad := range []string{"javascript:alert(1)", "data:image/svg+xml,x", "http://example.com/a.png", "https:", "//example.com/a.png", "\x7f://"} {
		assert.Empty(t, fromJWT(t, members{"picture": bad}).Picture, bad)
	}
}

func TestIdentityLogsNoClaims(t *testing.T) {
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("x", "who", fromJWT(t, members{"login_hint": "O.secret", "email": "ann@contoso.com"}), "nobody", (*claims.Identity)(nil))
	assert.Contains(t, out.String(), ann)
	assert.NotContains(t, out.String(), "O.secret")
	assert.NotContains(t, out.String(), "contoso.com")
}

func TestErrorsAreShort(t *testing.T) {
	_, err := claims.FromVerifiedJWT([]byte(`{"` + strings.Repeat("a", 5000) + `":1,"` + strings.Repeat("A", 5000) + `":1}`))
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 200)
}

// FuzzFromVerifiedJWT: whatever is accepted says of the person exactly what the members of the exact names say, each given
// once; members that differ in case or by look-alike letters never win, and a refusal returns nothing.
func FuzzFromVerifiedJWT(f *testing.F) {
	good := string(payload(f, members{"groups": []string{other}, "email": "a@b.example", "xms_edov": 1, "acct": 0}))
	f.Add([]byte(good))
	for _, m := range []string{`"Sub":"evil"`, `"ſub":"evil"`, `"sub":"evil"`, `"OID":"` + other + `"`, `"оid":"` + other + `"`, `"_claim_names":{"Groups":"x"}`, `"x":[[[{}]]]`} {
		f.Add([]byte(strings.TrimSuffix(good, "}") + "," + m + "}"))
		f.Add([]byte("{" + m + "," + good[1:]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := claims.FromVerifiedJWT(data)
		if err != nil {
			require.Nil(t, id)
			return
		}
		require.True(t, claims.IsGUID(id.TenantID) && claims.IsGUID(id.ObjectID))
		names := topLevelNames(t, data)
		for want, got := range map[string]string{"sub": id.Subject, "iss": id.Issuer, "tid": id.TenantID, "oid": id.ObjectID} {
			require.Equal(t, id.Raw[want], got)
			count := 0
			for _, n := range names {
				if strings.EqualFold(n, want) { // Unicode folding: also the long s and the Kelvin sign
					count++
					require.Equal(t, want, n)
				}
			}
			require.Equal(t, 1, count)
		}
		// A careless reader, which takes the last of duplicates and ignores case, sees the same person.
		var careless struct {
			Sub, Iss, Tid, Oid string
		}
		require.NoError(t, json.Unmarshal(data, &careless))
		require.Equal(t, []string{id.Subject, id.Issuer, id.TenantID, id.ObjectID}, []string{careless.Sub, careless.Iss, careless.Tid, careless.Oid})
		if id.Email.Address != "" {
			require.Equal(t, 1, strings.Count(id.Email.Address, "@"))
		}
	})
}

func topLevelNames(t *testing.T, data []byte) (names []string) {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	_, err := dec.Token()
	require.NoError(t, err)
	for dec.More() {
		tok, err := dec.Token()
		require.NoError(t, err)
		names = append(names, tok.(string))
		var skip json.RawMessage
		require.NoError(t, dec.Decode(&skip))
	}
	return names
}

// Read once, believed later: what ParseJWT has read gives the same identity as the bytes, and is refused as strictly.
func TestParsedOnceGivesTheSame(t *testing.T) {
	payload := []byte(`{"iss":"https://login.example/11111111-1111-4111-8111-111111111111/v2.0","sub":"s","tid":"11111111-1111-4111-8111-111111111111",` +
		`"oid":"aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa","groups":["g"],"auth_time":1767225600,"extn.n":1.50}`)
	want, err := claims.FromVerifiedJWT(payload)
	require.NoError(t, err)
	raw, err := claims.ParseJWT(payload)
	require.NoError(t, err)
	got, err := claims.FromVerifiedClaims(raw)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, bad := range []string{``, `[]`, `{"sub":"a","sub":"b"}`, `{"Nonce":"x"}`, `{"APPID":"x"}`, `{"At_Hash":"x"}`, "{\"ſub\":1}"} {
		raw, err := claims.ParseJWT([]byte(bad))
		require.Error(t, err, bad)
		require.Nil(t, raw)
	}
	_, err = claims.FromVerifiedClaims(nil)
	require.Error(t, err)
}
