package entratest

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const wsfedReply = sampleCallback + "wsfed"

// startWSFed starts the sample at signingTime.
func startWSFed(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return signingTime }
	}
	s, err := Start(&o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// signInURL is a sign-in request; pairs are further parameters, "" takes one away.
func (s *Server) signInURL(tenant, realm string, pairs ...string) string {
	q := url.Values{"wa": {"wsignin1.0"}, "wtrealm": {realm}, "wreply": {wsfedReply}, "wctx": {"ctx & <1>"}, "wct": {"2030-01-02T03:04:05Z"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return s.URL + "/" + tenant + "/wsfed?" + q.Encode()
}

// wsfedAnswer is what reached the application.
type wsfedAnswer struct {
	form     url.Values
	document *etree.Document
}

func readAnswer(t *testing.T, r *http.Request, err error) wsfedAnswer {
	t.Helper()
	require.NoError(t, err)
	require.Equal(t, http.MethodPost, r.Method)
	require.NoError(t, r.ParseForm())
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(r.PostForm.Get("wresult")))
	return wsfedAnswer{r.PostForm, doc}
}

func (s *Server) mustSignIn(t *testing.T, start, upn string) wsfedAnswer {
	t.Helper()
	r, err := s.Authenticate(t.Context(), start, upn)
	return readAnswer(t, r, err)
}

func (a wsfedAnswer) assertion() *etree.Element { return a.document.FindElement("//Assertion") }

// values are the values of an attribute, in either version.
func (a wsfedAnswer) values(name string) []string {
	var out []string
	for _, e := range a.document.FindElements("//Attribute") {
		got := e.SelectAttrValue("Name", "")
		if got == "" {
			got = e.SelectAttrValue("AttributeNamespace", "") + "/" + e.SelectAttrValue("AttributeName", "")
		}
		if got == name {
			for _, v := range e.ChildElements() {
				out = append(out, v.Text())
			}
		}
	}
	return out
}

func (a wsfedAnswer) text(path string) string {
	if e := a.document.FindElement(path); e != nil {
		return e.Text()
	}
	return ""
}

// published are the certificates that a metadata document shows for signing tokens.
func (s *Server) published(t *testing.T, path string) (document string, certificates [][]byte) {
	t.Helper()
	response, err := s.Client().Get(s.URL + path)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(body))
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(strings.TrimPrefix(string(body), byteOrderMark)))
	for _, e := range doc.FindElements("//RoleDescriptor[1]/KeyDescriptor[@use='signing']//X509Certificate") {
		der, err := base64.StdEncoding.DecodeString(e.Text())
		require.NoError(t, err)
		certificates = append(certificates, der)
	}
	return string(body), certificates
}

func metadataPath(tenant string) string {
	return "/" + tenant + "/FederationMetadata/2007-06/FederationMetadata.xml"
}

func TestWSFedSignIn(t *testing.T) {
	s := startWSFed(t, Options{})
	a := s.mustSignIn(t, s.signInURL(FabrikamID, "spn:"+FabrikamApp), Bob)
	assert.Equal(t, "wsignin1.0", a.form.Get("wa"))
	assert.Equal(t, "ctx & <1>", a.form.Get("wctx"))

	assert.Equal(t, s.issuerV1(FabrikamID), a.text("//Issuer"))
	assert.Equal(t, "spn:"+FabrikamApp, a.text("//Audience"))
	assert.Equal(t, []string{FabrikamID}, a.values(claimTenantID))
	assert.Equal(t, []string{BobID}, a.values(claimObjectID))
	assert.Equal(t, []string{Bob}, a.values(claimName))
	assert.Equal(t, []string{Bob}, a.values(claimEmailAddress))
	assert.Equal(t, []string{"Bob Brandt"}, a.values(claimDisplayName))
	assert.Equal(t, []string{FabrikamSales, FabrikamStaff}, a.values(claimGroups))
	assert.Equal(t, []string{s.issuerV1(FabrikamID)}, a.values(claimIdentityProvider))
	assert.Len(t, a.text("//NameID"), 43)
	conditions := a.document.FindElement("//Conditions")
	assert.Equal(t, "2030-01-02T02:59:05.678Z", conditions.SelectAttrValue("NotBefore", ""))
	assert.Equal(t, "2030-01-02T03:59:05.678Z", conditions.SelectAttrValue("NotOnOrAfter", ""))
	assert.Equal(t, samlTime(signingTime), a.document.FindElement("//AuthnStatement").SelectAttrValue("AuthnInstant", ""))

	_, certificates := s.published(t, metadataPath("fabrikam.com"))
	require.NoError(t, verifySignature(t, a.form.Get("wresult"), nsSAML20, "Assertion", "ID", certificates[len(certificates)-1]))
}

func TestWSFedSAML11(t *testing.T) {
	s := startWSFed(t, Options{})
	a := s.mustSignIn(t, s.signInURL(ContosoID, "spn:"+ContosoSAML11App), Ann)
	require.Equal(t, "saml", a.assertion().Space)
	assert.Equal(t, s.issuerV1(ContosoID), a.assertion().SelectAttrValue("Issuer", ""))
	assert.Equal(t, []string{AnnID}, a.values(claimObjectID))
	assert.Equal(t, []string{ContosoEngineering, ContosoAdmins, ContosoStaff}, a.values(claimGroups))
	_, certificates := s.published(t, metadataPath(ContosoID))
	require.NoError(t, verifySignature(t, a.form.Get("wresult"), nsSAML11, "Assertion", "AssertionID", certificates[len(certificates)-1]))
}

func TestWSFedPeople(t *testing.T) {
	s := startWSFed(t, Options{})
	signIn := func(app, upn string) wsfedAnswer { return s.mustSignIn(t, s.signInURL(ContosoID, "spn:"+app), upn) }

	t.Run("empty claims are left out", func(t *testing.T) {
		a := signIn(ContosoApp, Ben)
		assert.NotContains(t, a.form.Get("wresult"), claimGroups)
		assert.NotContains(t, a.form.Get("wresult"), claimRole+`"`)
		assert.NotContains(t, a.form.Get("wresult"), "<AttributeValue/>")
	})
	t.Run("roles", func(t *testing.T) {
		assert.Equal(t, []string{"Portal.Admin"}, signIn(ContosoApp, Ann).values(claimRole))
	})
	t.Run("overage", func(t *testing.T) {
		a := signIn(ContosoApp, Maya)
		assert.Empty(t, a.values(claimGroups))
		assert.Equal(t, []string{"https://graph.windows.net/" + ContosoID + "/users/" + MayaID + "/getMemberObjects"}, a.values(claimGroupsLink))
	})
	t.Run("a guest has the inviting tenant's ids and the home's identity provider", func(t *testing.T) {
		a := signIn(ContosoApp, Bob)
		assert.Equal(t, []string{ContosoID}, a.values(claimTenantID))
		assert.Equal(t, []string{BobGuestID}, a.values(claimObjectID))
		assert.Equal(t, []string{s.issuerV1(FabrikamID)}, a.values(claimIdentityProvider))
		assert.Equal(t, []string{"google.com"}, signIn(ContosoApp, Gus).values(claimIdentityProvider))
	})
	t.Run("the name identifier is pairwise and lasts", func(t *testing.T) {
		one, again := signIn(ContosoApp, Ann).text("//NameID"), signIn(ContosoApp, Ann).text("//NameID")
		assert.Equal(t, one, again)
		assert.NotEqual(t, one, signIn(MultiTenantApp, Ann).text("//NameID"))
		assert.NotEqual(t, one, signIn(ContosoApp, Ben).text("//NameID"))
	})
	t.Run("common signs in to the home tenant", func(t *testing.T) {
		a := s.mustSignIn(t, s.signInURL("common", "spn:"+MultiTenantApp), Bob)
		assert.Equal(t, []string{FabrikamID}, a.values(claimTenantID))
		assert.Equal(t, s.issuerV1(FabrikamID), a.text("//Issuer"))
	})
	t.Run("an identifier as realm becomes the audience", func(t *testing.T) {
		a := s.mustSignIn(t, s.signInURL("contoso.com", "https://portal.contoso.com"), Ann)
		assert.Equal(t, "https://portal.contoso.com", a.text("//Audience"))
	})
}

func TestWSFedRefuses(t *testing.T) {
	s := startWSFed(t, Options{})
	contoso := "spn:" + ContosoApp
	tests := map[string]struct {
		start, upn string
		code       int
	}{
		"no wa":                         {s.signInURL(ContosoID, contoso, "wa", ""), Ann, 900144},
		"unknown wa":                    {s.signInURL(ContosoID, contoso, "wa", "wattr1.0"), Ann, 90081},
		"no realm":                      {s.signInURL(ContosoID, contoso, "wtrealm", ""), Ann, 900144},
		"unknown realm":                 {s.signInURL(ContosoID, "spn:nobody"), Ann, 700016},
		"realm in another case":         {s.signInURL(ContosoID, strings.ToUpper(contoso)), Ann, 700016},
		"another tenant's realm":        {s.signInURL(ContosoID, "spn:"+FabrikamApp), Ann, 700016},
		"unknown tenant":                {s.signInURL("nobody.example", contoso), Ann, 90002},
		"reply address not registered":  {s.signInURL(ContosoID, contoso, "wreply", "https://evil.example/"), Ann, 50011},
		"reply address with more":       {s.signInURL(ContosoID, contoso, "wreply", wsfedReply+"/"), Ann, 50011},
		"reply address in another case": {s.signInURL(ContosoID, contoso, "wreply", strings.ToUpper(wsfedReply)), Ann, 50011},
		"not assigned":                  {s.signInURL(ContosoID, "spn:"+ContosoAssignedApp), Ben, 50105},
		"wrong tenant":                  {s.signInURL(ContosoID, contoso), Tina, 50020},
		"nobody":                        {s.signInURL(ContosoID, contoso), "nobody@contoso.com", 50034},
		"disabled":                      {s.signInURL(ContosoID, contoso), Carl, 50057},
		"single tenant at common":       {s.signInURL("common", contoso), Ann, 50194},
		"duplicate parameter":           {s.signInURL(ContosoID, contoso) + "&wtrealm=x", Ann, 9000411},
		"duplicate reply address":       {s.signInURL(ContosoID, contoso) + "&wreply=" + url.QueryEscape(wsfedReply), Ann, 9000411},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := s.Authenticate(t.Context(), tt.start, tt.upn)
			var page *PageError
			require.ErrorAs(t, err, &page)
			assert.Equal(t, tt.code, page.Code, page.Text)
			assert.Nil(t, r)
		})
	}
	t.Run("no reply address at all", func(t *testing.T) {
		require.NoError(t, s.editApplication(FabrikamApp, func(a *Application) { a.ReplyURLs = []string{} }))
		_, err := s.Authenticate(t.Context(), s.signInURL(FabrikamID, "spn:"+FabrikamApp, "wreply", ""), Bob)
		var page *PageError
		require.ErrorAs(t, err, &page)
		assert.Equal(t, 900971, page.Code)
	})
}

func TestWSFedRequest(t *testing.T) {
	t.Run("without wreply and wctx", func(t *testing.T) {
		s := startWSFed(t, Options{})
		r, err := s.Authenticate(t.Context(), s.signInURL(ContosoID, "spn:"+ContosoApp, "wreply", "", "wctx", ""), Ann)
		a := readAnswer(t, r, err)
		assert.Equal(t, wsfedReply, r.URL.String())
		assert.NotContains(t, a.form, "wctx")
	})
	t.Run("single sign-on, and wfresh", func(t *testing.T) {
		now := signingTime
		s := startWSFed(t, Options{Now: func() time.Time { return now }})
		b := s.NewBrowser()
		signIn := func(upn string, pairs ...string) (wsfedAnswer, error) {
			r, err := b.Authenticate(t.Context(), s.signInURL(ContosoID, "spn:"+ContosoApp, pairs...), upn)
			if err != nil {
				return wsfedAnswer{}, err
			}
			return readAnswer(t, r, err), nil
		}
		instant := func(a wsfedAnswer) string {
			return a.document.FindElement("//AuthnStatement").SelectAttrValue("AuthnInstant", "")
		}
		_, err := signIn(Ann)
		require.NoError(t, err)
		now = now.Add(10 * time.Minute)
		a, err := signIn("")
		require.NoError(t, err, "the session signs in")
		assert.Equal(t, samlTime(signingTime), instant(a), "and says when the person did")
		a, err = signIn("", "wfresh", "11")
		require.NoError(t, err)
		assert.Equal(t, samlTime(signingTime), instant(a))
		for _, wfresh := range []string{"0", "9"} {
			_, err = signIn("", "wfresh", wfresh)
			require.ErrorContains(t, err, "asks who is there", wfresh)
		}
		a, err = signIn(Ann, "wfresh", "0")
		require.NoError(t, err)
		assert.Equal(t, samlTime(now), instant(a))
	})
	for _, hint := range []string{"login_hint", "username"} {
		t.Run(hint, func(t *testing.T) {
			s := startWSFed(t, Options{AutoSignIn: true})
			a := s.mustSignIn(t, s.signInURL(ContosoID, "spn:"+ContosoApp, hint, Ann), "")
			assert.Equal(t, []string{AnnID}, a.values(claimObjectID))
		})
	}
	t.Run("whr", func(t *testing.T) {
		s := startWSFed(t, Options{})
		response, err := s.Client().Get(s.signInURL("common", "spn:"+MultiTenantApp, "whr", "fabrikam.com"))
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.Contains(t, string(body), Bob)
		assert.NotContains(t, string(body), Ann)
	})
	t.Run("posted", func(t *testing.T) {
		s := startWSFed(t, Options{AutoSignIn: true})
		start, form, _ := strings.Cut(s.signInURL(ContosoID, "spn:"+ContosoApp, "login_hint", Ann), "?")
		response, err := s.Client().Post(start, "application/x-www-form-urlencoded", strings.NewReader(form))
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.Contains(t, string(body), "wresult")
	})
}

func TestWSFedFaults(t *testing.T) {
	s := startWSFed(t, Options{})
	_, certificates := s.published(t, metadataPath(ContosoID))
	signIn := func(f Faults) wsfedAnswer {
		s.SetFaults(f)
		return s.mustSignIn(t, s.signInURL(ContosoID, "spn:"+ContosoApp), Ann)
	}
	verifies := func(a wsfedAnswer) bool {
		return slices.ContainsFunc(certificates, func(c []byte) bool {
			return verifyGoxmldsig(a.form.Get("wresult"), "Assertion", "ID", c) == nil
		})
	}
	assert.True(t, verifies(signIn(Faults{})))
	assert.False(t, verifies(signIn(Faults{BadSignature: true})))
	assert.False(t, verifies(signIn(Faults{UnknownKey: true})))

	a := signIn(Faults{WrongIssuer: "https://evil.example/", WrongAudience: "spn:other", WrongTenant: FabrikamID, NoObjectID: true, Overage: true})
	assert.True(t, verifies(a))
	assert.Equal(t, "https://evil.example/", a.text("//Issuer"))
	assert.Equal(t, "spn:other", a.text("//Audience"))
	assert.Equal(t, []string{FabrikamID}, a.values(claimTenantID))
	assert.Empty(t, a.values(claimObjectID))
	assert.Empty(t, a.values(claimGroups))
	assert.Len(t, a.values(claimGroupsLink), 1)
	assert.Empty(t, signIn(Faults{NoGroups: true}).values(claimGroups))
	assert.Equal(t, []string{"https://evil.example/"}, signIn(Faults{Overage: true, ForeignSource: "https://evil.example/"}).values(claimGroupsLink))

	window := func(a wsfedAnswer) (string, string) {
		c := a.document.FindElement("//Conditions")
		return c.SelectAttrValue("NotBefore", ""), c.SelectAttrValue("NotOnOrAfter", "")
	}
	from, to := window(signIn(Faults{ClockSkew: time.Hour}))
	assert.Equal(t, samlTime(signingTime.Add(55*time.Minute)), from)
	assert.Equal(t, samlTime(signingTime.Add(115*time.Minute)), to)
	_, to = window(signIn(Faults{TokenLifetime: time.Minute}))
	assert.Equal(t, samlTime(signingTime.Add(time.Minute)), to)
	from, to = window(signIn(Faults{TokenLifetime: -time.Hour}))
	assert.Equal(t, samlTime(signingTime.Add(-time.Hour)), to)
	assert.Less(t, from, to)
}

func TestWSFedKeys(t *testing.T) {
	s := startWSFed(t, Options{})
	signer := func(app string) string {
		a := s.mustSignIn(t, s.signInURL(ContosoID, "spn:"+app), Ann)
		return a.text("//X509Certificate")
	}
	shown := func(path string) []string {
		_, certificates := s.published(t, path)
		var out []string
		for _, c := range certificates {
			out = append(out, base64.StdEncoding.EncodeToString(c))
		}
		return out
	}
	old := signer(ContosoApp)
	assert.Contains(t, shown(metadataPath(ContosoID)), old)
	assert.Contains(t, shown(metadataPath("common")), old, "all work tenants share their keys")
	assert.Greater(t, len(shown(metadataPath(ContosoID))), 1)

	own := signer(ContosoOwnKeyApp)
	assert.NotContains(t, shown(metadataPath(ContosoID)), own)
	assert.Contains(t, shown(metadataPath(ContosoID)+"?appid="+ContosoOwnKeyApp), own)

	s.RotateKeys(false)
	assert.NotEqual(t, old, signer(ContosoApp))
	assert.Contains(t, shown(metadataPath(ContosoID)), old)
	assert.Contains(t, shown(metadataPath(ContosoID)), signer(ContosoApp))
	s.RotateKeys(true)
	assert.NotContains(t, shown(metadataPath(ContosoID)), old)
}

func TestFederationMetadata(t *testing.T) {
	s := startWSFed(t, Options{})
	for name, tt := range map[string]struct{ path, entityID, passive string }{
		"by id":      {metadataPath(ContosoID), s.issuerV1(ContosoID), s.URL + "/" + ContosoID + "/wsfed"},
		"by domain":  {metadataPath("Contoso.com"), s.issuerV1(ContosoID), s.URL + "/" + ContosoID + "/wsfed"},
		"common":     {metadataPath("common"), s.issuerV1("{tenantid}"), s.URL + "/common/wsfed"},
		"lower case": {strings.ToLower(metadataPath(ContosoID)), s.issuerV1(ContosoID), s.URL + "/" + ContosoID + "/wsfed"},
	} {
		t.Run(name, func(t *testing.T) {
			document, certificates := s.published(t, tt.path)
			require.NoError(t, verifySignature(t, document, nsMetadata, "EntityDescriptor", "ID", certificates[len(certificates)-1]))
			doc := etree.NewDocument()
			require.NoError(t, doc.ReadFromString(document))
			assert.Equal(t, tt.entityID, doc.Root().SelectAttrValue("entityID", ""))
			assert.Equal(t, tt.passive, doc.FindElement("//RoleDescriptor[1]/PassiveRequestorEndpoint//Address").Text())
		})
	}
	t.Run("byte order mark", func(t *testing.T) {
		s.SetFaults(Faults{ByteOrderMark: true})
		defer s.SetFaults(Faults{})
		document, certificates := s.published(t, metadataPath(ContosoID))
		assert.True(t, strings.HasPrefix(document, "\xef\xbb\xbf<?xml"))
		require.NoError(t, verifySignature(t, document, nsMetadata, "EntityDescriptor", "ID", certificates[len(certificates)-1]))
	})
	for name, path := range map[string]string{
		"unknown tenant": metadataPath("nobody.example"), "unknown application": metadataPath(ContosoID) + "?appid=" + BobID,
	} {
		t.Run(name, func(t *testing.T) {
			response, err := s.Client().Get(s.URL + path)
			require.NoError(t, err)
			defer response.Body.Close()
			assert.Equal(t, http.StatusBadRequest, response.StatusCode)
		})
	}
}

func TestWSFedSignOut(t *testing.T) {
	s := startWSFed(t, Options{})
	signOut := func(b *Browser, pairs ...string) string {
		q := url.Values{"wa": {"wsignout1.0"}}
		for i := 0; i+1 < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		response, err := b.client.Get(s.URL + "/" + ContosoID + "/wsfed?" + q.Encode())
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Contains(t, response.Header.Get("Content-Security-Policy"), "frame-src")
		return string(body)
	}
	signedIn := func() *Browser {
		b := s.NewBrowser()
		_, err := b.Authenticate(t.Context(), s.signInURL(ContosoID, "spn:"+ContosoApp), Ann)
		require.NoError(t, err)
		return b
	}
	const frame = `<iframe src="` + wsfedReply + `?wa=wsignoutcleanup1.0"`

	t.Run("tells the applications and ends the session", func(t *testing.T) {
		b := signedIn()
		page := signOut(b, "wtrealm", "spn:"+ContosoApp, "wreply", wsfedReply)
		assert.Contains(t, page, frame)
		assert.Contains(t, page, `id="return" href="`+wsfedReply+`"`)
		_, err := b.Authenticate(t.Context(), s.signInURL(ContosoID, "spn:"+ContosoApp), "")
		require.ErrorContains(t, err, "asks who is there")
		assert.NotContains(t, signOut(b), "<iframe", "a second sign-out has nobody to tell")
	})
	t.Run("without wtrealm any application's address will do", func(t *testing.T) {
		assert.Contains(t, signOut(signedIn(), "wreply", wsfedReply), `id="return"`)
		assert.Contains(t, signOut(s.NewBrowser(), "wreply", wsfedReply), `id="return"`)
	})
	t.Run("never to a foreign address", func(t *testing.T) {
		for _, reply := range []string{"https://evil.example/", wsfedReply + "x", "//evil.example", "javascript:alert(1)"} {
			assert.NotContains(t, signOut(signedIn(), "wtrealm", "spn:"+ContosoApp, "wreply", reply), `id="return"`)
			assert.NotContains(t, signOut(signedIn(), "wreply", reply), `id="return"`)
		}
		assert.NotContains(t, signOut(signedIn(), "wtrealm", "spn:nobody", "wreply", wsfedReply), `id="return"`)
	})
	t.Run("clean-up", func(t *testing.T) {
		b := signedIn()
		assert.Contains(t, signOut(b, "wa", "wSignOutCleanup1.0"), frame)
	})
}
