package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNothingTwice: a request that a server has begun to act on goes to no other server when that one dies; a person is asked to sign in again.
func TestNothingTwice(t *testing.T) {
	var begun atomic.Int64
	dying := func() string {
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			begun.Add(1)
			panic(http.ErrAbortHandler) // the connection breaks, without an answer
		}))
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://")
	}
	balancer := newBalancer([]string{dying(), dying()}, slog.New(slog.DiscardHandler))
	for i := range 4 {
		w := httptest.NewRecorder()
		balancer.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "http://localhost/sso/callback/wsfed", strings.NewReader("wresult=x")))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.True(t, (&answer{status: w.Code, body: w.Body.String()}).again())
		require.EqualValues(t, i+1, begun.Load())
	}
	w := httptest.NewRecorder()
	balancer.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "http://localhost/sso/callback/wsfed", strings.NewReader(strings.Repeat("x", maxBody+1))))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.EqualValues(t, 4, begun.Load(), "more than any answer of Entra's reaches no server")
}
