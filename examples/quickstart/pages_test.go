package main

import (
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// views holds made-up data for each page, with text that would do harm if it were not escaped.
var views = map[string]any{
	"sign-in": signInView{
		addressForm: addressForm{Discover: discover}, Universal: true, Try: peopleToTry, Place: placeViewOf(place{Application: applications[0]}),
		Buttons: []entra.Button{{ConnectionID: "x", Label: "Contoso <b>over</b> WS-Federation", Href: "/sso/begin?connection=x"}},
	},
	"sso":           addressForm{Discover: discover},
	"no-connection": noConnectionView{addressForm: addressForm{Discover: discover, Problem: true}, Domain: "example.com", Attempt: "ABCDEF"},
	"error":         errorView{Heading: "This sign-in is no longer valid", Public: "It has expired <script>alert(1)</script>.", Next: "Ask.", Attempt: "ABCDEF", Retry: true},
	"signed-out":    nil,
	"account": accountView{
		Name: "Ann Andersson <script>", Initials: "AA", Address: "ann@contoso.com", Connection: "Contoso", ConnectionID: "contoso", Protocol: "WS-Federation",
		Verdict: "A new user was created.", Why: "Nobody has this address.", Reason: "new_person", Evidence: []claims.Evidence{claims.EvidenceProvenDomain}, Confirmed: true,
		Roles: []string{"Portal.Admin"}, Grants: []string{"seller, because of 3f0a"}, Extended: []claimView{{"jobTitle", "<b>over</b>"}}, Groups: []claims.Group{{ID: "3f0a", Name: "Engineering"}, {ID: "3f0b"}}, GroupsFrom: "2, from the token.", UserID: "user_1",
		Tenant: "1111", Object: "2222", Issuer: "https://login.example/1111/v2.0", Kind: "Member of the tenant", Attempt: "ABCDEF",
		IDToken: "{\n  \"ext_provider\": {}\n}", AccessToken: "{\n  \"ext_groups\": []\n}",
	},
	"connections": connectionsView{
		Actor: actorViewOf(admin{organization: "adatum"}), Sample: "Contoso", Saved: "Deleted.", Shared: []connectionRow{{ID: "s", Name: "Shared"}},
		Own: []connectionRow{{ID: "contoso", Name: "Contoso <b>over</b>", Protocol: "WS-Federation", Domains: "contoso.com", Owner: "Adatum", On: "On", Enabled: true}, {ID: "off", Name: "Off"}},
	},
	"new-connection": formOf(&entra.Connection{}, nil, (&entra.Connection{}).Check(), entra.Environment("test")),
	"connection": connectionView{
		connectionRow: connectionRow{ID: "contoso", Version: "1", Name: "Contoso", Protocol: "WS-Federation", Enabled: true}, Tab: "settings", Saved: "Switched on.",
		Operator: true, Shared: true, FakeDNS: true, TenantID: "1111", OnForNobody: []string{"Nobody."},
		Applications: []choice{{Value: "portal", Label: "Portal", Selected: true}}, Shares: []choice{{Value: "adatum", Label: "Adatum"}},
		Unproven: []domainView{{Domain: "contoso.io", State: "pending", Record: entra.Challenge{Name: "_x.contoso.io", Value: "y"}}}, Form: fullForm(),
	},
	"test": testView{
		connectionRow: connectionRow{ID: "contoso", Version: "1", Name: "Contoso"}, Tab: "test", Verdict: "It works.", Unproven: []domainView{{Domain: "contoso.io"}, {Domain: "contoso.net"}},
		Findings: findingViews(entra.Findings{{Problem: "the provider answers"}, {Field: "client_secret", Problem: "ends <script>alert(1)</script>", Fix: "make a new one", Severity: entra.SeverityError}}),
		Report:   &reportView{Name: "Ann", Verdict: "A new user would be created.", Roles: []string{"Portal.Admin"}, Claims: []claimView{{"email", "<b>over</b>"}}, Extended: []claimView{{"jobTitle", "Engineer"}}},
	},
	"guide": guideView{
		connectionRow: connectionRow{ID: "contoso", Name: "Contoso"}, Tab: "guide", Manifest: "{}",
		Guide: &entra.Guide{Title: "Set up Contoso", Steps: []entra.GuideStep{{Title: "Authentication", Text: "Add it.", Values: []entra.GuideValue{{Label: "Redirect URI", Value: "<script>alert(1)</script>"}}}}},
	},
	"delete":   deleteView{connectionRow: connectionRow{ID: "contoso", Version: "1", Name: "Contoso"}, Users: 2},
	"import":   importView{Problem: "This is not JSON.", Outcomes: []outcomeView{{ID: "contoso", Name: "Contoso"}, {Name: "Other", Findings: findingViews(entra.Findings{{Problem: "no", Severity: entra.SeverityError}})}}},
	"expiring": expiringView{Within: []choice{{Value: "30", Label: "30 days", Selected: true}}, Looked: 2, Connections: []expiringConnection{{ID: "contoso", Name: "Contoso <b>over</b>", Findings: findingViews(entra.Findings{{Field: "client_secret", Problem: "ends <script>alert(1)</script>", Severity: entra.SeverityError}})}}},
	"trouble":  troubleView{Saved: true, Troubles: troubles, Now: "none"},
}

// fullForm has everything to say that a form can have.
func fullForm() formView {
	c := &entra.Connection{
		ID: "contoso", Version: "1", Name: "<b>over</b>", ClientSecret: credential.NewSecret("x"), NextClientCertificate: credential.NewSecret("x"), HomeRealmDomains: []string{"contoso.com"}, UpstreamParams: loginHint, Realm: "no URI", AllowProviderInitiated: true,
		DomainProofs: []entra.DomainProof{{Domain: "contoso.com", State: entra.DomainProven, By: entra.ProofByEntra}, {Domain: "contoso.io", State: entra.DomainLapsed}, {Domain: "contoso.net", State: entra.DomainPending}},
	}
	f := formOf(c, nil, append(c.Check(), entra.Finding{Field: "tenant_id", Problem: "is wrong", Severity: entra.SeverityError}, entra.Finding{Problem: "look", Severity: entra.SeverityWarning}), entra.Environment("test"))
	f.TenantChanged, f.Differences = "contoso.com", []difference{{"Display name", "Theirs", "<b>over</b>"}}
	f.showCallbacks([]callbackView{{"callback-url", "OAuth 2.0", "http://localhost:8080/sso/callback/oauth2"}})
	return f
}

func render(t *testing.T, name string) (page string, header http.Header) {
	t.Helper()
	h := &host{base: "http://localhost:8080", sessions: newSessions(), admins: newAdmins(), source: &source{login: "http://localhost:9090"}, log: slog.New(slog.DiscardHandler)}
	w := httptest.NewRecorder()
	h.show(w, httptest.NewRequest(http.MethodGet, "/", nil), http.StatusOK, name, views[name])
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	return w.Body.String(), w.Header()
}

// Every page renders, says what it is to a screen reader, and keeps what people or tokens say from becoming markup.
func TestPages(t *testing.T) {
	require.Len(t, views, len(pages), "a page without data here is a page that nobody renders")
	require.Len(t, titles, len(pages))
	input := regexp.MustCompile(`<(?:input|select|textarea) id="([^"]+)"`)
	described := regexp.MustCompile(`aria-(?:describedby|labelledby)="([^"]+)"`)
	for name := range pages {
		t.Run(name, func(t *testing.T) {
			page, header := render(t, name)
			if dir := os.Getenv("TENANTDOOR_PAGES"); dir != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name+".html"), []byte(page), 0o600))
			}
			assert.Equal(t, 1, strings.Count(page, "<h1"), "one h1")
			assert.Contains(t, page, `<html lang="en">`)
			assert.Contains(t, page, `<main id="main"`)
			assert.Contains(t, page, `href="#main"`)
			for _, match := range input.FindAllStringSubmatch(page, -1) {
				assert.Contains(t, page, `<label for="`+match[1]+`"`)
			}
			for _, match := range described.FindAllStringSubmatch(page, -1) {
				for id := range strings.FieldsSeq(match[1]) {
					assert.Equal(t, 1, strings.Count(page, ` id="`+id+`"`), id)
				}
			}
			assert.NotContains(t, page, "alert(1)</script>")
			assert.NotContains(t, page, "<b>over")
			assert.NotContains(t, page, "style=", "the policy refuses inline style")
			assert.Equal(t, 1, strings.Count(page, "<script"), "the policy refuses inline script")
			assert.NotContains(t, page, "ZgotmplZ")

			policy := header.Get("Content-Security-Policy")
			for _, directive := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self' http://localhost:9090", "base-uri 'none'"} {
				assert.Contains(t, policy, directive)
			}
			assert.NotContains(t, policy, "unsafe")
			assert.Equal(t, "no-store", header.Get("Cache-Control"))
			assert.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
		})
	}
}

// A page that says what went wrong says it aloud, and ties it to the field.
func TestErrorsAreAnnounced(t *testing.T) {
	page, _ := render(t, "no-connection")
	assert.Contains(t, page, `role="alert"`)
	assert.Contains(t, page, `aria-invalid="true" aria-describedby="problem"`)
	page, _ = render(t, "error")
	assert.Contains(t, page, `role="alert"`)
	assert.Contains(t, page, "ABCDEF")
}

// Text has a contrast of at least 4.5, edges and focus rings of at least 3, light and dark (WCAG 2.2, 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	css, err := files.ReadFile("assets/style.css")
	require.NoError(t, err)
	light, dark, found := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	require.True(t, found)
	dark, _, _ = strings.Cut(dark, "\n}\n")
	pairs := []struct {
		text, on string
		least    float64
	}{
		{"ink", "paper", 4.5},
		{"ink", "card", 4.5},
		{"ink", "code", 4.5},
		{"soft", "paper", 4.5},
		{"soft", "card", 4.5},
		{"soft", "code", 4.5},
		{"accent", "paper", 4.5},
		{"accent", "card", 4.5},
		{"accent-strong", "paper", 4.5},
		{"accent-ink", "accent", 4.5},
		{"accent-ink", "accent-strong", 4.5},
		{"notice-ink", "notice", 4.5},
		{"good", "paper", 4.5},
		{"good", "card", 4.5},
		{"good", "code", 4.5},
		{"bad", "paper", 4.5},
		{"bad", "card", 4.5},
		{"edge", "paper", 3},
		{"edge", "card", 3},
		{"card", "good", 3},
		{"card", "edge", 3},
	}
	for scheme, text := range map[string]string{"light": light, "dark": dark} {
		colors := palette(t, text)
		for _, p := range pairs {
			assert.GreaterOrEqual(t, contrast(colors[p.text], colors[p.on]), p.least, "%s: %s on %s", scheme, p.text, p.on)
		}
	}
}

func palette(t *testing.T, css string) map[string][3]float64 {
	t.Helper()
	colors := map[string][3]float64{}
	for _, match := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
		var c [3]float64
		for i := range c {
			n, err := strconv.ParseUint(match[2][2*i:2*i+2], 16, 8)
			require.NoError(t, err)
			c[i] = float64(n) / 255
		}
		colors[match[1]] = c
	}
	require.NotEmpty(t, colors)
	return colors
}

func contrast(a, b [3]float64) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(c [3]float64) float64 {
	for i, v := range c {
		if v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2]
}

func TestHowManyGroups(t *testing.T) {
	one := claims.Group{ID: "1"}
	assert.Contains(t, howManyGroups(nil, false, ""), "Not known")
	assert.Equal(t, "None, from Microsoft Graph.", howManyGroups(nil, true, "graph"))
	assert.Equal(t, "One, from the token.", howManyGroups([]claims.Group{one}, true, "token"))
	assert.Equal(t, "2, from the token.", howManyGroups([]claims.Group{one, one}, true, "token"))
}

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{"Ann Andersson": "AA", "Åsa": "Å", "ann@contoso.com": "AC", "": "?", "Jean-Luc van der Berg": "JB"} {
		assert.Equal(t, want, initials(name), "%q", name)
	}
}
