package aadsts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
)

const (
	trace       = "255d1aef-8c98-452f-ac51-23d051240864"
	correlation = "fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7"
)

// A whole answer, as on https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
const wholeAnswer = `{
  "error": "invalid_scope",
  "error_description": "AADSTS70011: The provided value for the input parameter 'scope' isn't valid. Trace ID: 255d1aef-8c98-452f-ac51-23d051240864 Correlation ID: fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7 Timestamp: 2016-01-09 02:02:12Z",
  "error_codes": [70011],
  "timestamp": "2016-01-09 02:02:12Z",
  "trace_id": "255d1aef-8c98-452f-ac51-23d051240864",
  "correlation_id": "fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7"
}`

func ExampleFromTokenResponse() {
	body := []byte(`{"error":"invalid_client","error_codes":[7000222],"trace_id":"255d1aef-8c98-452f-ac51-23d051240864"}`)
	err := aadsts.FromTokenResponse(401, body)
	fmt.Println(err)
	fmt.Println(err.Public())
	fmt.Println(err.Mender, err.Retry)
	// Output:
	// entra answered invalid_client (AADSTS7000222, trace ID 255d1aef-8c98-452f-ac51-23d051240864): The application's client secret has expired.
	// The application's client secret has expired. Create a new secret, or use a certificate or a federated credential. (AADSTS7000222, trace ID 255d1aef-8c98-452f-ac51-23d051240864)
	// app_owner false
}

func ExampleFromCallback() {
	err := aadsts.FromCallback(url.Values{
		"error":             {"access_denied"},
		"error_description": {"AADSTS50105: call +1 555 0100 for help"},
	})
	fmt.Println(err.Public())
	// Output: The account is not assigned to this application. Ask your organization's administrator to assign you, or a group you are in, to the application. (AADSTS50105)
}

func ExampleExplain() {
	a, ok := aadsts.Explain(50011)
	fmt.Println(ok, a.Mender, a.Happened)
	// Output: true app_owner The address to return to is not registered for the application.
}

func TestWholeTokenAnswer(t *testing.T) {
	e := aadsts.FromTokenResponse(400, []byte(wholeAnswer))
	assert.Equal(t, &aadsts.Error{
		OAuth: "invalid_scope", Code: 70011, Status: 400, CorrelationID: correlation, TraceID: trace,
		Time: time.Date(2016, 1, 9, 2, 2, 12, 0, time.UTC), Mender: aadsts.MenderAppOwner,
	}, e)
	for _, text := range []string{e.Error(), e.Public(), fmt.Sprintf("%+v %#v", *e, *e)} {
		assert.NotContains(t, text, "isn't valid", "the description is gone")
	}
	assert.Contains(t, e.Public(), "AADSTS70011")
	assert.Contains(t, e.Public(), correlation)
	assert.Contains(t, e.Public(), trace)
	assert.Contains(t, e.Public(), "2016-01-09T02:02:12Z")
	var as *aadsts.Error
	require.ErrorAs(t, fmt.Errorf("x: %w", e), &as)
	require.NotErrorIs(t, e, errors.ErrUnsupported)
}

func TestTokenAnswers(t *testing.T) {
	challenge := `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`
	quoted := strconv.Quote(challenge)
	for name, test := range map[string]struct {
		status int
		body   string
		want   aadsts.Error
	}{
		"claims challenge": {
			400, `{"error":"interaction_required","suberror":"basic_action","error_codes":[50076],"claims":` + quoted + `}`,
			aadsts.Error{OAuth: "interaction_required", SubError: "basic_action", Code: 50076, Claims: challenge, Mender: aadsts.MenderUser},
		},
		"claims is no object":  {400, `{"error":"invalid_grant","claims":"<b>hi</b>"}`, aadsts.Error{OAuth: "invalid_grant", Mender: aadsts.MenderUser}},
		"claims is no JSON":    {400, `{"error":"invalid_grant","claims":"{\"a\""}`, aadsts.Error{OAuth: "invalid_grant", Mender: aadsts.MenderUser}},
		"claims is a string":   {400, `{"error":"invalid_grant","claims":"\"x\""}`, aadsts.Error{OAuth: "invalid_grant", Mender: aadsts.MenderUser}},
		"number of ten digits": {400, `{"error":"invalid_grant","error_codes":[1234567890]}`, aadsts.Error{OAuth: "invalid_grant", Mender: aadsts.MenderUser}},
		"timestamp of old":     {400, `{"error":"invalid_grant","timestamp":"1999-12-31T23:59:59Z"}`, aadsts.Error{OAuth: "invalid_grant", Mender: aadsts.MenderUser}},
		"claims is huge":       {400, `{"error":"invalid_grant","claims":"{\"a\":\"` + strings.Repeat("x", 9000) + `\"}"}`, aadsts.Error{OAuth: "invalid_grant", Mender: aadsts.MenderUser}},
		"code from the prefix": {400, `{"error":"invalid_grant","error_description":"AADSTS54005: OAuth2 Authorization code was already redeemed"}`, aadsts.Error{OAuth: "invalid_grant", Code: 54005, Mender: aadsts.MenderUser}},
		"codes win over the prefix": {
			400, `{"error":"invalid_client","error_codes":[7000215],"error_description":"AADSTS50011: x"}`,
			aadsts.Error{OAuth: "invalid_client", Code: 7000215, Mender: aadsts.MenderAppOwner},
		},
		"code as a string":     {400, `{"error":"invalid_client","error_codes":["7000215"]}`, aadsts.Error{OAuth: "invalid_client", Code: 7000215, Mender: aadsts.MenderAppOwner}},
		"ids that are no ids":  {400, `{"error":"invalid_client","trace_id":"<script>","correlation_id":"{fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7}"}`, aadsts.Error{OAuth: "invalid_client", Mender: aadsts.MenderAppOwner}},
		"id in upper case":     {400, `{"error":"invalid_client","trace_id":"` + strings.ToUpper(trace) + `"}`, aadsts.Error{OAuth: "invalid_client", TraceID: trace, Mender: aadsts.MenderAppOwner}},
		"id with a line break": {400, `{"error":"invalid_client","trace_id":"` + trace + `\n"}`, aadsts.Error{OAuth: "invalid_client", Mender: aadsts.MenderAppOwner}},
		"error is markup":      {400, `{"error":"<b>x</b>","suberror":"a b"}`, aadsts.Error{}},
		"error is a number":    {400, `{"error":17,"suberror":{},"error_codes":"x","timestamp":[],"claims":5}`, aadsts.Error{}},
		"members in caps":      {400, `{"ERROR":"invalid_grant","Error_Codes":[50076]}`, aadsts.Error{}},
		"huge number":          {400, `{"error":"invalid_client","error_codes":[99999999999999999999999999]}`, aadsts.Error{OAuth: "invalid_client", Mender: aadsts.MenderAppOwner}},
		"float, sign, hex":     {400, `{"error":"invalid_client","error_codes":[-5.0e3]}`, aadsts.Error{OAuth: "invalid_client", Mender: aadsts.MenderAppOwner}},
		"no codes":             {400, `{"error":"invalid_client","error_codes":[]}`, aadsts.Error{OAuth: "invalid_client", Mender: aadsts.MenderAppOwner}},
		"html":                 {502, `<html><h1>Bad gateway`, aadsts.Error{Retry: true}},
		"empty":                {503, ``, aadsts.Error{Retry: true}},
		"null":                 {429, `null`, aadsts.Error{Retry: true}},
		"array":                {400, `[{"error":"invalid_grant"}]`, aadsts.Error{}},
		"oversize":             {400, `{"error":"invalid_grant","x":"` + strings.Repeat("y", 70000) + `"}`, aadsts.Error{}},
		"busy":                 {400, `{"error":"temporarily_unavailable"}`, aadsts.Error{OAuth: "temporarily_unavailable", Retry: true}},
		"unknown number":       {400, `{"error":"invalid_grant","error_codes":[12345]}`, aadsts.Error{OAuth: "invalid_grant", Code: 12345, Mender: aadsts.MenderUser}},
		"timestamp with T":     {400, `{"error":"invalid_grant","timestamp":"2026-01-09T02:02:12.5Z"}`, aadsts.Error{OAuth: "invalid_grant", Mender: aadsts.MenderUser, Time: time.Date(2026, 1, 9, 2, 2, 12, 5e8, time.UTC)}},
		"timestamp of nothing": {400, `{"error":"invalid_grant","timestamp":"0001-01-01T00:00:00Z"}`, aadsts.Error{OAuth: "invalid_grant", Mender: aadsts.MenderUser}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.Status = test.status
			assert.Equal(t, &test.want, aadsts.FromTokenResponse(test.status, []byte(test.body)))
		})
	}
}

// A code that was redeemed is never sent again, whatever else the answer says.
func TestRedeemedCodeIsNeverRetried(t *testing.T) {
	for _, body := range []string{
		`{"error":"invalid_grant","error_codes":[54005]}`,
		`{"error":"temporarily_unavailable","error_codes":[54005]}`,
		`{"error":"server_error","error_description":"AADSTS54005: x"}`,
	} {
		for _, status := range []int{400, 429, 500, 503} {
			e := aadsts.FromTokenResponse(status, []byte(body))
			assert.False(t, e.Retry, "%d %s", status, body)
			assert.False(t, e.SignInAgain(), "%d %s", status, body)
		}
	}
}

func TestCallbacks(t *testing.T) {
	ids := " Trace ID: " + trace + " Correlation ID: " + correlation + " Timestamp: 2016-01-09 02:02:12Z"
	at := time.Date(2016, 1, 9, 2, 2, 12, 0, time.UTC)
	for name, test := range map[string]struct {
		v    url.Values
		want *aadsts.Error
	}{
		"no error":        {url.Values{"code": {"x"}, "error_description": {"AADSTS50011: x"}}, nil},
		"empty error":     {url.Values{"error": {""}}, nil},
		"cancelled":       {url.Values{"error": {"access_denied"}, "error_subcode": {"cancel"}}, &aadsts.Error{OAuth: "access_denied", SubError: "cancel", Mender: aadsts.MenderUser}},
		"with everything": {url.Values{"error": {"invalid_request"}, "error_description": {"AADSTS50011: bad address." + ids}}, &aadsts.Error{OAuth: "invalid_request", Code: 50011, TraceID: trace, CorrelationID: correlation, Time: at, Mender: aadsts.MenderAppOwner}},
		"line breaks":     {url.Values{"error": {"invalid_request"}, "error_description": {"AADSTS50011: bad address.\r\nTrace ID: " + trace + "\r\nCorrelation ID: " + correlation + "\r\nTimestamp: 2016-01-09 02:02:12Z"}}, &aadsts.Error{OAuth: "invalid_request", Code: 50011, TraceID: trace, CorrelationID: correlation, Time: at, Mender: aadsts.MenderAppOwner}},
		"code not first":  {url.Values{"error": {"server_error"}, "error_description": {"see AADSTS50011: x"}}, &aadsts.Error{OAuth: "server_error", Retry: true}},
		"code too long":   {url.Values{"error": {"access_denied"}, "error_description": {"AADSTS5010500000: x"}}, &aadsts.Error{OAuth: "access_denied", Mender: aadsts.MenderUser}},
		"code in caps":    {url.Values{"error": {"access_denied"}, "error_description": {"aadsts50105: x"}}, &aadsts.Error{OAuth: "access_denied", Mender: aadsts.MenderUser}},
		"claims unsigned": {url.Values{"error": {"interaction_required"}, "claims": {`{"id_token":{}}`}}, &aadsts.Error{OAuth: "interaction_required", Mender: aadsts.MenderUser}},
		"false ids":       {url.Values{"error": {"access_denied"}, "error_description": {"AADSTS50105: Trace ID: <a href=//evil>" + trace + " Correlation ID: call-me-on-5550100-0000-000000000000"}}, &aadsts.Error{OAuth: "access_denied", Code: 50105, Mender: aadsts.MenderTenantAdmin}},
		"oversize":        {url.Values{"error": {"access_denied"}, "error_description": {"AADSTS50105: " + strings.Repeat("x", 5000)}}, &aadsts.Error{OAuth: "access_denied", Mender: aadsts.MenderUser}},
		"markup":          {url.Values{"error": {"<script>"}}, &aadsts.Error{}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, test.want, aadsts.FromCallback(test.v)) })
	}
}

// Attack: HTML, a link or a phone number in error_description must not reach a page or a log.
func TestDescriptionNeverShown(t *testing.T) {
	const evil = `<a href="https://evil.example">call 555-0100</a>`
	for _, e := range []*aadsts.Error{
		aadsts.FromCallback(url.Values{"error": {"access_denied"}, "error_description": {"AADSTS50105: " + evil}, "error_uri": {evil}}),
		aadsts.FromCallback(url.Values{"error": {evil}, "error_subcode": {evil}, "error_description": {evil}}),
		aadsts.FromTokenResponse(400, []byte(`{"error":"x","error_description":"<a href=\"https://evil.example\">call 555-0100</a>"}`)),
	} {
		for _, text := range []string{e.Error(), e.Public(), fmt.Sprintf("%+v", *e)} {
			assert.NotContains(t, text, "evil")
			assert.NotContains(t, text, "555")
			assert.NotContains(t, text, "<")
		}
	}
}

// The decision to sign in again goes by error and suberror, never by the number alone.
func TestSignInAgain(t *testing.T) {
	for _, e := range []aadsts.Error{
		{OAuth: "interaction_required"},
		{OAuth: "login_required"},
		{OAuth: "consent_required"},
		{OAuth: "invalid_grant"},
		{OAuth: "invalid_grant", SubError: "basic_action"},
		{OAuth: "invalid_grant", SubError: "consent_required"},
	} {
		assert.True(t, e.SignInAgain(), "%+v", e)
	}
	for _, e := range []aadsts.Error{
		{OAuth: "invalid_client"},
		{OAuth: "invalid_grant", SubError: "message_only"},
		{OAuth: "invalid_grant", SubError: "additional_action"},
		{OAuth: "invalid_client", Code: 50076},
		{Code: 70008},
		{},
	} {
		assert.False(t, e.SignInAgain(), "%+v", e)
	}
}

func TestTable(t *testing.T) {
	codes := []int{
		50011, 50020, 50034, 51004, 16000, 50014, 50057, 50053, 50055, 50058, 50059, 90002, 50072, 50074, 50076, 50079, 50105, 50126, 50173,
		70008, 700082, 50194, 50196, 501481, 53000, 53001, 53003, 53011, 50097, 50129, 530035, 500011, 500212, 500213, 50146, 90072, 700084,
		50033, 90006, 90024, 90033, 90055, 54005, 65001, 90094, 90095, 65004, 650056, 700016, 700005, 700025, 700027, 7000215, 7000218,
		7000222, 7000112, 70043, 70011, 28002, 90038, 900382, 90130, 9002332, 90081, 90082, 90084,
	}
	retry := map[int]bool{50033: true, 90006: true, 90024: true, 90033: true, 90055: true}
	for _, code := range codes {
		a, ok := aadsts.Explain(code)
		require.True(t, ok, code)
		assert.NotEmpty(t, a.Happened, code)
		assert.NotEmpty(t, a.Do, code)
		assert.Equal(t, retry[code], a.Retry, code)
		assert.Equal(t, a.Retry, a.Mender == aadsts.MenderUnknown, "%d: somebody mends what does not pass by itself", code)
		for _, s := range []string{a.Happened, a.Do} {
			assert.True(t, strings.HasSuffix(s, "."), "%d: %s", code, s)
			assert.NotContains(t, s, "<")
		}
	}
	_, ok := aadsts.Explain(0)
	assert.False(t, ok)
	_, ok = aadsts.Explain(1)
	assert.False(t, ok)
}

func TestMenderNames(t *testing.T) {
	assert.Equal(t, "unknown user tenant_admin app_owner host unknown", fmt.Sprint(aadsts.MenderUnknown, " ", aadsts.MenderUser, " ",
		aadsts.MenderTenantAdmin, " ", aadsts.MenderAppOwner, " ", aadsts.MenderHost, " ", aadsts.Mender(99)))
}

var (
	nameForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{0,64}$`)
	idForm   = regexp.MustCompile(`^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$`)
)

// Whatever comes in, only strict forms come out, and the texts are our own.
func requireStrict(t *testing.T, e *aadsts.Error) {
	t.Helper()
	require.Regexp(t, nameForm, e.OAuth)
	require.Regexp(t, nameForm, e.SubError)
	require.Regexp(t, idForm, e.CorrelationID)
	require.Regexp(t, idForm, e.TraceID)
	require.True(t, e.Code >= 0 && e.Code <= 999_999_999)
	require.True(t, e.Claims == "" || json.Valid([]byte(e.Claims)) && len(e.Claims) <= 8<<10)
	require.False(t, e.Code == 54005 && e.Retry)
	for _, text := range []string{e.Error(), e.Public()} {
		require.True(t, utf8.ValidString(text))
		require.Less(t, len(text), 700)
		require.NotContains(t, text, "<")
		require.NotContains(t, text, "\n")
	}
}

func FuzzFromTokenResponse(f *testing.F) {
	f.Add(400, []byte(wholeAnswer))
	f.Add(503, []byte(`<html>`))
	f.Add(400, []byte(`{"error":"invalid_grant","error_codes":[1e999],"claims":"{}"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := aadsts.FromTokenResponse(status, body)
		require.NotNil(t, e)
		requireStrict(t, e)
	})
}

func FuzzFromCallback(f *testing.F) {
	f.Add("error=access_denied&error_description=AADSTS50105%3A+x+Trace+ID%3A+" + trace)
	f.Add("error=%3Cb%3E&error_subcode=cancel&claims=%7B%7D")
	f.Fuzz(func(t *testing.T, query string) {
		v, _ := url.ParseQuery(query)
		e := aadsts.FromCallback(v)
		require.Equal(t, v.Get("error") != "", e != nil)
		if e != nil {
			require.Empty(t, e.Claims)
			requireStrict(t, e)
		}
	})
}
