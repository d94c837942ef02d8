package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// task is what a server is told on its standard input: what all servers have in common, and its own name and address.
type task struct {
	Name     string
	Listen   string
	Base     string // of the balancer, as browsers see it: callback URLs and cookies are for that name
	Database string
	Redis    string // "": flows are cookies, and replay ids lie in the database
	Key      []byte // seals flows, the connections' secrets and sessions: the same on every server
	Cloud    cloud.Cloud
}

// node is one of the auth servers.
type node struct {
	task
	service *entra.Service
	keys    *entra.Keyring
	db      *sql.DB
	log     *slog.Logger
}

// runNode serves until its input ends, which is when whoever started it does.
func runNode(ctx context.Context, in io.Reader, out io.Writer, log *slog.Logger) error {
	var t task
	input := json.NewDecoder(in)
	if err := input.Decode(&t); err != nil {
		return fmt.Errorf("task: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n, closeStores, err := newNode(ctx, t, log.With("server", t.Name))
	if err != nil {
		return err
	}
	defer closeStores()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", t.Listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: n.handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newNode is what embedding the library takes on each of several machines: stores that all of them share, and one key.
func newNode(ctx context.Context, t task, log *slog.Logger) (_ *node, closeStores func(), err error) {
	n := &node{task: t, log: log}
	if n.keys, err = entra.NewKeyring(t.Key); err != nil {
		return nil, nil, err
	}
	stores, err := openStores(ctx, t, n.keys)
	if err != nil {
		return nil, nil, err
	}
	connections, stop := stores.follow(ctx)
	closeStores = func() {
		stop()
		stores.close()
	}
	n.db = stores.db
	n.service, err = entra.New(entra.Config{
		BaseURL:      t.Base + "/sso",
		Connections:  connections,
		Protocols:    []entra.Protocol{entraoauth2.Protocol{}, wsfed.Protocol{}},
		Keys:         n.keys,
		Replay:       stores.replay,
		Flows:        stores.flows,
		Users:        stores.users,
		SyncProfiles: func(context.Context) (bool, error) { return true, nil },
		BeginOptions: func(*http.Request) (entra.BeginOptions, error) {
			data, err := json.Marshal(began{Server: t.Name, Flow: rand.Text()})
			return entra.BeginOptions{Data: data}, err
		},
		DefaultReturn: "/account",
		OnSignIn:      n.signedIn,
		OnError:       n.showError,
		Clouds:        []cloud.Cloud{t.Cloud},
		HTTPClient:    &http.Client{Timeout: 10 * time.Second}, // the fake is on loopback, where the default one does not go
		Logger:        log,
	})
	if err != nil {
		closeStores()
		return nil, nil, err
	}
	return n, closeStores, nil
}

// began is what this host keeps of a sign-in that has begun.
type began struct{ Server, Flow string }

// signedIn starts the host's session. It is a sealed cookie, so that every server knows it; and it is written down, in the host's own table.
func (n *node) signedIn(w http.ResponseWriter, r *http.Request, in *entra.SignIn) {
	var b began
	err := json.Unmarshal(in.Data, &b)
	if err == nil {
		_, err = n.db.ExecContext(r.Context(), `INSERT INTO cluster_sign_ins (flow, user_id, began_on, finished_on) VALUES ($1, $2, $3, $4)`, b.Flow, in.User.ID, b.Server, n.Name)
	}
	if err == nil {
		err = n.startSession(w, r, session{
			Name: in.Identity.Name, User: in.User.ID, Protocol: string(in.Connection.Strategy),
			Flow: b.Flow, Began: b.Server, Finished: n.Name, Expires: time.Now().Add(time.Hour),
		})
	}
	if err != nil {
		n.fail(w, r, err)
		return
	}
	http.Redirect(w, r, in.ReturnTo, http.StatusSeeOther)
}

func (n *node) showError(w http.ResponseWriter, r *http.Request, e *entra.Error) {
	n.show(w, r, e.Status(), "error", errorView{e.Public, e.Retry})
}

// fail answers what went wrong in the host itself.
func (n *node) fail(w http.ResponseWriter, r *http.Request, err error) {
	n.log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
	n.show(w, r, http.StatusServiceUnavailable, "error", errorView{"Something went wrong on our side.", true})
}
