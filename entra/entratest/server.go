package entratest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// Options of a Server; nil or zero is ready for use.
type Options struct {
	Tenants []Tenant // nil: Sample()
	// Addr is the login host's listen address, and GraphAddr Graph's. "" is a free port of localhost; a missing host is
	// localhost too. Applications reach the server by that very name, as cookies on http loopback need one host name.
	Addr, GraphAddr string
	Now             func() time.Time // nil: time.Now
	// AutoSignIn skips the account page when login_hint names somebody who can sign in.
	AutoSignIn bool
	// Keys are used, in this order, before the server generates signing keys of its own: RSA, 2048 bits or more. A suite that
	// starts many servers makes them once and saves a tenth of a second for each.
	Keys []*rsa.PrivateKey
}

// Server is a fake Entra. Its methods are safe for concurrent use.
type Server struct {
	URL      string // login host, without a trailing slash
	GraphURL string // Graph host, another origin

	clock      func() time.Time
	autoSignIn bool
	directory  atomic.Pointer[directory]
	done       chan struct{} // closed by Close
	closeOnce  sync.Once
	servers    []*http.Server
	serving    sync.WaitGroup
	client     *http.Client

	editMu sync.Mutex // serialises Edit

	keysMu sync.Mutex
	rings  map[string]ring   // by owner
	spare  []*rsa.PrivateKey // Options.Keys that are not in use yet

	mu       sync.Mutex
	faults   Faults
	requests []Request
	sessions map[string]*browserSession // by cookie
	grants   grants
}

// Start starts a Server on loopback. It fails when an address cannot be listened on or is none of loopback's, and when the tenants contradict each other.
func Start(o *Options) (*Server, error) {
	if o == nil {
		o = &Options{}
	}
	login, loginURL, err := listen(o.Addr)
	if err != nil {
		return nil, err
	}
	graph, graphURL, err := listen(o.GraphAddr)
	if err != nil {
		return nil, errors.Join(err, login.Close())
	}
	s, err := New(o, loginURL, graphURL)
	if err != nil {
		return nil, errors.Join(err, login.Close(), graph.Close())
	}
	s.serve(login, s.Handler())
	s.serve(graph, s.GraphHandler())
	return s, nil
}

// New makes a Server that listens on nothing: the caller serves Handler at loginURL and GraphHandler at graphURL,
// two origins without a trailing slash. Options' addresses are not used.
func New(o *Options, loginURL, graphURL string) (*Server, error) {
	if o == nil {
		o = &Options{}
	}
	tenants := o.Tenants
	if tenants == nil {
		tenants = Sample()
	}
	d, err := newDirectory(tenants)
	if err != nil {
		return nil, err
	}
	s := &Server{
		URL:        loginURL,
		GraphURL:   graphURL,
		clock:      o.Now,
		autoSignIn: o.AutoSignIn,
		done:       make(chan struct{}),
		client:     newClient(),
		rings:      make(map[string]ring),
		spare:      slices.Clone(o.Keys),
		sessions:   make(map[string]*browserSession),
		grants:     newGrants(),
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	s.directory.Store(d)
	return s, nil
}

// listen listens on an address and tells the URL under which it is reached.
func listen(addr string) (net.Listener, string, error) {
	if addr == "" {
		addr = "localhost:0"
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, "", fmt.Errorf("entratest: listen address: %w", err)
	}
	if host == "" {
		host = "localhost"
	}
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", net.JoinHostPort(host, port)) // resolves a name of this machine
	if err != nil {
		return nil, "", fmt.Errorf("entratest: %w", err)
	}
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsLoopback() { // whoever reaches it is whoever they say they are
		return nil, "", errors.Join(fmt.Errorf("entratest: %s is not a loopback address", addr), l.Close())
	}
	port = strconv.Itoa(at.Port)
	return l, "http://" + net.JoinHostPort(host, port), nil
}

func (s *Server) serve(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	s.servers = append(s.servers, server)
	s.serving.Go(func() { _ = server.Serve(l) }) // always ends with ErrServerClosed, by Close
}

// Close stops the server and cuts its connections. It may be called more than once.
func (s *Server) Close() {
	s.closeOnce.Do(func() {
		for _, server := range s.servers {
			_ = server.Close() // nothing of ours is left to lose
		}
		close(s.done)
		s.client.CloseIdleConnections()
	})
	s.serving.Wait()
}

// Cloud describes the server to the code under test. As in Entra, the issuer of v1.0 and WS-Federation tokens lies at a host
// that nobody contacts: here at a name that does not resolve (RFC 2606).
func (s *Server) Cloud() cloud.Cloud {
	return cloud.Cloud{
		Name:               "entratest",
		Login:              s.URL,
		Graph:              s.GraphURL,
		IssuerV2:           s.URL + "/{tenantid}/v2.0",
		IssuerV1:           "https://sts.entratest.invalid/{tenantid}/",
		KeyInstance:        keyInstance,
		FederationAudience: "api://AzureADTokenExchangeTest",
	}
}

// keyInstance is the cloud_instance_name of keys and discovery documents.
const keyInstance = "entratest.invalid"

func (s *Server) issuerV2(tenantID string) string { return s.URL + "/" + tenantID + "/v2.0" }

func (s *Server) issuerV1(tenantID string) string {
	return "https://sts.entratest.invalid/" + tenantID + "/"
}

// Client is an HTTP client that may speak to loopback. It follows no redirects.
func (s *Server) Client() *http.Client { return s.client }

func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{},
		Timeout:   30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// now is the server's time, faults included.
func (s *Server) now() time.Time {
	s.mu.Lock()
	skew := s.faults.ClockSkew
	s.mu.Unlock()
	return s.clock().Add(skew)
}

// dir returns what the server knows of its tenants. It does not change any more.
func (s *Server) dir() *directory { return s.directory.Load() }

// tenantByName finds a tenant by GUID or verified domain; nil when there is none.
func (s *Server) tenantByName(name string) *Tenant { return s.dir().tenantByName(name) }

// Edit changes the tenants: change gets a copy of them and returns what they are to be. Sign-ins under way go on with what they
// have; tokens are made from the new state. The tenants are left alone when they contradict each other.
func (s *Server) Edit(change func([]Tenant) []Tenant) error {
	s.editMu.Lock()
	defer s.editMu.Unlock()
	d, err := newDirectory(change(cloneTenants(s.dir().tenants)))
	if err != nil {
		return err
	}
	s.directory.Store(d)
	return nil
}

// AddRedirectURI registers a further redirect URI, and reply URL, with an application.
func (s *Server) AddRedirectURI(clientID, uri string) error {
	return s.editApplication(clientID, func(a *Application) {
		a.RedirectURIs = append(a.RedirectURIs, uri)
		if a.ReplyURLs != nil {
			a.ReplyURLs = append(a.ReplyURLs, uri)
		}
	})
}

// SetLogoutURL sets the front-channel sign-out address of an application.
func (s *Server) SetLogoutURL(clientID, uri string) error {
	return s.editApplication(clientID, func(a *Application) { a.LogoutURL = uri })
}

func (s *Server) editApplication(clientID string, change func(*Application)) error {
	found := false
	err := s.Edit(func(tenants []Tenant) []Tenant {
		d := directory{tenants}
		if _, app := d.application(clientID); app != nil {
			found = true
			change(app)
		}
		return tenants
	})
	if err == nil && !found {
		return fmt.Errorf("entratest: no application has the client id %q", clientID)
	}
	return err
}

// Request is one request that the server saw.
type Request struct {
	Host, Method, Path string
	Endpoint           string // one of the Endpoint constants; "" for what belongs to none
	Authorized         bool   // an Authorization header was there
	At                 time.Time
}

// Requests returns all requests so far, in the order of their arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// CountRequests counts the requests so far to one endpoint.
func (s *Server) CountRequests(endpoint string) int {
	n := 0
	for _, r := range s.Requests() {
		if r.Endpoint == endpoint {
			n++
		}
	}
	return n
}

// handle routes a pattern to an endpoint's handler, with its faults.
func (s *Server) handle(mux *http.ServeMux, pattern, endpoint string, h http.HandlerFunc) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.log(r, endpoint)
		w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat)) // the server's own clock, not this machine's
		if !s.misbehave(w, r, endpoint) {
			h(w, r)
		}
	})
}

func (s *Server) log(r *http.Request, endpoint string) {
	_, authorized := r.Header["Authorization"]
	seen := Request{
		Host: r.Host, Method: r.Method, Path: r.URL.Path, Endpoint: endpoint, Authorized: authorized, At: s.now(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, seen)
}

// ours tells whether a URL lies at the login host.
func (s *Server) ours(url string) bool { return strings.HasPrefix(url, s.URL+"/") }

// newGUID makes a random GUID (RFC 9562, version 4).
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return formatGUID(b)
}

// formatGUID writes sixteen bytes as a GUID of version 4.
func formatGUID(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
