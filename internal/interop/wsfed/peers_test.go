package wsfed_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

// patience is how long a peer may take for one thing: to start, to answer.
const patience = 2 * time.Minute

// absent says that a peer is not on this machine: a reason to skip, except where everything is required.
func absent(t testing.TB, what, remedy string) {
	t.Helper()
	if os.Getenv("TENANTDOOR_REQUIRE_SERVICES") == "1" {
		t.Fatalf("%s is required: %s", what, remedy)
	}
	t.Skipf("%s: %s", what, remedy)
}

// program finds an installed program.
func program(t testing.TB, name, remedy string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		absent(t, name, remedy)
	}
	return path
}

// startNode runs one of the programs in folder node and returns its address.
func startNode(t *testing.T, script string, config any) string {
	t.Helper()
	node := program(t, "node", "apt-get install nodejs")
	command := exec.CommandContext(t.Context(), node, filepath.Join("node", script))
	command.Env = append(os.Environ(), "NODE_PATH="+testservers.NodeModules(t, "node"), "NODE_NO_WARNINGS=1")
	line, err := json.Marshal(config)
	require.NoError(t, err)
	return start(t, command, append(line, '\n'), command.StdoutPipe, func(line string) string { return line })
}

// start runs a server until the test ends. It gives it input, and reads its lines until one of them holds the address. The server's
// standard input stays open meanwhile, so that it can see when we are gone.
func start(t *testing.T, command *exec.Cmd, input []byte, output func() (io.ReadCloser, error), address func(line string) string) string {
	t.Helper()
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := output()
	require.NoError(t, err)
	var errors strings.Builder
	if command.Stderr == nil {
		command.Stderr = &errors
	}
	require.NoError(t, command.Start())
	found, drained := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(drained)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if a := address(lines.Text()); a != "" {
				select {
				case found <- a:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill() // if it has not seen the end of its input
		_ = in.Close()
		<-drained
		_ = command.Wait() // killed
		if t.Failed() && errors.Len() > 0 {
			t.Logf("%s said:\n%s", filepath.Base(command.Path), errors.String())
		}
	})
	_, err = in.Write(input)
	require.NoError(t, err)
	select {
	case a := <-found:
		return a
	case <-drained:
		require.FailNow(t, "the server ended", command.String())
	case <-time.After(patience):
		require.FailNow(t, "the server did not get ready", command.String())
	}
	return ""
}

// browser is a person at a browser without scripts: it keeps cookies, follows redirects, and can fill in a form.
type browser struct{ client *http.Client }

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{&http.Client{Jar: jar, Transport: transport, Timeout: patience}}
}

// form is the first form of a page, as the browser would send it.
type form struct {
	action string
	fields url.Values
}

// page is what a request led to, in the end.
type page struct {
	status  int
	address *url.URL
	body    string
	form    *form // nil when there is none
}

func (b *browser) get(t *testing.T, address string) page {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	return b.do(t, request)
}

// submit sends the form of a page, with some of its fields filled in.
func (b *browser) submit(t *testing.T, p page, fill url.Values) page {
	t.Helper()
	require.NotNil(t, p.form, "no form on the page:\n%s", p.body)
	for name, values := range fill {
		require.Contains(t, p.form.fields, name, "the form has no such field")
		p.form.fields[name] = values
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.form.action, strings.NewReader(p.form.fields.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(t, request)
}

func (b *browser) do(t *testing.T, request *http.Request) page {
	t.Helper()
	response, err := b.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	p := page{status: response.StatusCode, address: response.Request.URL, body: string(body)}
	p.form = readForm(t, p)
	return p
}

// readForm finds the first form of a page that is posted.
func readForm(t *testing.T, p page) *form {
	t.Helper()
	root, err := html.Parse(strings.NewReader(p.body))
	require.NoError(t, err)
	for n := range root.Descendants() {
		if n.Data != "form" || !strings.EqualFold(attribute(n, "method"), http.MethodPost) {
			continue
		}
		target, err := p.address.Parse(attribute(n, "action"))
		require.NoError(t, err)
		f := &form{action: target.String(), fields: url.Values{}}
		for field := range n.Descendants() {
			if name := attribute(field, "name"); field.Data == "input" && name != "" {
				f.fields.Add(name, attribute(field, "value"))
			}
		}
		return f
	}
	return nil
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
