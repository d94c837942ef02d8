package entratest

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Browser is a person's browser in a test: it keeps the server's cookies, so that a second sign-in is single sign-on.
// It is not safe for concurrent use.
type Browser struct {
	// Decline answers the consent page with Cancel.
	Decline bool

	server *Server
	client *http.Client
}

// NewBrowser opens a browser in which nobody is signed in yet.
func (s *Server) NewBrowser() *Browser {
	jar, _ := cookiejar.New(nil) // cannot fail
	c := *s.client
	c.Jar = jar
	return &Browser{server: s, client: &c}
}

// Authenticate plays the browser and the person, in a new browser: it follows startURL (an authorize or wsfed sign-in request),
// signs in as the user who signs in with this name, and returns the request that the browser would now send to the
// application: a GET with query, or a POST with form. An error page of the server is *PageError.
func (s *Server) Authenticate(ctx context.Context, startURL, upn string) (*http.Request, error) {
	return s.NewBrowser().Authenticate(ctx, startURL, upn)
}

// maxSteps bounds the pages and redirects of one sign-in.
const maxSteps = 10

// Authenticate is Server.Authenticate in this browser. With upn "" nobody answers the account page: reaching it is an error, and
// only a session that is there already signs in. It follows any page of the server, sign-out included.
func (b *Browser) Authenticate(ctx context.Context, startURL, upn string) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, startURL, nil)
	if err != nil {
		return nil, fmt.Errorf("entratest: start address: %w", err)
	}
	if !b.server.ours(startURL) {
		return nil, fmt.Errorf("entratest: the sign-in does not start at this server but at %s", request.URL.Host)
	}
	for range maxSteps {
		if !b.server.ours(request.URL.String()) {
			return request, nil
		}
		if request, err = b.step(request, upn); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("entratest: the sign-in does not end")
}

// step sends a request to the server and returns the one that follows.
func (b *Browser) step(request *http.Request, upn string) (*http.Request, error) {
	response, err := b.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("entratest: %w", err)
	}
	defer response.Body.Close()
	if location := response.Header.Get("Location"); location != "" {
		next, err := request.URL.Parse(location)
		if err != nil {
			return nil, fmt.Errorf("entratest: redirect: %w", err)
		}
		return http.NewRequestWithContext(request.Context(), http.MethodGet, next.String(), nil)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("entratest: %w", err)
	}
	return b.answerPage(request, response.StatusCode, string(body), upn)
}

var (
	problemPattern = regexp.MustCompile(`id="problem" data-code="(\d+)"`)
	textPattern    = regexp.MustCompile(`<span id="problem-text">([^<]*)</span>`)
	formPattern    = regexp.MustCompile(`<form method="post" action="([^"]*)" id="(accounts|consent|answer)">`)
	fieldPattern   = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	framePattern   = regexp.MustCompile(`<iframe src="([^"]*)"`)
	returnPattern  = regexp.MustCompile(`id="return" href="([^"]*)"`)
)

// answerPage does what the person, or the page's script, would do.
func (b *Browser) answerPage(request *http.Request, status int, page, upn string) (*http.Request, error) {
	if problem := problemPattern.FindStringSubmatch(page); problem != nil {
		code, _ := strconv.Atoi(problem[1]) // the pattern has digits only
		text := textPattern.FindStringSubmatch(page)
		if text == nil {
			text = []string{"", ""}
		}
		return nil, &PageError{Code: code, Text: html.UnescapeString(text[1])}
	}
	for _, frame := range framePattern.FindAllStringSubmatch(page, -1) {
		b.load(request.Context(), html.UnescapeString(frame[1]))
	}
	if back := returnPattern.FindStringSubmatch(page); back != nil {
		return b.next(request, html.UnescapeString(back[1]), nil)
	}
	form := formPattern.FindStringSubmatchIndex(page)
	if form == nil {
		return nil, fmt.Errorf("entratest: %s %s answered %d without a page to go on with", request.Method, request.URL.Path, status)
	}
	action, kind := html.UnescapeString(page[form[2]:form[3]]), page[form[4]:form[5]]
	values := url.Values{}
	inside, _, _ := strings.Cut(page[form[1]:], "</form>")
	for _, f := range fieldPattern.FindAllStringSubmatch(inside, -1) {
		values.Add(html.UnescapeString(f[1]), html.UnescapeString(f[2]))
	}
	switch {
	case kind == "accounts" && upn == "":
		return nil, errors.New("entratest: the server asks who is there")
	case kind == "accounts":
		values.Set("username", upn)
	case kind == "consent" && b.Decline:
		values.Set("entratest", "cancel")
	case kind == "consent":
		values.Set("entratest", "accept")
	}
	return b.next(request, action, values)
}

// load loads a hidden frame. Browsers block the cookies of other sites in frames, and an application that is not there is its own
// affair: sign-out goes on.
func (b *Browser) load(ctx context.Context, address string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return
	}
	if response, err := b.server.client.Do(request); err == nil {
		_ = response.Body.Close()
	}
}

// next is the request that a form, or a link, leads to.
func (b *Browser) next(request *http.Request, address string, form url.Values) (*http.Request, error) {
	target, err := request.URL.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("entratest: the page leads to: %w", err)
	}
	if form == nil {
		return http.NewRequestWithContext(request.Context(), http.MethodGet, target.String(), nil)
	}
	next, err := http.NewRequestWithContext(request.Context(), http.MethodPost, target.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("entratest: the page leads to: %w", err)
	}
	next.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !b.server.ours(target.String()) {
		next.Header.Set("Origin", b.server.URL) // what a cross-site form brings along
	}
	return next, nil
}
