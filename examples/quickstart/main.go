// Command quickstart is an auth server with enterprise connections, and a fake Microsoft Entra ID to sign in at:
//
//	go run ./examples/quickstart
//
// With -empty it begins without connections, to add one by hand.
//
// It reads as a tutorial. This file wires the library into a host; then follow a sign-in:
//
//	sample.go             what a host has of its own: applications, customers; and the connections that it starts with
//	source.go             where people sign in: at the fake Entra or at a real tenant
//	handlers.go           the host's own pages, and what it does when somebody has signed in
//	place.go, session.go  which application and customer a sign-in is for; the host's sessions
//	account.go            what a host learns from a sign-in
//	pages.go              how pages are shown; the templates lie in pages, style and script in assets
//	store.go              where connections and users are kept: in memory, and in one JSON file
//	faults.go             what the fake Entra can be told to do wrong
//
// And how connections are made:
//
//	admin_session.go      who is an admin: the operator, or a customer's administrator
//	connections.go        the list
//	form.go               the form: what an input is; form_fields.go is the form itself, form_view.go how it is filled in
//	connection_form.go    adding and changing a connection
//	connection_acts.go    switching it on, exchanging its secret or certificate, deleting it
//	certificate.go        certificates that are pasted or chosen as a file, PEM or PFX
//	domains.go            proving whose domains its home realm domains are
//	findings.go           what the library finds, in sentences
//	diagnosis.go          testing it, with and without a person
//	expiring.go           what ends soon: secrets, certificates, metadata, proofs of domains
//	guide.go              what to enter in Entra's admin center
//	import.go             connections from an export file
//
// To sign in at a real tenant, register an app there and set ENTRA_TENANT, ENTRA_CLIENT_ID and ENTRA_CLIENT_SECRET.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

func main() {
	addr := flag.String("addr", "", "loopback address to listen on (default localhost:8080, or the next free port)")
	data := flag.String("data", chosenSource()+".json", "file for connections and users; the key to the secrets in it lies beside it")
	empty := flag.Bool("empty", false, "begin without connections, to add one by hand")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *data, *empty, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr, data string, empty bool, out io.Writer) error {
	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return err
	}
	// Browsers keep flow cookies per host name, so there is one: the fake Entra and the host both call themselves localhost.
	h, err := newHost(ctx, "http://localhost:"+port, data, empty, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	defer h.close()
	h.introduce(out)

	server := &http.Server{Handler: h.handler(), ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(ctx)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// host is an auth server: the library's service, and what every host has of its own.
type host struct {
	base     string // as browsers see it
	service  *entra.Service
	registry *entra.Registrar
	store    *store
	sessions *sessions
	admins   *admins
	source   *source // where people sign in
	zone     *zone   // a fake DNS beside the fake Entra, else nil

	authority *entra.DNSAuthority
	trouble   atomic.Pointer[trouble]
	log       *slog.Logger
}

// newHost is what embedding the library takes.
func newHost(ctx context.Context, base, data string, empty bool, log *slog.Logger) (_ *host, err error) {
	h := &host{base: base, sessions: newSessions(), admins: newAdmins(), log: log}
	if h.store, err = openStore(ctx, data, chosenSource()); err != nil {
		return nil, err
	}
	if h.source, err = newSource(base); err != nil {
		return nil, err
	}
	h.service, err = entra.New(entra.Config{
		BaseURL:       base + "/sso",
		Connections:   h.store.connections,
		Protocols:     []entra.Protocol{entraoauth2.Protocol{}, wsfed.Protocol{}},
		Keys:          h.store.keys,
		Replay:        memory.NewReplay(),
		Users:         h.store.users,
		Organizations: organizations,
		GroupRules:    groupRules,
		SyncProfiles:  func(context.Context) (bool, error) { return true, nil },
		BeginOptions:  beginOptions,
		DefaultReturn: "/account",
		OnSignIn:      h.signedIn,
		OnTest:        h.tested,
		OnError:       h.showError,
		OnSignOut:     h.signedOutAtProvider,
		Clouds:        h.source.clouds,
		HTTPClient:    h.source.client,
		Logger:        log,
	})
	if err != nil {
		return nil, err
	}
	if h.source.fake != nil {
		h.zone = newZone()
	}
	if h.authority, err = newAuthority(h.store.key, h.zone); err != nil {
		return nil, err
	}
	// Connections change through a Registrar: it checks them, pins their tenants and tells the host what changed.
	h.registry, err = entra.NewRegistrar(entra.RegistrarConfig{
		Store:      h.store.connections,
		Domains:    h.authority,
		Users:      h.store.users,
		Clouds:     h.source.clouds,
		HTTPClient: h.source.client,
	})
	if err != nil {
		return nil, err
	}
	if h.store.fresh && !empty {
		return h, h.addConnections(ctx)
	}
	return h, nil
}

func (h *host) close() {
	if h.source.fake != nil {
		h.source.fake.Close()
	}
}

// listen opens addr, or without one port 8080 of localhost or the next that is free. Other machines cannot reach it: whoever can open the
// pages may switch connections, and without TLS a session cookie would cross the network in clear.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	var config net.ListenConfig
	if addr != "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, fmt.Errorf("-addr %q: want a host and a port, as in localhost:8080", addr)
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, fmt.Errorf("-addr %q: the quickstart listens on loopback only", addr)
		}
		return config.Listen(ctx, "tcp", addr)
	}
	for port := 8080; port < 8100; port++ {
		l, err := config.Listen(ctx, "tcp", fmt.Sprintf("localhost:%d", port))
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
	}
	return nil, errors.New("ports 8080 to 8099 are all in use; choose one with -addr localhost:PORT")
}

// introduce says where to go and what to try.
func (h *host) introduce(out io.Writer) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  Auth server     %s\n", h.base)
	if h.source.fake != nil {
		fmt.Fprintf(&b, "  Fake Entra ID   %s\n\n", h.source.fake.URL)
		b.WriteString("Open the auth server and enter one of these addresses; there are no passwords.\n\n")
		for _, p := range peopleToTry {
			fmt.Fprintf(&b, "  %-22s %s\n", p.Address, p.What)
		}
	} else {
		fmt.Fprintf(&b, "\nRegister these in the Entra admin center, on your app's page Authentication, platform Web:\n\n")
		fmt.Fprintf(&b, "  Redirect URI               %s/sso/callback/oauth2\n", h.base)
		fmt.Fprintf(&b, "  Redirect URI (sign-out)    %s/signed-out\n", h.base)
		fmt.Fprintf(&b, "  Front-channel logout URL   %s/sso/signout/oauth2\n", h.base)
	}
	fmt.Fprintf(&b, "\nConnections are at %s/connections; Ctrl+C ends it.\n\n", h.base)
	_, _ = io.WriteString(out, b.String())
}
