package real

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// cacheVariable names the environment variable that says where fetched files
// are kept.
const cacheVariable = "TIDEMARK_CACHE"

// kafkaJars returns the folder with Kafka's jars, fetching them if they are not
// there. Another list of jars is another folder.
func kafkaJars() (string, error) {
	root, err := checkout()
	if err != nil {
		return "", fmt.Errorf("looking for Kafka's jars: %w", err)
	}
	pom := filepath.Join(root, "deploy", "local", "pom.xml")
	content, err := os.ReadFile(pom)
	if err != nil {
		return "", fmt.Errorf("looking for Kafka's jars: %w", err)
	}
	cache, err := cacheFolder()
	if err != nil {
		return "", fmt.Errorf("looking for Kafka's jars: %w", err)
	}
	sum := sha256.Sum256(content)
	jars := filepath.Join(cache, "kafka-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(jars); err == nil {
		return jars, nil
	}
	if err := fetchJars(pom, jars); err != nil {
		return "", fmt.Errorf("fetching Kafka's jars (it needs Maven and Java, and a way to a Maven repository): %w", err)
	}
	return jars, nil
}

// cacheFolder is where fetched files are kept.
func cacheFolder() (string, error) {
	if cache := os.Getenv(cacheVariable); cache != "" {
		return cache, nil
	}
	root, err := checkout()
	return filepath.Join(root, ".cache"), err
}

// fetchJars fills the folder in one step, so that nobody meets it half full.
func fetchJars(pom, jars string) error {
	if err := os.MkdirAll(filepath.Dir(jars), 0o750); err != nil {
		return err
	}
	draft, err := os.MkdirTemp(filepath.Dir(jars), "draft-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(draft) }()
	maven := exec.Command("mvn", "--batch-mode", "--quiet", "--file", pom, //nolint:gosec // the PATH's mvn, with values of ours
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+draft)
	if output, err := maven.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(output))
	}
	err = os.Rename(draft, jars)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was faster
	}
	return err
}

// checkout is the root of the module that the working directory lies in.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory: run from within the checkout")
		}
		dir = parent
	}
}
