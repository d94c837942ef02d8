package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
)

// testView is what can be found out about a connection before people use it.
type testView struct {
	connectionRow
	Tab      string
	Findings []findingView
	Verdict  string
	Report   *reportView
	Unproven []domainView // of an organization's connection: this report may prove them
}

// verdictOf is the whole in one line.
func verdictOf(found entra.Findings) string {
	var n [entra.SeverityError + 1]int
	for _, f := range found {
		n[min(f.Severity, entra.SeverityError)]++
	}
	switch {
	case n[entra.SeverityError] > 0:
		return "It cannot work yet."
	case n[entra.SeverityWarning] > 0:
		return "It works as far as can be seen without a person. Something is worth a look."
	}
	return "It works as far as can be seen without a person."
}

func (h *host) testPage(w http.ResponseWriter, r *http.Request) {
	c, by := h.connectionOf(w, r)
	if c == nil {
		return
	}
	found := h.service.Diagnose(r.Context(), c)
	v := testView{connectionRow: connectionRowOf(c), Tab: "test", Findings: findingViews(found), Verdict: verdictOf(found)}
	if who, _ := h.admins.current(r); who.report != nil && who.report.Connection.ID == c.ID {
		v.Report = reportOf(who.report)
		for _, d := range domainViews(c) {
			if !d.Proven && !by.IsEnvironment() {
				v.Unproven = append(v.Unproven, d)
			}
		}
	}
	h.show(w, r, http.StatusOK, "test", v)
}

// beginTest sends the admin's own browser through the connection, on or off, without a user being made or changed.
func (h *host) beginTest(w http.ResponseWriter, r *http.Request) {
	c, _ := h.connectionOf(w, r)
	if c == nil {
		return
	}
	key := h.admins.change(w, r, func(a *admin) { a.tested, a.report = c.ID, nil })
	d, err := h.service.BeginTest(r.Context(), c.ID, entra.BeginOptions{Data: []byte(key), ReturnTo: testPath(c.ID), Organization: c.OrganizationID})
	if err != nil {
		h.showTestError(w, r, c.ID, err)
		return
	}
	d.Redirect(w, r)
}

func testPath(id string) string { return "/connections/" + url.PathEscape(id) + "/test" }

// tested is what the library calls when a test sign-in went the whole way. The report goes to the admin who began it, and the browser to their page.
func (h *host) tested(w http.ResponseWriter, r *http.Request, report *entra.TestReport) {
	if !h.admins.keep(string(report.Data), report) {
		h.show(w, r, http.StatusForbidden, "error", errorView{Heading: "This test is over", Public: "Whoever began it has gone. Nobody was signed in.", Back: "/connections"})
		return
	}
	http.Redirect(w, r, testPath(report.Connection.ID), http.StatusSeeOther)
}

// testFailed reports whether an error belongs to the test that this browser's admin began.
func (h *host) testFailed(r *http.Request, e *entra.Error) bool {
	who, _ := h.admins.current(r)
	return e.ConnectionID != "" && who.tested == e.ConnectionID && e.ReturnTo == testPath(e.ConnectionID)
}

// showTestError tells whoever tests what otherwise only the log says.
func (h *host) showTestError(w http.ResponseWriter, r *http.Request, id string, err error) {
	h.show(w, r, http.StatusOK, "error", errorView{Heading: "The test sign-in did not succeed", Public: sentence(err.Error()), Back: testPath(id)})
}

// reportView is a test sign-in in words.
type reportView struct {
	Name, Verdict, Why, Groups, Attempt, Tenant, Object, Kind string
	Roles                                                     []string
	Claims, Extended                                          []claimView
}

// claimView is a claim as the token has it.
type claimView struct{ Name, Value string }

func reportOf(t *entra.TestReport) *reportView {
	id := t.Identity
	groups, known := id.Groups.Known()
	return &reportView{
		Name: personName(id), Verdict: wouldBe[t.Decision.Action], Why: sentence(t.Decision.Reason.Explain()),
		Groups: howManyGroups(groups, known, t.GroupsFrom), Attempt: t.Attempt, Tenant: id.TenantID, Object: id.ObjectID, Kind: kindText(id.Kind),
		Roles: id.Roles, Claims: claimViews(id.Raw), Extended: claimViews(id.Extended),
	}
}

// claimViews lists claims by name; what is not text is shown as JSON.
func claimViews(set map[string]any) []claimView {
	list := make([]claimView, 0, len(set))
	for _, name := range slices.Sorted(maps.Keys(set)) {
		text, ok := set[name].(string)
		if !ok {
			if data, err := json.Marshal(set[name]); err == nil {
				text = string(data)
			} else {
				text = fmt.Sprint(set[name])
			}
		}
		list = append(list, claimView{Name: name, Value: text})
	}
	return list
}

func personName(id *claims.Identity) string {
	return cmp.Or(id.Name, joinNames(id.GivenName, id.FamilyName), id.Username, "Somebody")
}
