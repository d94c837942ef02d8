package graph

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

const (
	clientRequestID  = "Client-Request-Id"
	consistencyLevel = "Consistencylevel" // as net/http writes it

	maxTries  = 4
	maxAnswer = 4 << 20  // bytes of one answer; 999 groups with long names take less than 1 MB
	maxBytes  = 24 << 20 // bytes of one call
	firstWait = 500 * time.Millisecond
)

// getJSON fetches a document into v.
func (s *session) getJSON(ctx context.Context, u *url.URL, v any) error {
	res, err := s.do(ctx, http.MethodGet, u, nil, maxAnswer)
	if err != nil {
		return err
	}
	return s.decode(u, res, v)
}

// postJSON sends a question that changes nothing, so that it may be repeated.
func (s *session) postJSON(ctx context.Context, u *url.URL, question, v any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("graph: %w", err)
	}
	res, err := s.do(ctx, http.MethodPost, u, body, maxAnswer)
	if err != nil {
		return err
	}
	return s.decode(u, res, v)
}

func (s *session) decode(u *url.URL, res *outbound.Response, v any) error {
	if json.Unmarshal(res.Body, v) != nil { // its error may repeat what is in the answer
		return fmt.Errorf("graph: %s: the answer is not the JSON that was asked for", u.Path)
	}
	return nil
}

// do makes a request until it is answered with 200, trying again as far as Graph's own wish, the number of tries and the time allow.
// It is the one place where the bearer token leaves, and so where an address, be it from a nextLink, is held to the cloud's.
//
// Source: https://learn.microsoft.com/graph/throttling
func (s *session) do(ctx context.Context, method string, u *url.URL, body []byte, most int64) (*outbound.Response, error) {
	if !s.ours(u) {
		return nil, fmt.Errorf("graph: %w", ErrForeignLink)
	}
	for try := 1; ; try++ {
		r, err := s.request(ctx, method, u, body)
		if err != nil {
			return nil, err
		}
		res, err := outbound.Do(s.config.HTTPClient, r, most)
		if err != nil {
			return nil, fmt.Errorf("graph: %w (client-request-id %s)", err, r.Header.Get(clientRequestID))
		}
		if s.bytes.Add(int64(len(res.Body))) > maxBytes {
			return nil, fmt.Errorf("graph: %w: %w", ErrIncomplete, outbound.ErrTooLarge)
		}
		if res.Status == http.StatusOK {
			return res, nil
		}
		refused := s.refusal(r, res)
		if !passing(res.Status) || try == maxTries || !s.wait(ctx, res.Header, try) {
			return nil, refused
		}
	}
}

func (s *session) request(ctx context.Context, method string, u *url.URL, body []byte) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), reader)
	if err != nil {
		return nil, errors.New("graph: the request could not be made")
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Accept", "application/json")
	r.Header.Set(clientRequestID, newGUID())
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if u.Query().Has("$count") {
		// Without it Graph refuses $count, and a cast to one type of directory object.
		// Source: https://learn.microsoft.com/graph/aad-advanced-queries
		r.Header.Set(consistencyLevel, "eventual")
	}
	return r, nil
}

// ours reports whether u lies within the configured cloud's Graph, byte for byte.
func (s *session) ours(u *url.URL) bool {
	return u.Scheme == s.base.Scheme && u.Host == s.base.Host && u.User == nil && u.Fragment == "" &&
		strings.HasPrefix(u.Path, s.base.Path+"/v1.0/")
}

// wait sleeps as long as Graph asks, or doubling from half a second, with jitter so that throttled callers do not come back
// together. It is false, at once, when the call's time would be over by then.
func (s *session) wait(ctx context.Context, h http.Header, try int) bool {
	pause, asked := s.retryAfter(h)
	if !asked {
		pause = firstWait << (try - 1)
	}
	pause += mathrand.N(pause/10 + firstWait/2)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// retryAfter reads Retry-After, in seconds or as a date (RFC 9110 section 10.2.3).
func (s *session) retryAfter(h http.Header) (time.Duration, bool) {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(s.config.Now()), 0), true
	}
	return 0, false
}

// newGUID returns a random GUID (RFC 9562 section 5.4).
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
