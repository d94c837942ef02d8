package wsfed_test

import (
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// xmlsec verifies an answer's signature with libxmlsec1, an implementation that shares nothing with ours. It is given the one key that
// made the signature, and told to look at nothing in KeyInfo.
func xmlsec(t *testing.T, wresult string, by keyPair) error {
	t.Helper()
	binary, err := exec.LookPath("xmlsec1")
	if err != nil {
		if os.Getenv("TENANTDOOR_REQUIRE_SERVICES") == "1" {
			t.Fatal("xmlsec1 is required (apt install xmlsec1)")
		}
		t.Skip("xmlsec1 is not installed")
	}
	dir := t.TempDir() // xmlsec1 splits its arguments at a comma: the names of tests have none
	answer, certificate := filepath.Join(dir, "answer.xml"), filepath.Join(dir, "certificate.pem")
	require.NoError(t, os.WriteFile(answer, []byte(wresult), 0o600))
	require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: by.certificate.Raw}), 0o600))
	out, err := exec.Command(binary, "--verify", "--enabled-key-data", "key-name", "--pubkey-cert-pem", certificate,
		"--id-attr:ID", nsSAML20+":Assertion", "--id-attr:AssertionID", nsSAML11+":Assertion", answer).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// TestAcceptedElsewhere: what the door accepts, libxmlsec1 accepts too.
func TestAcceptedElsewhere(t *testing.T) {
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			require.Error(t, xmlsec(t, response(good.signed()), keys().foreign), "it does look at the key")
			for name, v := range benignVariants() {
				t.Run(name, func(t *testing.T) {
					wresult := v.make(good)
					accept(t, wresult)
					require.NoError(t, xmlsec(t, wresult, v.by))
				})
			}
		})
	}
}
