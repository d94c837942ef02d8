package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// maxBatchAnswer bounds the answer of a batch, in bytes: 10,000 groups with their names take about 4 MB.
const maxBatchAnswer = 12 << 20

// question is one of a batch. It changes nothing, so that it may be repeated.
type question struct {
	method string
	url    *url.URL
	body   any
}

type batchRequest struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    any               `json:"body"`
}

type batchResponse struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

// batch asks several questions in one request and returns all answers, in their order, or an error. Each question has a status of its own: those
// that were throttled are asked once more, as late as the most patient Retry-After says.
//
// Source: https://learn.microsoft.com/graph/json-batching
func (s *session) batch(ctx context.Context, questions []question) ([]json.RawMessage, error) {
	answers := make([]json.RawMessage, len(questions))
	open := make([]int, len(questions))
	for i := range open {
		open[i] = i
	}
	for try := 1; ; try++ {
		later, last, err := s.batchOnce(ctx, questions, open, answers)
		if err != nil || len(later) == 0 {
			return answers, err
		}
		if try == maxTries || !s.wait(ctx, last.Header, try) {
			return nil, s.refusal(last.request, &last.Response)
		}
		open = later
	}
}

// putOff is an answer that asks to come back later.
type putOff struct {
	outbound.Response
	request *http.Request
}

// batchOnce asks the open questions. It returns those to ask again, with the answer that asks to wait longest.
func (s *session) batchOnce(ctx context.Context, questions []question, open []int, answers []json.RawMessage) ([]int, *putOff, error) {
	u := s.path("$batch", nil)
	items := make([]batchRequest, len(open))
	for i, n := range open {
		q := questions[n]
		items[i] = batchRequest{
			ID: strconv.Itoa(n), Method: q.method, URL: strings.TrimPrefix(q.url.Path, s.base.Path+"/v1.0") + "?" + q.url.RawQuery,
			Headers: map[string]string{"Content-Type": "application/json"}, Body: q.body,
		}
	}
	body, err := json.Marshal(map[string]any{"requests": items})
	if err != nil {
		return nil, nil, fmt.Errorf("graph: %w", err)
	}
	res, err := s.do(ctx, http.MethodPost, u, body, maxBatchAnswer)
	if err != nil {
		return nil, nil, err
	}
	var got struct {
		Responses []batchResponse `json:"responses"`
	}
	if err := s.decode(u, res, &got); err != nil {
		return nil, nil, err
	}
	byID := make(map[string]batchResponse, len(got.Responses))
	for _, r := range got.Responses {
		byID[r.ID] = r
	}
	if len(byID) != len(open) || len(got.Responses) != len(open) {
		return nil, nil, fmt.Errorf("graph: %s: %w: not one answer for each question", u.Path, ErrIncomplete)
	}
	return s.sortBatch(ctx, questions, open, byID, answers)
}

// sortBatch puts answers into their places; one that is a refusal ends the batch.
func (s *session) sortBatch(ctx context.Context, questions []question, open []int, got map[string]batchResponse, answers []json.RawMessage) (later []int, longest *putOff, err error) {
	for _, n := range open {
		r, ok := got[strconv.Itoa(n)]
		if !ok {
			return nil, nil, fmt.Errorf("graph: %w: an answer to a question that was not asked", ErrIncomplete)
		}
		if r.Status == http.StatusOK {
			answers[n] = r.Body
			continue
		}
		one := &putOff{Response: outbound.Response{Status: r.Status, Header: http.Header{}, Body: r.Body}}
		for name, value := range r.Headers {
			one.Header.Set(name, value)
		}
		if one.request, err = s.request(ctx, questions[n].method, questions[n].url, nil); err != nil {
			return nil, nil, err
		}
		if !passing(r.Status) {
			return nil, nil, s.refusal(one.request, &one.Response)
		}
		later = append(later, n)
		if longest == nil || s.patience(one) > s.patience(longest) {
			longest = one
		}
	}
	return later, longest, nil
}

func (s *session) patience(p *putOff) int64 {
	d, _ := s.retryAfter(p.Header)
	return int64(d)
}
