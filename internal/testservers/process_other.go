//go:build !unix

package testservers

import (
	"errors"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

func unprivileged(*exec.Cmd) error { return nil }

func folder() (string, error) { return "", errors.ErrUnsupported }
