package testservers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// NodeModules installs the npm packages that the lock file in a folder names, and returns the folder node_modules. It is done once for each state of the files, in
// the user's folder for caches, outside of the repository. No package's own scripts run.
//
// Where npm is not installed, or cannot reach its registry, the test is skipped; with TENANTDOOR_REQUIRE_SERVICES=1 it fails.
func NodeModules(t testing.TB, folder string) string {
	t.Helper()
	sum := sha256.New()
	files := map[string][]byte{}
	for _, name := range []string{".npmrc", "package.json", "package-lock.json"} {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
		_, _ = sum.Write(data) // never fails
	}
	modules, err := npm(t.Context(), hex.EncodeToString(sum.Sum(nil))[:16], files)
	switch {
	case err != nil && os.Getenv("TENANTDOOR_REQUIRE_SERVICES") == "1":
		t.Fatalf("testservers: %v", err)
	case err != nil:
		t.Skip(err)
	}
	return modules
}

// npm installs beside the final place, so that what is there is whole, whichever of several test binaries was first.
func npm(ctx context.Context, name string, files map[string][]byte) (modules string, err error) {
	program, err := exec.LookPath("npm")
	if err != nil {
		return "", &missing{"npm", "nodejs npm"}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "tenantdoor-npm")
	installed := filepath.Join(cache, name)
	modules = filepath.Join(installed, "node_modules")
	if _, err := os.Stat(installed); err == nil {
		return modules, nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(cache, "installing-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(work, name), data, 0o600); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*patience) // the registry may be slow, and the machine too
	defer cancel()
	ci := exec.CommandContext(ctx, program, "ci", "--ignore-scripts", "--prefer-offline")
	ci.Dir = work
	if out, err := ci.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %s", err, bytes.TrimSpace(out))
	}
	if err := os.Rename(work, installed); err != nil {
		_, err = os.Stat(installed) // another test binary was faster
		return modules, err
	}
	return modules, nil
}
