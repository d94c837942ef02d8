package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"
)

// maxBody is more than any answer of Entra's.
const maxBody = 1 << 20

// balancer sends requests to the servers in turn. A request that no byte of has reached a server goes to the next; one that was on its way when its
// server died does not, because it may have been acted on: the person is asked to sign in again.
type balancer struct {
	servers   []string // host and port
	turn      atomic.Uint64
	transport *http.Transport
	log       *slog.Logger
}

func newBalancer(servers []string, log *slog.Logger) http.Handler {
	b := &balancer{servers: servers, log: log, transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 64, ResponseHeaderTimeout: 30 * time.Second,
	}}
	return &httputil.ReverseProxy{
		Transport: b,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "server" // RoundTrip chooses which
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		ErrorHandler: b.unavailable,
		ErrorLog:     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// RoundTrip implements http.RoundTripper.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		defer r.Body.Close()
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1)); err != nil {
			return nil, err
		}
		if len(body) > maxBody {
			return nil, errors.New("the request is too large")
		}
	}
	turn := b.turn.Add(1)
	var failed error
	for i := range b.servers {
		out := r.Clone(r.Context())
		out.URL.Host = b.servers[(turn+uint64(i))%uint64(len(b.servers))]
		if len(body) > 0 {
			out.Body = io.NopCloser(bytes.NewReader(body))
		}
		res, err := b.transport.RoundTrip(out)
		if err == nil {
			return res, nil
		}
		failed = errors.Join(failed, err)
		var dial *net.OpError
		if !errors.As(err, &dial) || dial.Op != "dial" {
			break
		}
	}
	return nil, failed
}

func (b *balancer) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	b.log.WarnContext(r.Context(), "no answer", "path", r.URL.Path, "error", err)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusServiceUnavailable)
	err = pages.ExecuteTemplate(w, "error", struct {
		Server string
		Data   errorView
	}{"the balancer", errorView{"The server that was at work on this went away.", true}})
	if err != nil {
		b.log.WarnContext(r.Context(), "page", "error", err)
	}
}
