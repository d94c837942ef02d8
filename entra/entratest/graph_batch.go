package entratest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// batchRequest is one request of a batch, and batchResponse its answer.
// https://learn.microsoft.com/graph/json-batching
type batchRequest struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

type batchResponse struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    any               `json:"body,omitempty"`
}

// serveBatch answers each request on its own: with its own status, and its own faults.
func (s *Server) serveBatch(w http.ResponseWriter, r *http.Request, graph http.Handler) {
	var batch struct {
		Requests []batchRequest `json:"requests"`
	}
	if err := readGraphJSON(r, &batch); err != nil {
		graphError(w, r, notJSON.status, notJSON.code, notJSON.message)
		return
	}
	if len(batch.Requests) > maxBatch {
		graphError(w, r, http.StatusBadRequest, "MaximumValueExceeded", "Number of batch request steps exceeds the maximum value of 20.")
		return
	}
	status := make(map[string]int)
	responses := make([]batchResponse, 0, len(batch.Requests))
	for _, q := range batch.Requests {
		if q.ID == "" || status[q.ID] != 0 {
			graphError(w, r, http.StatusBadRequest, "BadRequest", "Invalid batch payload: request ids must be there, and unique.")
			return
		}
		answer := s.batched(r, q, graph, status)
		status[q.ID] = answer.Status
		responses = append(responses, answer)
	}
	writeJSON(w, http.StatusOK, map[string]any{"responses": responses})
}

// batched answers one request. One that depends on a failed one is not tried: 424.
func (s *Server) batched(r *http.Request, q batchRequest, graph http.Handler, status map[string]int) batchResponse {
	for _, id := range q.DependsOn {
		if status[id] < 200 || status[id] > 299 {
			return batchResponse{ID: q.ID, Status: http.StatusFailedDependency, Headers: map[string]string{}}
		}
	}
	inner, err := http.NewRequestWithContext(r.Context(), q.Method, s.GraphURL+"/v1.0/"+strings.TrimPrefix(q.URL, "/"), bytes.NewReader(q.Body))
	if err != nil || strings.Contains(q.URL, "$batch") {
		return batchResponse{ID: q.ID, Status: http.StatusBadRequest, Headers: map[string]string{}}
	}
	for name, value := range q.Headers {
		inner.Header.Set(name, value)
	}
	inner.Header["Authorization"] = r.Header["Authorization"]
	recorded := &recorder{header: make(http.Header)}
	graph.ServeHTTP(recorded, inner)
	return recorded.response(q.ID)
}

// recorder keeps an answer instead of sending it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (c *recorder) Header() http.Header { return c.header }

func (c *recorder) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
}

func (c *recorder) Write(p []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	return c.body.Write(p)
}

// response writes JSON as it is, and everything else in base64.
func (c *recorder) response(id string) batchResponse {
	out := batchResponse{ID: id, Status: c.status, Headers: make(map[string]string, len(c.header))}
	for name := range c.header {
		out.Headers[name] = c.header.Get(name)
	}
	if strings.HasPrefix(c.header.Get("Content-Type"), "application/json") {
		out.Body = json.RawMessage(c.body.Bytes())
	} else if c.body.Len() > 0 {
		out.Body = base64.StdEncoding.EncodeToString(c.body.Bytes())
	}
	return out
}
