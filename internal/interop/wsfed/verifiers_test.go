package wsfed_test

import (
	"bufio"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// verifiers are two other implementations of XML Signature, which share nothing with ours nor with each other.
type verifiers struct {
	dir     string
	files   int
	xmlsec1 string
	jdk     io.Writer
	verdict *bufio.Reader
}

func newVerifiers(t testing.TB) *verifiers {
	t.Helper()
	xmlsec1 := program(t, "xmlsec1", "apt-get install xmlsec1")
	java := program(t, "java", "apt-get install default-jdk-headless")
	program(t, "javac", "apt-get install default-jdk-headless") // java runs a source file only where there is a compiler
	command := exec.CommandContext(t.Context(), java, filepath.Join("java", "Verify.java"))
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = in.Close() // the end of its input ends it
		_, _ = io.Copy(io.Discard, out)
		_ = command.Wait()
	})
	return &verifiers{dir: t.TempDir(), xmlsec1: xmlsec1, jdk: in, verdict: bufio.NewReaderSize(out, 1<<20)}
}

// file writes a file for the others to read. Names of files have no comma: xmlsec1 splits its arguments there.
func (v *verifiers) file(t testing.TB, data []byte) string {
	t.Helper()
	v.files++
	return v.write(t, strconv.Itoa(v.files), data)
}

// write writes a file of a certain name, again and again.
func (v *verifiers) write(t testing.TB, name string, data []byte) string {
	t.Helper()
	name = filepath.Join(v.dir, name)
	require.NoError(t, os.WriteFile(name, data, 0o600))
	return name
}

func (v *verifiers) trust(t testing.TB, s *sample) string {
	t.Helper()
	return v.file(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.signer.Raw}))
}

// byJDK verifies with the JDK, and returns the octets that its digest was taken of.
func (v *verifiers) byJDK(t testing.TB, document, certificate string) ([]byte, error) {
	t.Helper()
	_, err := fmt.Fprintf(v.jdk, "%s\t%s\n", document, certificate)
	require.NoError(t, err)
	line, err := v.verdict.ReadString('\n')
	require.NoError(t, err, "the JDK's verifier ended")
	octets, ok := strings.CutPrefix(strings.TrimSpace(line), "ok ")
	if !ok {
		return nil, fmt.Errorf("the JDK says: %s", line)
	}
	data, err := base64.StdEncoding.DecodeString(octets)
	require.NoError(t, err)
	return data, nil
}

// byXMLSec verifies with libxmlsec1, which is told to look at nothing in KeyInfo. All of the documents must pass.
func (v *verifiers) byXMLSec(t testing.TB, certificate string, documents ...string) error {
	t.Helper()
	arguments := append([]string{
		"--verify", "--enabled-key-data", "key-name", "--pubkey-cert-pem", certificate,
		"--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion", "--id-attr:AssertionID", "urn:oasis:names:tc:SAML:1.0:assertion:Assertion",
	}, documents...)
	out, err := exec.CommandContext(t.Context(), v.xmlsec1, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("xmlsec1: %w: %s", err, out)
	}
	if passed := strings.Count(string(out), "OK\n"); passed != len(documents) {
		return fmt.Errorf("xmlsec1 passed %d of %d: %s", passed, len(documents), out)
	}
	return nil
}
