//go:build unix

package testservers

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// ownGroup keeps the terminal's signals away: who presses Ctrl-C ends the tests, and the guard does the rest.
func ownGroup(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}

// unprivileged makes a command of root's run as somebody else; PostgreSQL refuses root.
func unprivileged(cmd *exec.Cmd) error {
	ownGroup(cmd)
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := nobody()
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	return err
}

func nobody() (uid, gid uint32, err error) {
	who, err := user.Lookup("nobody")
	if err != nil {
		return 0, 0, err
	}
	u, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return 0, 0, err
	}
	g, err := strconv.ParseUint(who.Gid, 10, 32)
	return uint32(u), uint32(g), err
}

// folder makes a folder for one server, which belongs to the user whom the server runs as. Its path is short: a socket's may have 107 bytes.
func folder() (string, error) {
	parent := os.TempDir()
	if len(parent) > 60 || os.Geteuid() == 0 && !passable(parent) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "tenantdoor-")
	if err != nil || os.Geteuid() != 0 {
		return dir, err
	}
	uid, gid, err := nobody()
	if err == nil {
		err = os.Chown(dir, int(uid), int(gid))
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(dir))
	}
	return dir, nil
}

// passable says whether everybody can reach a folder.
func passable(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
		dir = filepath.Dir(dir)
	}
}
