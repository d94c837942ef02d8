package credential

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

// assertionType is that of every client assertion (RFC 7523 section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// maxAssertion bounds a federated assertion, in bytes.
const maxAssertion = 64 << 10

// FromAssertion authenticates with a federated credential: an assertion of another issuer that the app registration trusts, made
// for the audience cloud.Cloud.FederationAudience. read is called for each request, since assertions are short-lived; it must be safe
// for concurrent use, and its error must not hold the assertion. For a managed identity, read asks its
// token endpoint for that audience. White space around the assertion is dropped.
//
// Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation
func FromAssertion(read func(context.Context) (string, error)) Credential {
	return &assertionCredential{read: read}
}

// FromAssertionFile authenticates with a federated credential in a file, as Kubernetes projects it
// (AZURE_FEDERATED_TOKEN_FILE). The file is read for each request: it is replaced while the process runs.
func FromAssertionFile(path string) Credential {
	return &assertionCredential{path: path, read: func(context.Context) (string, error) {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxAssertion+1))
		return string(text), err
	}}
}

type assertionCredential struct {
	path string
	read func(context.Context) (string, error)
}

func (c *assertionCredential) Authenticate(ctx context.Context, _, _ string, form url.Values) error {
	if c.read == nil {
		return errors.New("the federated credential has no source")
	}
	text, err := c.read(ctx)
	if err != nil {
		return fmt.Errorf("reading the federated credential: %w", err)
	}
	if len(text) > maxAssertion {
		return errors.New("the federated credential is too large")
	}
	assertion := strings.TrimSpace(text)
	if strings.Count(assertion, ".") != 2 || strings.ContainsAny(assertion, " \t\r\n") {
		return errors.New("the federated credential is not a signed JWT")
	}
	form.Set("client_assertion", assertion)
	form.Set("client_assertion_type", assertionType)
	return nil
}

func (c *assertionCredential) identity() any {
	if c.path != "" {
		return "file:" + c.path
	}
	return c
}
