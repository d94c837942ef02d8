package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// maxSent bounds whatever a browser sends, in bytes.
const maxSent = 4 << 20

var errForm = errors.New("the form cannot be read")

// readForm reads a form, with its files. What a file holds stays in memory: a private key is written to no temporary file.
func readForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("%w: %w", errForm, err)
	}
	if err := r.ParseMultipartForm(maxSent); err != nil && !errors.Is(err, http.ErrNotMultipart) { //nolint:gosec // the handler bounds what is sent
		return fmt.Errorf("%w: %w", errForm, err)
	}
	return nil
}

// pairIn returns, as PEM, the certificate and key of a form's field: the file that was chosen, else what was pasted.
//
// How much work the password of a PFX costs is for the file to say, so that one is taken from the operator only. Anybody else's is PEM.
func pairIn(r *http.Request, name string, by entra.Actor) (string, error) {
	pasted := r.PostForm.Get(name)
	file, _, err := r.FormFile(name + "_file")
	if err != nil {
		return pasted, nil // no file was chosen
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	switch {
	case err != nil:
		return "", errors.New("the file was not sent whole")
	case len(data) == 0:
		return pasted, nil
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return string(data), nil
	case !by.IsEnvironment():
		return "", errors.New("the file holds no PEM; convert it, or ask the operator to add it")
	}
	pair, err := credential.KeyPairFromPFX(data, credential.NewSecret(r.PostForm.Get(name+"_password")))
	if err != nil {
		return "", errors.New(strings.TrimPrefix(err.Error(), "credential: "))
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.Signer)
	if err != nil {
		return "", errors.New("its private key cannot be read")
	}
	var b strings.Builder
	for _, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: pair.Certificate.Raw}, {Type: "PRIVATE KEY", Bytes: key}} {
		_ = pem.Encode(&b, block) // a builder takes everything
	}
	return b.String(), nil
}

// certificateText says which certificate a secret holds, "" for none.
func certificateText(s credential.Secret) string {
	pair, err := credential.KeyPairFromPEM([]byte(s.Reveal()))
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s, valid until %s", pair.Certificate.Subject, pair.Certificate.NotAfter.UTC().Format(time.DateOnly))
}
