package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/store"
)

const hidden = "not-to-be-shown"

// secrets sets the variables that the documentation's examples name.
func secrets(t *testing.T) {
	for _, name := range []string{"KAFKA_PASSWORD", "REDIS_PASSWORD", "SENTINEL_PASSWORD"} {
		t.Setenv(name, hidden)
	}
}

// certificates writes the files that the documentation's examples name to the
// working directory.
func certificates(t *testing.T) {
	t.Chdir(t.TempDir())
	authority, err := real.NewAuthority(".")
	require.NoError(t, err)
	issued, err := authority.Issue("tidemark")
	require.NoError(t, err)
	require.Equal(t, real.Certificate{File: "tidemark.pem", KeyFile: "tidemark.key.pem"}, issued)
}

func TestEveryExampleOfTheDocumentationLoads(t *testing.T) {
	document := readFile(t, "../../docs/security.md")
	secrets(t)
	certificates(t)
	var all []pipeline.Servers
	for _, block := range strings.Split(document, "```yaml\n")[1:] {
		example, _, closed := strings.Cut(block, "```")
		require.True(t, closed)
		writeFile(t, "tidemark.yaml", example)
		c, err := config.Load("tidemark.yaml", os.LookupEnv)
		require.NoError(t, err, example)
		where, err := servers(c)
		require.NoError(t, err, example)
		all = append(all, where)

		printed := succeed(t, nil, "config", "print", "-c", "tidemark.yaml")
		require.NotContains(t, printed, hidden)
		writeFile(t, "printed.yaml", printed)
		succeed(t, nil, "config", "check", "printed.yaml")
	}
	require.Len(t, all, 6)

	require.NotNil(t, all[0].Kafka.TLS.RootCAs)
	require.Nil(t, all[0].Kafka.SASL)
	require.Equal(t, "SCRAM-SHA-512", all[1].Kafka.SASL.Name())
	require.Len(t, all[2].Kafka.TLS.Certificates, 1)
	require.Equal(t, "localhost", all[2].Kafka.TLS.ServerName)
	require.Equal(t, store.ModeAuto, all[3].Redis.Mode)
	require.Equal(t, "tidemark", all[3].Redis.Username)
	require.Equal(t, hidden, all[3].Redis.Password)
	require.NotNil(t, all[3].Redis.TLS.RootCAs)
	require.Equal(t, store.ModeCluster, all[4].Redis.Mode)
	require.Equal(t, store.Sentinel{Master: "main", Username: "watcher", Password: hidden}, all[5].Redis.Sentinel)
	require.Equal(t, store.Durability{Replicas: 1}, all[5].Redis.Durability)
	require.Nil(t, all[5].Redis.TLS)
}

func TestFilesThatCannotBeReadAreNamed(t *testing.T) {
	secrets(t)
	certificates(t)
	writeFile(t, "text.pem", "no certificate")
	for settings, says := range map[string]string{
		"kafka: {tls: {enabled: true, ca_file: none.pem}}":                                         "reading kafka.tls.ca_file: open none.pem",
		"kafka: {tls: {enabled: true, ca_file: text.pem}}":                                         "reading kafka.tls.ca_file: no certificate in text.pem: give one in PEM form",
		"redis: {tls: {enabled: true, ca_file: none.pem}}":                                         "reading redis.tls.ca_file: open none.pem",
		"redis: {tls: {enabled: true, cert_file: tidemark.pem, key_file: none.pem}}":               "reading redis.tls.cert_file tidemark.pem and key_file none.pem: open none.pem",
		"kafka: {tls: {enabled: true, cert_file: tidemark.pem, key_file: text.pem}}":               "reading kafka.tls.cert_file tidemark.pem and key_file text.pem",
		"kafka: {sasl: {mechanism: scram-sha-256, username: \"\\u0007\", password: '${UNUSUAL}'}}": "preparing kafka.sasl",
		"kafka: {sasl: {mechanism: scram-sha-512, username: tidemark, password: '${UNUSUAL}'}}":    "preparing kafka.sasl",
	} {
		t.Setenv("UNUSUAL", hidden+"\u0007")
		writeFile(t, "tidemark.yaml", settings)
		r := tidemark(t, nil, "verify", "-c", "tidemark.yaml")
		require.Equal(t, failed, r.code, settings)
		require.Contains(t, r.stderr, says)
		require.NotContains(t, r.stderr, hidden)
	}
}

// A file is meant from the folder of the configuration, wherever the command runs.
func TestFilesLieBesideTheConfiguration(t *testing.T) {
	certificates(t)
	writeFile(t, "tidemark.yaml", "kafka: {tls: {enabled: true, ca_file: ca.pem}}")
	folder, err := os.Getwd()
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	c, err := config.Load(filepath.Join(folder, "tidemark.yaml"), os.LookupEnv)
	require.NoError(t, err)
	where, err := servers(c)
	require.NoError(t, err)
	require.NotNil(t, where.Kafka.TLS.RootCAs)
}
